// When a login's second attempt begins: decided here, without a clock, a timer or a request.

/** After a fault that asks for no wait, the second attempt begins within this many milliseconds. */
const jitterMs = 100;
/** A second attempt with less time left than this would only add load. */
const leastAttemptMs = 50;

/**
 * Returns after how many milliseconds the second attempt begins once the first has failed, or undefined for none.
 *
 * @param retryAfterMs the least wait that the first one's fault asks for; undefined: a second would fare no better
 * @param leftMs what is left of the login's time
 * @param random returns a number from 0 to 1
 */
export function secondAfterMs(
  retryAfterMs: number | undefined,
  leftMs: number,
  random: () => number,
): number | undefined {
  if (retryAfterMs === undefined) return undefined;
  // Jitter, so that clients that failed together do not retry together.
  const waitMs = retryAfterMs + random() * (jitterMs + retryAfterMs / 2);
  return waitMs + leastAttemptMs < leftMs ? waitMs : undefined;
}

/** Returns after how many milliseconds of silence the second attempt begins beside the first; both may answer. */
export function silenceMs(deadlineMs: number): number {
  return deadlineMs / 2;
}
