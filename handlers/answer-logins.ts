// What POST /logins asks and answers: many logins whose connections are open, and live, ended or unknown for each.

import type { LoginsVerdict, Unavailable, Watched } from "../inspector/verdict.ts";
import { MAX_LOGINS_REQUEST_BYTES } from "../protocol/limits.ts";
import { stateCharacters } from "../protocol/logins-answer.ts";
import { type LoginsRequest, parseLoginsRequest } from "../protocol/logins-request.ts";
import { type Ask, createHandler, type Environment, type Handler, type Route } from "./answer-event.ts";
import type { LogFields } from "./function-log.ts";

type Reached = Exclude<LoginsVerdict, Unavailable>;

export type InspectLogins = Ask<LoginsRequest, Reached>;

const logins: Route<LoginsRequest, Reached> = {
  name: "logins",
  maxBodyBytes: MAX_LOGINS_REQUEST_BYTES,
  parse: parseLoginsRequest,
  logFields: ({ logins: asked }, verdict) => ({
    asked: asked.length,
    ...(verdict.outcome === "answered"
      ? { outcome: verdict.outcome, ...countsOf(verdict.watched) }
      : verdict),
  }),
  metrics: (_, { outcome }) => ({
    dimensions: { Outcome: outcome },
    values: { LoginWatches: { value: 1, unit: "Count" } },
  }),
  // A character has no reason.
  asksWhy: () => false,
  verdictAnswer: ({ nonce }, { watched }) => ({
    live: watched.map(({ outcome }) => stateCharacters[outcome]).join(""),
    ...(nonce !== undefined && { nonce }),
  }),
};

/** Returns the handler of POST /logins: see createHandler. */
export function createLoginsHandler(inspectLogins: InspectLogins, environment: Environment): Handler {
  return createHandler(logins, inspectLogins, environment);
}

/** How many are live, ended and unknown, and why the first unknown one is. */
function countsOf(watched: readonly Watched[]): LogFields {
  const count = (state: Watched["outcome"]) => watched.filter(({ outcome }) => outcome === state).length;
  const unknown = watched.find((one) => one.outcome === "unknown");
  return {
    live: count("live"),
    ended: count("ended"),
    unknown: count("unknown"),
    ...(unknown && { code: unknown.code, detail: unknown.detail }),
  };
}
