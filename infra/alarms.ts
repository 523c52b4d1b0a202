// What somebody is woken for. Each alarm tells the topic when it begins and when it ends. No data is no alarm: at night
// nobody may log in. The canary's alarm is the exception.
//
// Metrics arrive late, and FILL() makes a zero of what has not arrived: the newest datapoint is never the true one. So an
// alarm on an expression with FILL() looks back, and begins with any breach within its last minutes.
//
// Source: "Using metric math", Amazon CloudWatch User Guide, on FILL() in alarms.

import type { Resource, Resources, Value } from "./cloudformation.ts";
import type { Parameters } from "./parameters.ts";

interface Metric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, Value>>;
}

interface Alarm {
  /** The end of the alarm's name. */
  readonly name: string;
  readonly description: string;
  /** One metric, or several by the names that the expression has for them. */
  readonly metrics: Metric | Readonly<Record<string, Metric>>;
  readonly expression?: string;
  /** Of a single metric, in place of the sum; a percentile. */
  readonly percentile?: string;
  readonly periodSeconds: number;
  readonly breach: ">" | ">=" | "<";
  readonly threshold: number;
  /** How many of the last periods must breach. */
  readonly breaches: readonly [periods: number, of: number];
  readonly isSilenceBreach?: true;
}

/** Metrics arrive within some minutes of what they count. */
const anyOfFiveMinutes = [1, 5] as const;

/** Returns the alarms. `topic`: where they go. */
export function alarms(stage: string, parameters: Parameters, topic: Value): Resources {
  const { alarms: limits, canary, variables } = parameters;
  const hasTickets = ["accepted", "required"].includes(variables["TICKETS"] ?? "off");
  const ofFunction = (id: string, name: string): Metric => ({
    namespace: "AWS/Lambda",
    name,
    dimensions: { FunctionName: { Ref: id } },
  });
  const ofEach = (name: string) => ({
    auth: ofFunction("AuthLambdaFunction", name),
    sessions: ofFunction("SessionsLambdaFunction", name),
    logins: ofFunction("LoginsLambdaFunction", name),
  });
  const sumOfEach = "FILL(auth, 0) + FILL(sessions, 0) + FILL(logins, 0)";
  const ours = (name: string, dimensions: Readonly<Record<string, string>> = {}): Metric => ({
    namespace: "InspectorD",
    name,
    dimensions: { Stage: stage, ...dimensions },
  });
  const logins = {
    allowed: ours("Logins", { Outcome: "allowed" }),
    refused: ours("Logins", { Outcome: "refused" }),
  };
  const all: Readonly<Record<string, Alarm>> = {
    FunctionErrorsAlarm: {
      name: "function-errors",
      description: "A function ended without an answer. Its log says how.",
      metrics: ofEach("Errors"),
      expression: sumOfEach,
      periodSeconds: 60,
      ...{ breach: ">=", threshold: 1, breaches: anyOfFiveMinutes },
    },
    UnavailableAlarm: {
      name: "unavailable",
      description:
        "Requests got no verdict in a minute. The dashboard has the fault, store-unreachable most often.",
      metrics: {
        logins: ours("Logins", { Outcome: "unavailable" }),
        checks: ours("SessionChecks", { Outcome: "unavailable" }),
        watches: ours("LoginWatches", { Outcome: "unavailable" }),
      },
      expression: "FILL(logins, 0) + FILL(checks, 0) + FILL(watches, 0)",
      periodSeconds: 60,
      ...{ breach: ">=", threshold: limits.unavailableCount, breaches: anyOfFiveMinutes },
    },
    LatencyAlarm: {
      name: "latency",
      description: "One request in a hundred took longer than this many milliseconds, cold starts included.",
      metrics: { namespace: "AWS/ApiGateway", name: "Latency", dimensions: { ApiId: { Ref: "HttpApi" } } },
      percentile: "p99",
      periodSeconds: 300,
      ...{ breach: ">", threshold: limits.latencyMs, breaches: [2, 3] },
    },
    FunctionThrottlesAlarm: {
      name: "function-throttles",
      description: "Lambda had no concurrency left for a request: the function's own, or the account's.",
      metrics: ofEach("Throttles"),
      expression: sumOfEach,
      periodSeconds: 60,
      ...{ breach: ">=", threshold: 1, breaches: anyOfFiveMinutes },
    },
    RequestThrottlesAlarm: {
      name: "request-throttles",
      description: `API Gateway turned requests away by the throttling of params/${stage}.yml.`,
      metrics: ours("ThrottledRequests"),
      periodSeconds: 60,
      ...{ breach: ">=", threshold: 1, breaches: anyOfFiveMinutes },
    },
    RejectedRequestsAlarm: {
      name: "rejected-requests",
      description:
        "API Gateway answered 403, before the function: the right of a host, its keys or its clock. " +
        "The API's log has the addresses.",
      metrics: ours("RejectedRequests"),
      periodSeconds: 60,
      ...{ breach: ">=", threshold: limits.rejectedCount, breaches: anyOfFiveMinutes },
    },
    GatewayErrorsAlarm: {
      name: "gateway-errors",
      description: "API Gateway answered 5xx by itself: it got no answer of the function.",
      metrics: ours("GatewayErrors"),
      periodSeconds: 60,
      ...{ breach: ">=", threshold: 1, breaches: anyOfFiveMinutes },
    },
    RefusalsAlarm: {
      name: "refusals",
      description: "More logins in a hundred were refused than this. The dashboard has the reasons.",
      metrics: logins,
      // A share of a few logins says nothing.
      expression:
        "IF(FILL(allowed, 0) + FILL(refused, 0) >= 20, 100 * FILL(refused, 0) / (FILL(allowed, 0) + FILL(refused, 0)), 0)",
      periodSeconds: 300,
      ...{ breach: ">", threshold: limits.refusedPercent, breaches: [2, 4] },
    },
    ...(hasTickets
      ? {
          TicketsAlarm: {
            name: "tickets",
            description:
              "Five tickets in a minute were sealed by a key that the function does not have, or were changed: " +
              "PHP's first key must be among TICKET_KEYS. If it is, somebody makes tickets up, which lets nobody in.",
            metrics: {
              forged: ours("Logins", { Outcome: "refused", Code: "ticket-forged" }),
              unknown: ours("Logins", { Outcome: "refused", Code: "ticket-key-unknown" }),
            },
            expression: "FILL(forged, 0) + FILL(unknown, 0)",
            periodSeconds: 60,
            // One page with a wrong key tries again within seconds: five are soon seen. A single one may be anybody's.
            ...{ breach: ">=", threshold: 5, breaches: anyOfFiveMinutes },
          } as const,
        }
      : {}),
    ...(canary
      ? {
          SilenceAlarm: {
            name: "silence",
            description:
              "No login got a verdict for ten minutes, not even the canary's: the function or its store is away.",
            metrics: logins,
            expression: "FILL(allowed, 0) + FILL(refused, 0)",
            periodSeconds: 60,
            ...{ breach: "<", threshold: 1, breaches: [10, 10], isSilenceBreach: true },
          } as const,
        }
      : {}),
  };
  return Object.fromEntries(
    Object.entries(all).map(([id, alarm]) => [
      id,
      resource(`inspectord-${stage}-${alarm.name}`, alarm, topic),
    ]),
  );
}

const operators = {
  ">": "GreaterThanThreshold",
  ">=": "GreaterThanOrEqualToThreshold",
  "<": "LessThanThreshold",
} as const;

function resource(AlarmName: string, alarm: Alarm, topic: Value): Resource {
  const [DatapointsToAlarm, EvaluationPeriods] = alarm.breaches;
  return {
    Type: "AWS::CloudWatch::Alarm",
    Properties: {
      AlarmName,
      AlarmDescription: alarm.description,
      ...measure(alarm),
      ComparisonOperator: operators[alarm.breach],
      Threshold: alarm.threshold,
      EvaluationPeriods,
      DatapointsToAlarm,
      TreatMissingData: alarm.isSilenceBreach ? "breaching" : "notBreaching",
      AlarmActions: [topic],
      OKActions: [topic],
    },
  };
}

function measure({ metrics, expression, percentile, periodSeconds, name }: Alarm) {
  if (isMetric(metrics)) {
    return {
      ...asCloudFormation(metrics),
      Period: periodSeconds,
      ...(percentile === undefined
        ? { Statistic: "Sum" }
        : // Of a handful of requests one cold start is the slowest hundredth.
          { ExtendedStatistic: percentile, EvaluateLowSampleCountPercentile: "ignore" }),
    };
  }
  return {
    Metrics: [
      { Id: "result", Label: name, Expression: expression },
      ...Object.entries(metrics).map(([Id, metric]) => ({
        Id,
        ReturnData: false,
        MetricStat: { Metric: asCloudFormation(metric), Period: periodSeconds, Stat: "Sum" },
      })),
    ],
  };
}

function isMetric(metrics: Alarm["metrics"]): metrics is Metric {
  return typeof metrics["name"] === "string";
}

function asCloudFormation({ namespace, name, dimensions }: Metric) {
  return {
    Namespace: namespace,
    MetricName: name,
    Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
  };
}
