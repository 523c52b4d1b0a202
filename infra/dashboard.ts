// What an operator looks at: logins by outcome and reason, how long they take, what API Gateway and Lambda count, and how the
// cache's nodes are.

import { type Resources, sub } from "./cloudformation.ts";
import type { Parameters } from "./parameters.ts";

/** The properties of a widget, as CloudWatch's "Dashboard body structure and syntax" has them. */
interface Widget {
  readonly title: string;
  readonly metrics: readonly unknown[];
  readonly stat?: string;
  readonly stacked?: boolean;
}

const height = 6;
const gridWidth = 24;

/** Returns the dashboard. The metrics in the namespace InspectorD are those that the functions write. */
export function dashboard(stage: string, { dashboard: caches, store }: Parameters): Resources {
  const clusters = caches.cacheClusters ?? (store.kind === "elasticache" ? [store.clusterId] : []);
  const rows = [
    [logins(stage), reasons(stage), latency(stage)],
    [requests(), functions(), sessionChecks(stage), loginWatches(stage)],
    ...clusters.map(clusterHealth),
    ...(caches.serverlessCaches ?? []).map(serverlessHealth),
    ...(caches.databases ?? []).map(databaseHealth),
  ];
  return {
    Dashboard: {
      Type: "AWS::CloudWatch::Dashboard",
      Properties: {
        DashboardName: sub(`inspectord-${stage}-\${AWS::Region}`),
        DashboardBody: sub(JSON.stringify({ widgets: rows.flatMap(place) })),
      },
    },
  };
}

function place(row: readonly Widget[], index: number) {
  const width = gridWidth / row.length;
  return row.map((widget, column) => ({
    type: "metric",
    x: column * width,
    y: index * height,
    width,
    height,
    properties: { region: reference("AWS::Region"), view: "timeSeries", period: 60, ...widget },
  }));
}

/** Returns what CloudFormation replaces by the value of this name. */
function reference(name: string): string {
  return `\${${name}}`;
}

function logins(stage: string): Widget {
  const metric = (outcome: string, color: string) => [
    ...["InspectorD", "Logins", "Stage", stage, "Outcome", outcome],
    { color },
  ];
  return {
    title: "Logins a minute, by outcome",
    stat: "Sum",
    stacked: true,
    metrics: [metric("allowed", "#2ca02c"), metric("refused", "#ff7f0e"), metric("unavailable", "#d62728")],
  };
}

function reasons(stage: string): Widget {
  return {
    title: "Logins a minute that were not allowed, by reason",
    metrics: [search("InspectorD,Stage,Outcome,Code", "Logins", `Stage="${stage}"`, "Sum")],
  };
}

function latency(stage: string): Widget {
  const ofFunction = (stat: string) => [
    ...["InspectorD", "LoginDuration", "Stage", stage],
    { stat, label: `function, ${stat}` },
  ];
  const ofApi = (stat: string) => ["AWS/ApiGateway", "Latency", ...api, { stat, label: `API, ${stat}` }];
  return {
    title: "How long an answer takes, in milliseconds",
    metrics: [ofFunction("p50"), ofFunction("p99"), ofApi("p50"), ofApi("p99")],
  };
}

const api = ["ApiId", reference("HttpApi")];

function requests(): Widget {
  return {
    title: "Requests a minute",
    stat: "Sum",
    metrics: ["Count", "4xx", "5xx"].map((name) => ["AWS/ApiGateway", name, ...api]),
  };
}

function functions(): Widget {
  const ids = ["AuthLambdaFunction", "SessionsLambdaFunction", "LoginsLambdaFunction"];
  const metric = (name: string, stat: string) =>
    ids.map((id) => ["AWS/Lambda", name, "FunctionName", reference(id), { stat }]);
  return {
    title: "Functions: errors, throttles, concurrency",
    metrics: [
      ...metric("Errors", "Sum"),
      ...metric("Throttles", "Sum"),
      ...metric("ConcurrentExecutions", "Maximum"),
    ],
  };
}

function sessionChecks(stage: string): Widget {
  return {
    title: "Session checks a minute, by outcome",
    metrics: [search("InspectorD,Stage,Outcome", "SessionChecks", `Stage="${stage}"`, "Sum")],
  };
}

function loginWatches(stage: string): Widget {
  return {
    title: "Questions about open connections a minute, by outcome",
    metrics: [search("InspectorD,Stage,Outcome", "LoginWatches", `Stage="${stage}"`, "Sum")],
  };
}

/** A line for each node. */
function clusterHealth(id: string): readonly Widget[] {
  const line = (metric: string, stat: string) =>
    search("AWS/ElastiCache,CacheClusterId,CacheNodeId", metric, `CacheClusterId="${id}"`, stat);
  return [
    { title: `${id}: CPU, in per cent`, metrics: [line("CPUUtilization", "Maximum")] },
    { title: `${id}: connections`, metrics: [line("CurrConnections", "Maximum")] },
    {
      title: `${id}: evictions, and swap in bytes`,
      metrics: [line("Evictions", "Sum"), line("SwapUsage", "Maximum")],
    },
  ];
}

/** Source: "Amazon CloudWatch instance-level metrics for Amazon RDS", Amazon RDS User Guide. */
function databaseHealth(id: string): readonly Widget[] {
  const line = (metric: string, stat: string) => [
    ...["AWS/RDS", metric, "DBInstanceIdentifier", id],
    { stat, label: metric },
  ];
  return [
    { title: `${id}: CPU, in per cent`, metrics: [line("CPUUtilization", "Maximum")] },
    { title: `${id}: connections`, metrics: [line("DatabaseConnections", "Maximum")] },
    { title: `${id}: how long a read takes, in seconds`, metrics: [line("ReadLatency", "Average")] },
  ];
}

/** ElastiCache Serverless has no nodes to show, and metrics of its own. */
function serverlessHealth(name: string): readonly Widget[] {
  // Without a schema: Amazon's guide does not name the dimension.
  const line = (metric: string, stat: string) => [
    { expression: `SEARCH('Namespace="AWS/ElastiCache" MetricName="${metric}" "${name}"', '${stat}', 60)` },
  ];
  return [
    {
      title: `${name}: processing units, and throttled commands`,
      metrics: [line("ElastiCacheProcessingUnits", "Sum"), line("ThrottledCmds", "Sum")],
    },
    { title: `${name}: connections`, metrics: [line("CurrConnections", "Maximum")] },
    {
      title: `${name}: read latency, in microseconds`,
      metrics: [line("SuccessfulReadRequestLatency", "p99")],
    },
  ];
}

function search(schema: string, metric: string, dimension: string, stat: string) {
  return [{ expression: `SEARCH('{${schema}} MetricName="${metric}" ${dimension}', '${stat}', 60)` }];
}
