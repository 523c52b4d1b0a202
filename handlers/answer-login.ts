// What POST /auth asks and answers: a login, and one bit.

import type { Unavailable, Verdict } from "../inspector/verdict.ts";
import { MAX_REQUEST_BYTES } from "../protocol/limits.ts";
import { type LoginRequest, parseLoginRequest } from "../protocol/login-request.ts";
import { type Ask, createHandler, type Handler, type Route, type Surroundings } from "./answer-event.ts";

type Reached = Exclude<Verdict, Unavailable>;

export type Inspect = Ask<LoginRequest, Reached>;

const login: Route<LoginRequest, Reached> = {
  name: "login",
  maxBodyBytes: MAX_REQUEST_BYTES,
  parse: parseLoginRequest,
  logFields: ({ op }, verdict) => ({ op, ...verdict }),
  metrics: ({ op }, verdict, durationMs) =>
    // The question whether a user exists is no login.
    op === "isuser"
      ? undefined
      : {
          dimensions: { Outcome: verdict.outcome, ...codeOf(verdict) },
          values: {
            Logins: { value: 1, unit: "Count" },
            LoginDuration: { value: durationMs, unit: "Milliseconds" },
          },
        },
  asksWhy: ({ explain }) => explain === true,
  // The one place where three outcomes become one bit, or none.
  verdictAnswer: (verdict, tellsWhy) => ({
    allow: verdict.outcome === "allowed",
    ...(tellsWhy && verdict.outcome === "refused" && { reason: verdict.reason }),
  }),
};

/** Gives what answers the events of POST /auth: see createHandler. */
export function createLoginHandler(inspect: Inspect, surroundings: Surroundings): Handler {
  return createHandler(login, inspect, surroundings);
}

function codeOf(verdict: Verdict): { readonly Code?: string } {
  if (verdict.outcome === "allowed") return {};
  return { Code: verdict.outcome === "refused" ? verdict.reason : verdict.fault };
}
