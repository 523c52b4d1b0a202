// A relay: its slots for requests, the questions that wait for one, and its breaker. The decisions are the relay's own
// code. One caller asks it (the module), or callers with one question each (a pool): either way the questions that wait
// are served in the order in which they came.

import { BreakerState } from "../../relay/breaker-state.ts";
import { longestWaitMs, usualAfter } from "../../relay/request-slots.ts";
import { Fifo } from "./fifo.ts";
import { Processor } from "./processor.ts";

export class RelayHost {
  readonly breaker: BreakerState;
  /** Node runs its JavaScript on one core. */
  readonly processor = new Processor(1);
  readonly #waiting = new Fifo();
  #free: number;
  #usualMs = 0;

  constructor({ maxInFlight, deadlineMs }: { readonly maxInFlight: number; readonly deadlineMs: number }) {
    this.#free = maxInFlight;
    this.breaker = new BreakerState(deadlineMs);
  }

  /** Takes a slot if one is free. */
  tryTake(): boolean {
    if (this.#free === 0) return false;
    this.#free--;
    return true;
  }

  /** A login waits for a slot. Returns for how long at most. */
  wait(login: number, leftMs: number): number {
    this.#waiting.push(login);
    return longestWaitMs(this.#usualMs, leftMs);
  }

  /** Returns the next login that still waits, which has the slot now, or undefined: the slot is free. */
  release(tookMs: number | undefined, stillWaits: (login: number) => boolean): number | undefined {
    if (tookMs !== undefined) this.#usualMs = usualAfter(this.#usualMs, tookMs);
    for (let login = this.#waiting.shift(); login !== undefined; login = this.#waiting.shift()) {
      if (stillWaits(login)) return login;
    }
    this.#free++;
    return undefined;
  }
}
