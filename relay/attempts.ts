// One question's time, split over at most two attempts: the second begins when the first has failed in a way that may
// pass, or has been silent for too long. The first answer of the two is the answer.

import type { Verdict } from "../protocol/login-answer.ts";
import { ApiError, type Attempt } from "./api.ts";
import type { RequestSlots } from "./request-slots.ts";
import { secondAfterMs, silenceMs } from "./second-attempt.ts";

/** The question's time is over and no answer came. */
export class DeadlineError extends Error {
  readonly code = "deadline";
  readonly detail: string;

  constructor(deadlineMs: number) {
    super(`deadline: ${deadlineMs}ms`);
    this.name = "DeadlineError";
    this.detail = `${deadlineMs}ms`;
  }
}

export interface AttemptsOptions<Answer = Verdict> {
  /** Begins an attempt; `isFresh`: over a new connection. */
  readonly begin: (isFresh: boolean) => Attempt<Answer>;
  /** In milliseconds, for both attempts and the wait between them. */
  readonly deadlineMs: number;
  /** Where the second attempt gets a slot of its own while the first is in flight: without one it is not begun. */
  readonly slots: Pick<RequestSlots, "tryTake" | "release">;
  /** A clock that only goes forward, in milliseconds. */
  readonly now: () => number;
  /** From 0 to 1, new at each call. */
  readonly random: () => number;
}

/**
 * Returns the function's answer within `deadlineMs`. Asking it twice changes nothing.
 * @throws ApiError or DeadlineError: the first fault where there was more than one.
 */
export function askWithRetry<Answer>(options: AttemptsOptions<Answer>): Promise<Answer> {
  const { begin, deadlineMs, slots, now, random } = options;
  return new Promise((resolve, reject) => {
    const startedAtMs = now();
    const inFlight = new Set<Attempt<Answer>>();
    let begun = 0;
    let firstFault: unknown;

    const end = () => {
      clearTimeout(deadline);
      clearTimeout(second);
      for (const attempt of inFlight) attempt.abandon();
      inFlight.clear();
    };
    const answered = (attempt: Attempt<Answer>, answer: Answer) => {
      inFlight.delete(attempt);
      end();
      // A machine that slept may find the answer before the timer: it is late all the same.
      if (now() - startedAtMs >= deadlineMs) reject(new DeadlineError(deadlineMs));
      else resolve(answer);
    };
    const failed = (attempt: Attempt<Answer>, fault: unknown) => {
      // An abandoned attempt fails as well, and says nothing.
      if (!inFlight.delete(attempt)) return;
      firstFault ??= fault;
      const waitMs =
        begun === 1
          ? secondAfterMs(
              fault instanceof ApiError ? fault.retryAfterMs : undefined,
              deadlineMs - (now() - startedAtMs),
              random,
            )
          : undefined;
      if (waitMs !== undefined) {
        clearTimeout(second);
        second = setTimeout(start, waitMs, !isThrottled(fault));
      } else if (inFlight.size === 0) {
        end();
        reject(firstFault);
      }
    };
    const start = (isFresh: boolean) => {
      const isBeside = inFlight.size > 0;
      if (isBeside && !slots.tryTake()) return;
      const attempt = begin(isFresh);
      begun++;
      inFlight.add(attempt);
      attempt.answer.then(
        (answer) => answered(attempt, answer),
        (fault) => failed(attempt, fault),
      );
      if (isBeside) attempt.answer.finally(() => slots.release()).catch(() => {});
    };

    const deadline = setTimeout(() => {
      end();
      reject(firstFault ?? new DeadlineError(deadlineMs));
    }, deadlineMs);
    let second = setTimeout(start, silenceMs(deadlineMs), true);
    start(false);
  });
}

/** Its connection carried the answer, and is in order: with a new one, a throttled storm would cost a handshake a login. */
function isThrottled(fault: unknown): boolean {
  return fault instanceof ApiError && fault.code === "api-throttled";
}
