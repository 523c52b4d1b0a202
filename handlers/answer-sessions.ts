// What POST /sessions asks and answers: many session ids, and a boolean for each.

import type { SessionsVerdict, Unavailable } from "../inspector/verdict.ts";
import { MAX_SESSIONS_REQUEST_BYTES } from "../protocol/limits.ts";
import { parseSessionsRequest, type SessionsRequest } from "../protocol/sessions-request.ts";
import { type Ask, createHandler, type Environment, type Handler, type Route } from "./answer-event.ts";

type Reached = Exclude<SessionsVerdict, Unavailable>;

export type InspectSessions = Ask<SessionsRequest, Reached>;

const sessions: Route<SessionsRequest, Reached> = {
  name: "sessions",
  maxBodyBytes: MAX_SESSIONS_REQUEST_BYTES,
  parse: parseSessionsRequest,
  logFields: ({ ids }, verdict) => ({
    asked: ids.length,
    ...(verdict.outcome === "answered"
      ? { outcome: verdict.outcome, authenticated: verdict.authenticated.filter(Boolean).length }
      : verdict),
  }),
  metrics: (_, { outcome }) => ({
    dimensions: { Outcome: outcome },
    values: { SessionChecks: { value: 1, unit: "Count" } },
  }),
  // A boolean has no reason.
  asksWhy: () => false,
  verdictAnswer: (_, { authenticated }) => ({ authenticated }),
};

/** Returns the handler of POST /sessions: see createHandler. */
export function createSessionsHandler(inspectSessions: InspectSessions, environment: Environment): Handler {
  return createHandler(sessions, inspectSessions, environment);
}
