// One login's time, split over at most two tries: the second begins when the first has failed in a way that a
// second one may not, or when it has been silent for too long. The first answer of the two is the answer.

import { ApiFault, type Try, type Verdict } from "./api.ts";

/** The login's time is over and no answer came. */
export class DeadlineFault extends Error {
  readonly code = "deadline";
  readonly detail: string;

  constructor(deadlineMs: number) {
    super(`deadline: ${deadlineMs}ms`);
    this.name = "DeadlineFault";
    this.detail = `${deadlineMs}ms`;
  }
}

export interface TwoTriesOptions {
  /** Begins a try; `isFresh`: over a new connection. */
  readonly begin: (isFresh: boolean) => Try;
  /** In milliseconds, for both tries and the wait between them. */
  readonly deadlineMs: number;
  /** After so many milliseconds of silence the second try begins beside the first; both may answer. */
  readonly hedgeAfterMs: number;
  /** From 0 to 1, anew at each call. */
  readonly random: () => number;
}

/** After a fault that asks for no wait, the second try begins within so many milliseconds. */
const jitterMs = 100;
/** A second try without this much time left would only add load. */
const leastTryMs = 50;

/**
 * Gives the function's verdict within `deadlineMs`. Throws ApiFault or DeadlineFault: the fault that came first where
 * there was more than one. A login is a question, so asking it twice changes nothing.
 */
export function askTwice(options: TwoTriesOptions): Promise<Verdict> {
  const { begin, deadlineMs, hedgeAfterMs, random } = options;
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const underWay = new Set<Try>();
    let begun = 0;
    let firstFault: unknown;

    const end = () => {
      clearTimeout(deadline);
      clearTimeout(second);
      for (const one of underWay) one.giveUp();
      underWay.clear();
    };
    const answered = (one: Try, verdict: Verdict) => {
      underWay.delete(one);
      end();
      // A machine that slept may find the answer before the timer: it is late all the same.
      if (performance.now() - startedAt >= deadlineMs) reject(new DeadlineFault(deadlineMs));
      else resolve(verdict);
    };
    const failed = (one: Try, fault: unknown) => {
      // One that was given up has nothing to say any more.
      if (!underWay.delete(one)) return;
      firstFault ??= fault;
      const waitMs = begun === 1 ? waitBeforeSecondMs(fault, random) : Number.POSITIVE_INFINITY;
      if (performance.now() - startedAt + waitMs + leastTryMs < deadlineMs) {
        clearTimeout(second);
        second = setTimeout(start, waitMs, true);
      } else if (underWay.size === 0) {
        end();
        reject(firstFault);
      }
    };
    const start = (isFresh: boolean) => {
      const one = begin(isFresh);
      begun++;
      underWay.add(one);
      one.answer.then(
        (verdict) => answered(one, verdict),
        (fault) => failed(one, fault),
      );
    };

    const deadline = setTimeout(() => {
      end();
      reject(firstFault ?? new DeadlineFault(deadlineMs));
    }, deadlineMs);
    let second = setTimeout(start, Math.min(hedgeAfterMs, deadlineMs), true);
    start(false);
  });
}

function waitBeforeSecondMs(fault: unknown, random: () => number): number {
  if (!(fault instanceof ApiFault) || fault.retryAfterMs === undefined) return Number.POSITIVE_INFINITY;
  // Those who failed at one moment do not come back at one moment.
  return fault.retryAfterMs + random() * (jitterMs + fault.retryAfterMs / 2);
}
