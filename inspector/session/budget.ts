// What may still be made of one session and done with it. What its bytes say once is bounded by their number; what they
// say again and again, by references, long names or an expression that meets one list in many places, is bounded here.

import { maxSteps } from "./limits.ts";
import type { PhpKey } from "./model.ts";
import { UnreadableSessionError } from "./unreadable.ts";

/** What a value costs beside the bytes of its text: it is looked at, and has a place in memory. */
export const valueCost = 32;

export class Budget {
  #left: number;
  #error: UnreadableSessionError | undefined;

  /** In bytes looked at or made. */
  constructor(bytes = maxSteps) {
    this.#left = bytes;
  }

  /** @throws UnreadableSessionError `too-costly`, from the first time on that there is less left */
  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left >= 0) return;
    // Made once: whoever catches it and goes on must not be able to spend the time that an error takes.
    this.#error ??= new UnreadableSessionError("too-costly", 0);
    throw this.#error;
  }

  /**
   * For one more key of an array or object that has so many: V8 hashes integers in a way that is known to everybody, and
   * before Node.js 20.20.2 text that is an integer, too. So all others can share a slot with this one. A list's next
   * index and other text cost nothing.
   * @throws UnreadableSessionError `too-costly`
   */
  spendOnKey(key: PhpKey, others: number): void {
    if (typeof key !== "string" && key !== others) this.spend(others);
  }
}
