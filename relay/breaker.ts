// The circuit breaker: while it is open, no login is sent to the API and all are refused at once. Faults of logins make
// the relay suspect the API and no more, for one account can cause as many as it likes. The breaker opens only when
// the relay's own probes fail, two in a row, and only a probe closes it.

import type { Log } from "./log.ts";
import type { Probe } from "./probe.ts";

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

export interface BreakerOptions {
  readonly probe: Probe;
  /** How long a login may take, in milliseconds: an API that answers within this time is slow and not dead. */
  readonly deadlineMs: number;
  /** A clock that only goes forward, in milliseconds. */
  readonly now: () => number;
  /** From 0 to 1, new at each call. */
  readonly random: () => number;
  readonly log: Log;
}

export class Breaker {
  readonly #options: BreakerOptions;
  #isOpen = false;
  /** A probe is due or in flight that may open the breaker. */
  #isSuspecting = false;
  /** Probes that failed in a row, with no answer to anybody between them. */
  #failures = 0;
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #probedAtMs = Number.NEGATIVE_INFINITY;
  #patienceMs = leastPatienceMs;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The API has answered: a login, or a probe. */
  answered(): void {
    this.#answeredAtMs = this.#options.now();
    this.#failures = 0;
  }

  /** A login had no answer, or has waited for it for long. The breaker asks for itself, unless it does already. */
  suspect(): void {
    if (this.#isOpen || this.#isSuspecting) return;
    this.#isSuspecting = true;
    this.#probeOnceDue();
  }

  #probeOnceDue(): void {
    const waitMs = this.#probedAtMs + leastGapMs - this.#options.now();
    if (waitMs <= 0) this.#probe();
    else this.#after(waitMs, () => this.#probe());
  }

  #after(waitMs: number, run: () => void): void {
    this.#timer = setTimeout(run, waitMs);
  }

  #probe(): void {
    const { probe, now } = this.#options;
    this.#probedAtMs = now();
    let askedAtMs = this.#probedAtMs;
    let patience: NodeJS.Timeout | undefined;
    // One that began while the breaker was open may close it, and opens it no more once it is closed.
    let mayFail = !this.#isOpen;
    const fail = (detail: string) => {
      if (mayFail) this.#failed(askedAtMs, detail);
      mayFail = false;
    };
    const onAsked = () => {
      askedAtMs = now();
      const patienceMs = this.#patienceMs;
      // If this process was held up itself, the answer may be there and not read yet: timers run before sockets.
      const judge = () => setImmediate(fail, `no answer within ${patienceMs}ms`);
      patience = setTimeout(judge, patienceMs);
    };
    void probe(onAsked).then(({ health, detail }) => {
      clearTimeout(patience);
      if (health === "alive") this.#succeeded(now() - askedAtMs);
      else if (health === "dead") fail(detail);
      else if (mayFail) this.#isSuspecting = false;
    });
  }

  #succeeded(tookMs: number): void {
    this.#isSuspecting = false;
    this.answered();
    // An API that takes its time is given twice as much from here on: slow is not dead.
    this.#patienceMs = Math.max(leastPatienceMs, Math.min(2 * tookMs, this.#options.deadlineMs));
    if (!this.#isOpen) return;
    this.#isOpen = false;
    clearTimeout(this.#timer);
    this.#options.log("info", "breaker-closed");
  }

  #failed(askedAtMs: number, detail: string): void {
    // Meanwhile the API has answered somebody: it is the probe that was lost.
    if (this.#answeredAtMs > askedAtMs) {
      this.#isSuspecting = false;
    } else if (++this.#failures < failuresToOpen) {
      this.#probeOnceDue();
    } else if (!this.#isOpen) {
      this.#isOpen = true;
      this.#isSuspecting = false;
      this.#options.log("error", "breaker-opened", () => ({ detail }));
      this.#keepProbing(firstWaitMs);
    }
  }

  /** Each probe on its time, whether or not the one before has an answer: it may wait on a connection that is lost. */
  #keepProbing(waitMs: number): void {
    this.#after(waitMs * (1 - this.#options.random() / 4), () => {
      this.#keepProbing(Math.min(2 * waitMs, longestWaitMs));
      this.#probe();
    });
  }
}
