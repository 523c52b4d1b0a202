// Event -> request -> outcome -> response: what every route does with its events.

import { type Unavailable, unavailable } from "../inspector/verdict.ts";
import type { Answer } from "../protocol/login-answer.ts";
import { type Metrics, metricMembers } from "./embedded-metrics.ts";
import type { Log, LogFields } from "./function-log.ts";

interface Response {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Route<Request, Outcome> {
  /** The message of its log lines. */
  readonly name: string;
  readonly maxBodyBytes: number;
  readonly parse: (body: string) => { readonly request: Request } | { readonly problem: string };
  /** Fields for the log: codes and counts, and nothing that the request or the session said. */
  readonly logFields: (request: Request, outcome: Outcome | Unavailable) => LogFields;
  /** Metrics without their stage, or undefined where the request is not to be counted. */
  readonly metrics: (
    request: Request,
    outcome: Outcome | Unavailable,
    durationMs: number,
  ) => Metrics | undefined;
  /** Whether the caller asks for the reason. Only a caller whose signature API Gateway verified gets it. */
  readonly asksWhy: (request: Request) => boolean;
  /** The answer to a verdict. `tellsWhy`: the caller asks for the reason, and may have it. */
  readonly verdictAnswer: (
    request: Request,
    outcome: Outcome,
    tellsWhy: boolean,
  ) => Readonly<Record<string, unknown>>;
}

export type Ask<Request, Outcome> = (request: Request) => Promise<Outcome | Unavailable>;

/** What the entry point hands to a route: log, stage and clocks. */
export interface Environment {
  readonly log: Log;
  /** The stage of the deployment, a dimension of its metrics. */
  readonly stage: string;
  /** A clock that never goes back, in milliseconds. */
  readonly nowMs: () => number;
  /** The time, in milliseconds since 1970. */
  readonly timeMs: () => number;
}

/** `event`: an event of API Gateway's HTTP API (payload format 2.0), or whatever else the function is invoked with. */
export type Handler = (event: unknown) => Promise<Response>;

/** The parts of an event that matter here. */
interface ReadEvent {
  readonly body: string;
  readonly requestId?: string;
  /** Whether API Gateway's aws_iam authorizer let the event in. */
  readonly isSigned: boolean;
}

/**
 * Returns the handler of a route. It throws nothing. Its first line in the log is marked `coldStart`: that event waited
 * for one.
 */
export function createHandler<Request, Outcome extends { readonly outcome: string }>(
  route: Route<Request, Outcome>,
  ask: Ask<Request, Outcome>,
  environment: Environment,
): Handler {
  let isFirst = true;
  return async (event) => {
    const coldStart = isFirst ? { coldStart: true } : {};
    isFirst = false;
    const read = readEvent(event, route.maxBodyBytes);
    if (read === undefined) return refuse("event-malformed", coldStart, environment.log);
    const { requestId } = read;
    return answerEvent(route, read, ask, environment, { ...(requestId && { requestId }), ...coldStart });
  };
}

/** `common`: fields of every log line of this event. */
async function answerEvent<Request, Outcome extends { readonly outcome: string }>(
  route: Route<Request, Outcome>,
  { body, isSigned }: ReadEvent,
  ask: Ask<Request, Outcome>,
  { log, stage, nowMs, timeMs }: Environment,
  common: LogFields,
): Promise<Response> {
  const startedMs = nowMs();
  const parsed = route.parse(body);
  if ("problem" in parsed) return refuse(parsed.problem, common, log);
  let outcome: Outcome | Unavailable;
  try {
    outcome = await ask(parsed.request);
  } catch (error) {
    // Only the kind of the error: its message could hold a piece of the session.
    log("error", "internal-error", { ...common, kind: error instanceof Error ? error.name : "unknown" });
    outcome = unavailable("internal-error");
  }
  const durationMs = Math.round((nowMs() - startedMs) * 10) / 10;
  const metrics = route.metrics(parsed.request, outcome, durationMs);
  // Most lines are of this kind, and logs cost by the byte: the duration stands among the metrics alone.
  const { requestId: _, ...short } = common;
  const isRoutine = outcome.outcome === "allowed" && metrics !== undefined;
  log(isUnavailable(outcome) ? "error" : "info", route.name, {
    ...(isRoutine
      ? { ...short, outcome: outcome.outcome }
      : { ...common, ...route.logFields(parsed.request, outcome), durationMs }),
    ...(metrics && metricMembers(withStage(stage, metrics), timeMs())),
  });
  const tellsWhy = route.asksWhy(parsed.request) && isSigned;
  if (isUnavailable(outcome)) {
    const why = tellsWhy ? { reason: outcome.fault } : {};
    return respond({ status: 503, body: JSON.stringify({ error: "unavailable", ...why }) });
  }
  return respond({
    status: 200,
    body: JSON.stringify(route.verdictAnswer(parsed.request, outcome, tellsWhy)),
  });
}

function refuse(problem: string, common: LogFields, log: Log): Response {
  log("warn", "contract-breach", { ...common, code: problem });
  return respond({ status: 400, body: JSON.stringify({ error: problem }) });
}

/** Returns undefined for what is no event of API Gateway: a test of the console, another trigger, another format. */
function readEvent(event: unknown, maxBodyBytes: number): ReadEvent | undefined {
  if (!isObject(event) || !isObject(event["requestContext"])) return undefined;
  const { requestContext } = event;
  const body = event["body"] ?? "";
  const isBase64Encoded = event["isBase64Encoded"] ?? false;
  if (typeof body !== "string" || typeof isBase64Encoded !== "boolean") return undefined;
  const { requestId, authorizer } = requestContext as Readonly<Record<string, unknown>>;
  // The authorizer adds the access key of a caller whose signature it verified.
  const iam = isObject(authorizer) ? authorizer["iam"] : undefined;
  return {
    body: isBase64Encoded ? decode(body, maxBodyBytes) : body,
    ...(typeof requestId === "string" && { requestId }),
    isSigned: isObject(iam) && typeof iam["accessKey"] === "string",
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function decode(body: string, maxBytes: number): string {
  // Four characters of base64 are three bytes: what is longer than this is too large undecoded, too.
  return body.length > 2 * maxBytes ? body : Buffer.from(body, "base64").toString();
}

function withStage(stage: string, { dimensions, values }: Metrics): Metrics {
  return { dimensions: { Stage: stage, ...dimensions }, values };
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
