// The users' clients: when each comes first, and what it does after a refusal.

import { waitBeforeAttemptMs } from "../../infra/page/inspectord.js";
import type { Arrivals, ClientKind } from "./scenario.ts";

/** Converse.js 14, with credentials_url: three seconds, without jitter. */
const converseMs = 3_000;

/** Returns when a user makes the first attempt. @param random returns a number from 0 to 1 */
export function firstAttemptMs(arrivals: Arrivals, random: () => number): number {
  switch (arrivals.kind) {
    case "page":
      return waitBeforeAttemptMs("lost", 0, arrivals.spreadSeconds, random());
    case "even":
      return random() * arrivals.withinMs;
    case "decaying":
      // All have come after ten half-lives.
      return -Math.log2(1 - random() * (1 - 2 ** -10)) * arrivals.halfMs;
  }
}

/**
 * Returns how long a client waits after this many refusals in a row, or undefined: it has given up, and a person must
 * log in again.
 */
export function waitAfterRefusalMs(
  client: ClientKind,
  failures: number,
  random: () => number,
): number | undefined {
  switch (client) {
    case "once":
      return undefined;
    case "every-3-s":
      return converseMs;
    case "page":
      // The span is for a connection that was lost: after a refusal it plays no part.
      return waitBeforeAttemptMs("refused", failures, 0, random());
  }
}
