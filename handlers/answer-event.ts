// Event -> request -> outcome -> response: what every route does with its events, whatever it asks the inspector.

import type { APIGatewayProxyEventV2, APIGatewayProxyEventV2WithIAMAuthorizer } from "aws-lambda";
import { type Unavailable, unavailable } from "../inspector/verdict.ts";
import type { Answer } from "../protocol/login-answer.ts";
import type { Log, LogFields } from "./log.ts";

export interface Response {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Route<Request, Outcome> {
  /** What its log lines are called. */
  readonly name: string;
  readonly maxBodyBytes: number;
  readonly parse: (body: string) => { readonly request: Request } | { readonly breach: string };
  /** What the log tells: codes and counts, and nothing of the request's or the session's own words. */
  readonly logFields: (request: Request, outcome: Outcome | Unavailable) => LogFields;
  /** Whether the caller asks to hear why. It is told only to one that API Gateway knows by its signature. */
  readonly asksWhy: (request: Request) => boolean;
  /** What is answered where there is a verdict. `tellsWhy`: the caller may and wants to hear the reason. */
  readonly verdictAnswer: (outcome: Outcome, tellsWhy: boolean) => Readonly<Record<string, unknown>>;
}

export type Ask<Request, Outcome> = (request: Request) => Promise<Outcome | Unavailable>;

/** Gives the response to an event of API Gateway's HTTP API (payload format 2.0). Throws nothing. */
export async function answerEvent<Request, Outcome extends { readonly outcome: string }>(
  route: Route<Request, Outcome>,
  event: APIGatewayProxyEventV2,
  ask: Ask<Request, Outcome>,
  log: Log,
  nowMs: () => number,
): Promise<Response> {
  const startedMs = nowMs();
  const requestId = event.requestContext?.requestId;
  const parsed = route.parse(bodyOf(event, route.maxBodyBytes));
  if ("breach" in parsed) {
    log("warn", "contract-breach", { requestId, code: parsed.breach });
    return respond({ status: 400, body: JSON.stringify({ error: parsed.breach }) });
  }
  let outcome: Outcome | Unavailable;
  try {
    outcome = await ask(parsed.request);
  } catch (error) {
    // The kind of the error alone: its message could hold a piece of the session.
    log("error", "internal-error", { requestId, kind: error instanceof Error ? error.name : "unknown" });
    outcome = unavailable("internal-error");
  }
  log(isUnavailable(outcome) ? "error" : "info", route.name, {
    requestId,
    ...route.logFields(parsed.request, outcome),
    durationMs: Math.round(nowMs() - startedMs),
  });
  const tellsWhy = route.asksWhy(parsed.request) && isSigned(event);
  if (isUnavailable(outcome)) {
    const why = tellsWhy ? { reason: outcome.fault } : {};
    return respond({ status: 503, body: JSON.stringify({ error: "unavailable", ...why }) });
  }
  return respond({ status: 200, body: JSON.stringify(route.verdictAnswer(outcome, tellsWhy)) });
}

/** Whether API Gateway's aws_iam authorizer let this event in: it is who writes down the caller's access key. */
function isSigned(event: APIGatewayProxyEventV2): boolean {
  const { authorizer } = event.requestContext as Partial<
    APIGatewayProxyEventV2WithIAMAuthorizer["requestContext"]
  >;
  return typeof authorizer?.iam?.accessKey === "string";
}

function isUnavailable(outcome: { readonly outcome: string }): outcome is Unavailable {
  return outcome.outcome === "unavailable";
}

function respond({ status, body }: Answer): Response {
  return {
    statusCode: status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
    body,
  };
}

function bodyOf({ body, isBase64Encoded }: APIGatewayProxyEventV2, maxBytes: number): string {
  if (!isBase64Encoded || body === undefined) return body ?? "";
  // Four characters of base64 are three bytes: what is longer than this is too large undecoded, too.
  return body.length > 2 * maxBytes ? body : Buffer.from(body, "base64").toString();
}
