// When to stop asking: an API that is dead for everybody is answered for with no at once, and looked at again
// from time to time. A login that comes then is the look; all others need not wait for it.

/** So many logins in a row without an answer of the function, and the API counts as dead. */
export const faultsToOpen = 5;
/** The first look is taken so many milliseconds later; after each that fails, the wait doubles up to the longest. */
export const firstWaitMs = 1_000;
export const longestWaitMs = 15_000;

/** What may be done with a login: ask; ask, as the look at an API that counts as dead; or say no at once. */
export type Admission = "ask" | "look" | "no";

/** Pure state: the time is an argument, in milliseconds of a clock that only goes forward. */
export class Breaker {
  #faultsInARow = 0;
  /** From one look to the next; 0 while the API counts as alive. */
  #waitMs = 0;
  #nextLookMs = 0;

  get isOpen(): boolean {
    return this.#waitMs > 0;
  }

  /** Every "look" must be followed by `answered` or `failed`, every "ask" by one of them or by nothing. */
  admit(nowMs: number): Admission {
    if (!this.isOpen) return "ask";
    if (nowMs < this.#nextLookMs) return "no";
    // One look at a time: the next is due some time after this one has failed.
    this.#nextLookMs = Number.POSITIVE_INFINITY;
    return "look";
  }

  /** The function answered: it is there. */
  answered(): void {
    this.#faultsInARow = 0;
    this.#waitMs = 0;
  }

  /** A login got no answer of the function. Gives whether that opened the breaker. */
  failed(nowMs: number, admission: "ask" | "look"): boolean {
    if (this.isOpen) {
      // Those asked before it opened fail one after another; only a look says something new.
      if (admission === "look") this.#wait(nowMs, Math.min(2 * this.#waitMs, longestWaitMs));
      return false;
    }
    this.#faultsInARow++;
    if (this.#faultsInARow < faultsToOpen) return false;
    this.#wait(nowMs, firstWaitMs);
    return true;
  }

  #wait(nowMs: number, waitMs: number): void {
    this.#waitMs = waitMs;
    this.#nextLookMs = nowMs + waitMs;
  }
}
