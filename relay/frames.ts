// Bytes <-> frames: the {packet,2} framing that ejabberd speaks with its external-auth program.
//
//   stream = *frame
//   frame  = length payload         ; length: 2 bytes, big-endian, unsigned: 0 to 65535
//   answer = %x00.02 %x00 bit       ; bit: %x01 yes, %x00 no
//
// Source: ejabberd src/extauth.erl (open_port with {packet, 2}); Erlang/OTP erts, open_port/2.

const lengthBytes = 2;

/**
 * Puts frames together from chunks of any size, one at a time: a chunk may hold thousands, and the other members have
 * their turns between them. Holds the chunks that are not read yet, and at most one unfinished frame (65535 bytes).
 */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  /** Offset of the first unread byte in the first chunk. */
  #at = 0;
  /** The frame's length as far as it is there. */
  #length = 0;
  #lengthRead = 0;
  #payload = Buffer.alloc(0);
  #filled = 0;

  /** Takes a chunk, which may not be changed until its frames are read. */
  push(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#chunks.push(chunk);
  }

  /** Returns the next frame's payload, or undefined if it is not there as a whole. Throws nothing: any bytes are frames. */
  next(): Buffer | undefined {
    for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
      this.#read(chunk);
      if (this.#at === chunk.length) {
        this.#chunks.shift();
        this.#at = 0;
      }
      if (this.#lengthRead === lengthBytes && this.#filled === this.#length) {
        this.#lengthRead = 0;
        return this.#payload;
      }
    }
    return undefined;
  }

  /** Reads from the chunk to its end or that of the frame. */
  #read(chunk: Uint8Array): void {
    while (this.#lengthRead < lengthBytes) {
      if (this.#at === chunk.length) return;
      this.#length = (this.#lengthRead === 0 ? 0 : this.#length * 256) + (chunk[this.#at++] as number);
      this.#lengthRead++;
      if (this.#lengthRead === lengthBytes) {
        this.#payload = Buffer.allocUnsafe(this.#length);
        this.#filled = 0;
      }
    }
    const part = chunk.subarray(this.#at, this.#at + this.#length - this.#filled);
    this.#payload.set(part, this.#filled);
    this.#filled += part.length;
    this.#at += part.length;
  }
}

/** Returns the four bytes of an answer. */
export function answerBytes(yes: boolean): Buffer {
  return Buffer.from([0, 2, 0, yes ? 1 : 0]);
}
