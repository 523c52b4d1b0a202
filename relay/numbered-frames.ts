// Numbered frames: many questions in flight over one connection. Each question carries a number that its answer repeats,
// so answers may come in any order and a late one is harmless.
//
//   connection = hello *question        ; from the caller
//              / hello *answer          ; from the relay
//   hello      = %x00.07 "hello:1"
//   question   = length number command  ; command: command.ts
//   answer     = length number outcome
//   length     = 2OCTET                 ; big-endian, of what follows it
//   number     = 4OCTET                 ; the caller's choice; used once at a time
//   outcome    = %x00                   ; no
//              / %x01                   ; a proven yes
//              / %x02                   ; unavailable: neither is known
//              / states                 ; of connections that are open: still.ts, as is their question

import type { Decision } from "./outcome.ts";

/** Both sides begin with it. A relay that does not know it answers `00 02 00 00`, as it answers any unknown command. */
export const hello = new TextEncoder().encode("\0\x07hello:1");

export const numberBytes = 4;

/** Returns the number that a frame's payload begins with, or undefined if it is too short to have one. */
export function numberOf(payload: Buffer): number | undefined {
  return payload.length < numberBytes ? undefined : payload.readUInt32BE();
}

const outcomes: Readonly<Record<Decision, Uint8Array>> = {
  refused: Uint8Array.of(0),
  allowed: Uint8Array.of(1),
  unavailable: Uint8Array.of(2),
};

const firstBytes = 448;

/** Collects the bytes of answers that are to be written together. */
export class AnswerBatch {
  #bytes = Buffer.allocUnsafe(firstBytes);
  #length = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** `answer`: a decision, or the bytes of another answer. */
  add(number: number, answer: Decision | Uint8Array): void {
    const outcome = answer instanceof Uint8Array ? answer : (outcomes[answer] ?? outcomes.unavailable);
    const end = this.#length + 2 + numberBytes + outcome.length;
    if (end > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], 2 * end);
    let at = this.#bytes.writeUInt16BE(numberBytes + outcome.length, this.#length);
    at = this.#bytes.writeUInt32BE(number, at);
    this.#bytes.set(outcome, at);
    this.#length = end;
  }

  /** Returns the bytes of all answers since the last call. They are not written to again. */
  take(): Buffer {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.allocUnsafe(firstBytes);
    this.#length = 0;
    return bytes;
  }
}
