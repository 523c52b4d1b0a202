// Bytes <-> frames: the {packet,2} framing that ejabberd speaks with its external-auth program.
//
//   stream = *frame
//   frame  = length payload         ; length: 2 bytes, big-endian, unsigned: 0 to 65535
//   answer = %x00.02 %x00 bit       ; bit: %x01 yes, %x00 no
//
// Source: ejabberd src/extauth.erl (open_port with {packet, 2}); Erlang/OTP erts, open_port/2.

/** Puts frames together from chunks of any size. Holds at most one unfinished frame (65535 bytes). */
export class FrameReader {
  #length = 0;
  #lengthBytes = 0;
  #payload = Buffer.alloc(0);
  #filled = 0;

  /** Gives the payloads that this chunk completes, in their order. Throws nothing: any bytes are frames. */
  push(chunk: Uint8Array): Buffer[] {
    const frames: Buffer[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#lengthBytes < 2) {
        this.#length = this.#length * 256 + (chunk[at++] as number);
        this.#lengthBytes++;
        if (this.#lengthBytes < 2) continue;
        this.#payload = Buffer.allocUnsafe(this.#length);
        this.#filled = 0;
      }
      const taken = chunk.subarray(at, at + this.#length - this.#filled);
      this.#payload.set(taken, this.#filled);
      this.#filled += taken.length;
      at += taken.length;
      if (this.#filled === this.#length) {
        frames.push(this.#payload);
        this.#length = 0;
        this.#lengthBytes = 0;
      }
    }
    return frames;
  }
}

/** Gives the four bytes of an answer. */
export function answerBytes(yes: boolean): Buffer {
  return Buffer.from([0, 2, 0, yes ? 1 : 0]);
}
