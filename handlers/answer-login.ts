// What POST /auth asks and answers: a login, and one bit.

import type { Unavailable, Verdict } from "../inspector/verdict.ts";
import { MAX_REQUEST_BYTES } from "../protocol/limits.ts";
import type { IsUserPolicy } from "../protocol/login-answer.ts";
import { type LoginRequest, parseLoginRequest } from "../protocol/login-request.ts";
import { type Ask, createHandler, type Environment, type Handler, type Route } from "./answer-event.ts";

type Reached = Exclude<Verdict, Unavailable>;

export type Inspect = Ask<LoginRequest, Reached>;

/** Returns the policy of a host, or undefined if this site has no users there. */
export type IsUserPolicyOf = (server: string) => IsUserPolicy | undefined;

const login: Omit<Route<LoginRequest, Reached>, "verdictAnswer"> = {
  name: "login",
  maxBodyBytes: MAX_REQUEST_BYTES,
  parse: parseLoginRequest,
  logFields: ({ op }, verdict) => ({ op, ...verdict }),
  metrics: ({ op }, verdict, durationMs) =>
    // Asking whether a user exists is no login.
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
};

/** Returns the handler of POST /auth: see createHandler. */
export function createLoginHandler(
  inspect: Inspect,
  isUserPolicyOf: IsUserPolicyOf,
  environment: Environment,
): Handler {
  const verdictAnswer = ({ nonce, server }: LoginRequest, verdict: Reached, tellsWhy: boolean) => ({
    // The one place where three outcomes become one bit.
    allow: verdict.outcome === "allowed",
    ...(tellsWhy && verdict.outcome === "refused" && { reason: verdict.reason }),
    // A relay from before the nonce refuses fields that it does not know.
    ...(nonce !== undefined && { nonce, isuser: isUserPolicyOf(server) }),
  });
  return createHandler({ ...login, verdictAnswer }, inspect, environment);
}

function codeOf(verdict: Verdict): { readonly Code?: string } {
  if (verdict.outcome === "allowed") return {};
  return { Code: verdict.outcome === "refused" ? verdict.reason : verdict.fault };
}
