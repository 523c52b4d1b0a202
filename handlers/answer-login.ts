// What POST /auth asks and answers: a login, and one bit.

import type { APIGatewayProxyEventV2 } from "aws-lambda";
import type { Unavailable, Verdict } from "../inspector/verdict.ts";
import { MAX_REQUEST_BYTES } from "../protocol/limits.ts";
import { type LoginRequest, parseLoginRequest } from "../protocol/login-request.ts";
import { type Ask, answerEvent, type Response, type Route } from "./answer-event.ts";
import type { Log } from "./log.ts";

type Reached = Exclude<Verdict, Unavailable>;

export type Inspect = Ask<LoginRequest, Reached>;

const login: Route<LoginRequest, Reached> = {
  name: "login",
  maxBodyBytes: MAX_REQUEST_BYTES,
  parse: parseLoginRequest,
  logFields: ({ op }, verdict) => ({ op, ...verdict }),
  asksWhy: ({ explain }) => explain === true,
  // The one place where three outcomes become one bit, or none.
  verdictAnswer: (verdict, tellsWhy) => ({
    allow: verdict.outcome === "allowed",
    ...(tellsWhy && verdict.outcome === "refused" && { reason: verdict.reason }),
  }),
};

/** Gives the response to an event of API Gateway's HTTP API (payload format 2.0). Throws nothing. */
export function answerLogin(
  event: APIGatewayProxyEventV2,
  inspect: Inspect,
  log: Log,
  nowMs: () => number,
): Promise<Response> {
  return answerEvent(login, event, inspect, log, nowMs);
}
