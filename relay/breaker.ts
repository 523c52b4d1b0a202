// The circuit breaker: while it is open, no login is sent to the API and all are refused at once. Faults of logins make
// the relay suspect the API and no more, for one account can cause as many as it likes. The breaker opens only when
// the relay's own probes fail, two in a row, and only a probe closes it. What it decides is in breaker-state.ts; the
// timers and the probes are here.

import { BreakerState } from "./breaker-state.ts";
import type { Log } from "./log.ts";
import type { Probe } from "./probe.ts";

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
  readonly #state: BreakerState;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.#state = new BreakerState(options.deadlineMs);
  }

  get isOpen(): boolean {
    return this.#state.isOpen;
  }

  /** The API has answered: a login, or a probe. */
  answered(): void {
    this.#state.answered(this.#options.now());
  }

  /** A login had no answer, or has waited for it for long. The breaker asks for itself, unless it does already. */
  suspect(): void {
    const afterMs = this.#state.suspect(this.#options.now());
    if (afterMs !== undefined) this.#probeAfter(afterMs);
  }

  #probeAfter(waitMs: number): void {
    if (waitMs === 0) this.#probe();
    else this.#after(waitMs, () => this.#probe());
  }

  #after(waitMs: number, run: () => void): void {
    this.#timer = setTimeout(run, waitMs);
  }

  #probe(): void {
    const { probe, now, log } = this.#options;
    const state = this.#state;
    const run = state.begin(now());
    let patience: NodeJS.Timeout | undefined;
    const fail = (detail: string) => {
      const next = state.failed(run, now());
      if (next === "nothing") return;
      if (next !== "opened") return this.#probeAfter(next.probeAfterMs);
      log("error", "breaker-opened", () => ({ detail }));
      this.#keepProbing();
    };
    const onAsked = () => {
      run.askedAtMs = now();
      const { patienceMs } = state;
      // If this process was held up itself, the answer may be there and not read yet: timers run before sockets.
      const judge = () => setImmediate(fail, `no answer within ${patienceMs}ms`);
      patience = setTimeout(judge, patienceMs);
    };
    void probe(onAsked).then(({ health, detail }) => {
      clearTimeout(patience);
      if (health === "dead") fail(detail);
      else if (health === "unknown") state.unsent(run);
      else if (state.succeeded(run, now())) {
        clearTimeout(this.#timer);
        log("info", "breaker-closed");
      }
    });
  }

  /** Each probe on its time, whether or not the one before has an answer: it may wait on a connection that is lost. */
  #keepProbing(): void {
    this.#after(this.#state.nextWaitMs(this.#options.random()), () => {
      this.#keepProbing();
      this.#probe();
    });
  }
}
