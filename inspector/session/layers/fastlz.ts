// FastLZ, the compression that \Memcached uses unless told otherwise: decompression alone.
//
//   block   = first { instruction } ;
//   first   = byte { byte } ;              (* LLLrrrrr: level - 1, then a literal run of r+1 bytes *)
//   literal = byte { byte } ;              (* 000rrrrr: r+1 bytes follow, and are copied *)
//   short   = byte low [ far ] ;           (* mmmooooo, m = 1..6: a match of m+2 bytes *)
//   long    = byte length low [ far ] ;    (* 111ooooo: a match of 9+length bytes *)
//   far     = byte byte ;                  (* level 2 only, where o = 31 and low = 255: big-endian *)
//
// A match copies what was written o*256 + low + 1 bytes ago (far: 8191 + far + 1), and may run into what it
// writes itself. `length` is one byte at level 1; at level 2 it goes on while its bytes are 255, and all are
// added. The compressor takes level 2 for 65536 bytes and more.
//
// Source: FastLZ 0.1.0 as php-memcached carries it, fastlz/fastlz.c; ariya/FastLZ README, "Block Format".

import { copyMatch } from "./copy-match.ts";

const longMatch = 7;
const farOffset = 31 * 256 + 255;

/**
 * Returns the `length` bytes that this block holds, or undefined if it holds more or fewer, or is no block. Takes time
 * linear in the block and `length`, and reads and writes nothing outside of them.
 */
export function decompressFastLz(block: Uint8Array, length: number): Uint8Array | undefined {
  const level = (block[0] ?? 0) >> 5;
  if (block.length === 0 || level > 1) return undefined;
  const isLevel2 = level === 1;
  const output = new Uint8Array(length);
  let from = 0;
  let to = 0;

  /** Returns the next byte of the block, or NaN past its end: every check below fails on that. */
  const next = () => block[from++] ?? Number.NaN;

  let instruction = next() & 31;
  for (;;) {
    const kind = instruction >> 5;
    if (kind === 0) {
      const end = from + instruction + 1;
      if (end > block.length || to + instruction + 1 > length) return undefined;
      output.set(block.subarray(from, end), to);
      to += instruction + 1;
      from = end;
    } else {
      let size = kind + 2;
      if (kind === longMatch) {
        let more = next();
        size += more;
        while (isLevel2 && more === 255) {
          more = next();
          size += more;
        }
      }
      let offset = (instruction & 31) * 256 + next();
      if (isLevel2 && offset === farOffset) offset += next() * 256 + next();
      const start = to - offset - 1;
      // Written so that NaN fails, too.
      if (!(start >= 0 && to + size <= length)) return undefined;
      to = copyMatch(output, start, to, size);
    }
    if (from >= block.length) break;
    instruction = next();
  }
  return to === length ? output : undefined;
}
