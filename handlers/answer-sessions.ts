// What POST /sessions asks and answers: many session ids, and a boolean for each.

import type { APIGatewayProxyEventV2 } from "aws-lambda";
import type { SessionsVerdict, Unavailable } from "../inspector/verdict.ts";
import { MAX_SESSIONS_REQUEST_BYTES } from "../protocol/limits.ts";
import { parseSessionsRequest, type SessionsRequest } from "../protocol/sessions-request.ts";
import { type Ask, answerEvent, type Response, type Route } from "./answer-event.ts";
import type { Log } from "./log.ts";

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
  // Its booleans stand for no login: there is nothing to tell beside them.
  asksWhy: () => false,
  verdictAnswer: ({ authenticated }) => ({ authenticated }),
};

/** Gives the response to an event of API Gateway's HTTP API (payload format 2.0). Throws nothing. */
export function answerSessions(
  event: APIGatewayProxyEventV2,
  inspectSessions: InspectSessions,
  log: Log,
  nowMs: () => number,
): Promise<Response> {
  return answerEvent(sessions, event, inspectSessions, log, nowMs);
}
