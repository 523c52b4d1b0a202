// What the circuit breaker decides, without a clock, a timer or a request: relay/breaker.ts has those, and the simulation
// of a storm (bench/storm) decides by the same code.

/** While closed, probes begin at least this many milliseconds apart. */
export const leastGapMs = 500;
/** One failure may be a lost packet. */
const failuresToOpen = 2;
/**
 * A probe has failed after this many milliseconds without an answer, and one that comes later still proves that the API
 * is alive: two of them give a function's cold start more than a second.
 */
export const leastPatienceMs = 600;
/** The first probe after the breaker has opened, and the longest wait between two: each wait is twice the one before. */
export const firstWaitMs = 500;
export const longestWaitMs = 5_000;

/** One probe, from its begin to its end. */
export interface ProbeRun {
  /** When its request was sent. */
  askedAtMs: number;
  /** Whether it may still count as failed: it does once at most. */
  mayFail: boolean;
}

/** What follows from a probe that failed: nothing, another one after so many milliseconds, or an open breaker. */
export type AfterFailure = "nothing" | "opened" | { readonly probeAfterMs: number };

export class BreakerState {
  readonly #deadlineMs: number;
  #isOpen = false;
  /** A probe is due or in flight that may open the breaker. */
  #isSuspecting = false;
  /** Probes that failed in a row, with no answer to anybody between them. */
  #failures = 0;
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #probedAtMs = Number.NEGATIVE_INFINITY;
  #patienceMs = leastPatienceMs;
  #waitMs = firstWaitMs;

  /** @param deadlineMs how long a login may take: an API that answers within this time is slow and not dead */
  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** How long a probe that is sent now may take until it counts as failed, in milliseconds. */
  get patienceMs(): number {
    return this.#patienceMs;
  }

  /** The API has answered: a login, or a probe. */
  answered(nowMs: number): void {
    this.#answeredAtMs = nowMs;
    this.#failures = 0;
  }

  /**
   * A login had no answer, or has waited for it for long. Returns after how many milliseconds a probe is to begin, or
   * undefined if none is needed: one is due already, or the breaker is open and probes by itself.
   */
  suspect(nowMs: number): number | undefined {
    if (this.#isOpen || this.#isSuspecting) return undefined;
    this.#isSuspecting = true;
    return this.#untilNextMs(nowMs);
  }

  /** A probe begins. */
  begin(nowMs: number): ProbeRun {
    this.#probedAtMs = nowMs;
    // One that began while the breaker was open may close it, and opens it no more once it is closed.
    return { askedAtMs: nowMs, mayFail: !this.#isOpen };
  }

  /** The probe had an answer. Returns whether this closed the breaker. */
  succeeded({ askedAtMs }: ProbeRun, nowMs: number): boolean {
    this.#isSuspecting = false;
    this.answered(nowMs);
    // An API that takes its time is given twice as much from here on: slow is not dead.
    this.#patienceMs = Math.max(leastPatienceMs, Math.min(2 * (nowMs - askedAtMs), this.#deadlineMs));
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    return wasOpen;
  }

  /** The probe failed, or was silent for too long. */
  failed(run: ProbeRun, nowMs: number): AfterFailure {
    if (!run.mayFail) return "nothing";
    run.mayFail = false;
    // Meanwhile the API has answered somebody: it is the probe that was lost.
    if (this.#answeredAtMs > run.askedAtMs) {
      this.#isSuspecting = false;
      return "nothing";
    }
    if (++this.#failures < failuresToOpen) return { probeAfterMs: this.#untilNextMs(nowMs) };
    if (this.#isOpen) return "nothing";
    this.#isOpen = true;
    this.#isSuspecting = false;
    this.#waitMs = firstWaitMs;
    return "opened";
  }

  /** The probe could not be sent, and says nothing. */
  unsent(run: ProbeRun): void {
    if (run.mayFail) this.#isSuspecting = false;
  }

  /**
   * Returns after how many milliseconds the next probe begins while the breaker is open, each time up to twice as many.
   * @param random from 0 to 1, new at each call
   */
  nextWaitMs(random: number): number {
    const waitMs = this.#waitMs;
    this.#waitMs = Math.min(2 * waitMs, longestWaitMs);
    return waitMs * (1 - random / 4);
  }

  #untilNextMs(nowMs: number): number {
    return Math.max(0, this.#probedAtMs + leastGapMs - nowMs);
  }
}
