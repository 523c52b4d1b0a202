// The time that the sessions of one question about many connections may take to decode and judge. A user can fill
// sessions that take long: the other users in the question must have their answers all the same.

/** In milliseconds, for all sessions of one question: then the rest of it has no answer. */
const questionMs = 3_000;
/** In milliseconds, for those of one user. */
const userMs = 250;

export class JudgingTime {
  readonly #nowMs: () => number;
  readonly #spentMs = new Map<string, number>();
  #leftMs = questionMs;

  /** @param nowMs the time, in milliseconds */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Returns what the work returns, and undefined, without doing it, where this user or the question has no time left. */
  spend<T>(user: string, work: () => T): T | undefined {
    const spentMs = this.#spentMs.get(user) ?? 0;
    if (this.#leftMs <= 0 || spentMs >= userMs) return undefined;
    const startedMs = this.#nowMs();
    try {
      return work();
    } finally {
      // A date that is set back gives no time back.
      const tookMs = Math.max(0, this.#nowMs() - startedMs);
      this.#leftMs -= tookMs;
      this.#spentMs.set(user, spentMs + tookMs);
    }
  }
}
