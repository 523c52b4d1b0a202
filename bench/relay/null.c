/* Says yes to every frame: what is left is ejabberd's own cost of a login. */
#include <unistd.h>

static int all(int n, unsigned char *to) {
  for (int at = 0; at < n;) {
    int got = read(0, to + at, n - at);
    if (got <= 0) return 0;
    at += got;
  }
  return 1;
}

int main(void) {
  static unsigned char frame[65536];
  while (all(2, frame) && all(frame[0] << 8 | frame[1], frame))
    if (write(1, "\0\2\0\1", 4) != 4) return 1;
  return 0;
}
