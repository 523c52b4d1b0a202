// Event -> request -> verdict -> response: what POST /auth does, whatever the inspector behind it.

import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { unavailable, type Verdict } from "../inspector/verdict.ts";
import { MAX_REQUEST_BYTES } from "../protocol/limits.ts";
import type { Answer } from "../protocol/login-answer.ts";
import { type ContractBreach, type LoginRequest, parseLoginRequest } from "../protocol/login-request.ts";
import type { Log } from "./log.ts";

export interface Response {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type Inspect = (request: LoginRequest) => Promise<Verdict>;

/** Gives the response to an event of API Gateway's HTTP API (payload format 2.0). Throws nothing. */
export async function answerLogin(
  event: APIGatewayProxyEventV2,
  inspect: Inspect,
  log: Log,
  nowMs: () => number,
): Promise<Response> {
  const startedMs = nowMs();
  const requestId = event.requestContext?.requestId;
  const parsed = parseLoginRequest(bodyOf(event));
  if ("breach" in parsed) {
    log("warn", "contract-breach", { requestId, code: parsed.breach });
    return respond(breachAnswer(parsed.breach));
  }
  let verdict: Verdict;
  try {
    verdict = await inspect(parsed.request);
  } catch (error) {
    // The kind of the error alone: its message could hold a piece of the session.
    log("error", "internal-error", { requestId, kind: error instanceof Error ? error.name : "unknown" });
    verdict = unavailable("internal-error");
  }
  log(verdict.outcome === "unavailable" ? "error" : "info", "login", {
    requestId,
    op: parsed.request.op,
    ...verdict,
    durationMs: Math.round(nowMs() - startedMs),
  });
  return respond(verdictAnswer(verdict));
}

/** The one place where three outcomes become one bit, or none. */
function verdictAnswer(verdict: Verdict): Answer {
  if (verdict.outcome === "unavailable") return { status: 503, body: '{"error":"unavailable"}' };
  return { status: 200, body: JSON.stringify({ allow: verdict.outcome === "allowed" }) };
}

function breachAnswer(breach: ContractBreach): Answer {
  return { status: 400, body: JSON.stringify({ error: breach }) };
}

function respond({ status, body }: Answer): Response {
  return {
    statusCode: status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
    body,
  };
}

function bodyOf({ body, isBase64Encoded }: APIGatewayProxyEventV2): string {
  if (!isBase64Encoded || body === undefined) return body ?? "";
  // Four characters of base64 are three bytes: what is longer than this is too large undecoded, too.
  return body.length > 2 * MAX_REQUEST_BYTES ? body : Buffer.from(body, "base64").toString();
}
