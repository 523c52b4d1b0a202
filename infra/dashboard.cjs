// What an operator looks at: logins by outcome and reason, how long they take, what API Gateway and Lambda count, and
// how the cache's nodes are.

const { placeOf } = require("./parameters.cjs");

const height = 6;
const gridWidth = 24;

/** Gives the dashboard. The metrics in InspectorD are those that the functions write. */
function dashboard(stage, { dashboard: caches, variables }) {
  const { clusterId } = placeOf(variables.SESSION_STORE);
  const clusters = caches.cacheClusters ?? (clusterId === undefined ? [] : [clusterId]);
  const rows = [
    [logins(stage), reasons(stage), latency(stage)],
    [requests(), functions(), sessionChecks(stage)],
    ...clusters.map(clusterHealth),
    ...(caches.serverlessCaches ?? []).map(serverlessHealth),
  ];
  return {
    Dashboard: {
      Type: "AWS::CloudWatch::Dashboard",
      Properties: {
        DashboardName: { "Fn::Sub": `inspectord-${stage}-\${AWS::Region}` },
        DashboardBody: { "Fn::Sub": JSON.stringify({ widgets: rows.flatMap(placed) }) },
      },
    },
  };
}

function placed(row, index) {
  const width = gridWidth / row.length;
  return row.map((properties, column) => ({
    type: "metric",
    x: column * width,
    y: index * height,
    width,
    height,
    properties: { region: reference("AWS::Region"), view: "timeSeries", period: 60, ...properties },
  }));
}

/** What CloudFormation puts in its place. */
function reference(name) {
  return `\${${name}}`;
}

function logins(stage) {
  const metric = (outcome, color) => ["InspectorD", "Logins", "Stage", stage, "Outcome", outcome, { color }];
  return {
    title: "Logins a minute, by outcome",
    stat: "Sum",
    stacked: true,
    metrics: [metric("allowed", "#2ca02c"), metric("refused", "#ff7f0e"), metric("unavailable", "#d62728")],
  };
}

function reasons(stage) {
  return {
    title: "Logins a minute that were not allowed, by reason",
    metrics: [search("InspectorD,Stage,Outcome,Code", "Logins", `Stage="${stage}"`, "Sum")],
  };
}

function latency(stage) {
  const ofFunction = (stat) => [
    ...["InspectorD", "LoginDuration", "Stage", stage],
    { stat, label: `function, ${stat}` },
  ];
  const ofApi = (stat) => ["AWS/ApiGateway", "Latency", ...api, { stat, label: `API, ${stat}` }];
  return {
    title: "How long an answer takes, in milliseconds",
    metrics: [ofFunction("p50"), ofFunction("p99"), ofApi("p50"), ofApi("p99")],
  };
}

const api = ["ApiId", reference("HttpApi")];

function requests() {
  return {
    title: "Requests a minute",
    stat: "Sum",
    metrics: ["Count", "4xx", "5xx"].map((name) => ["AWS/ApiGateway", name, ...api]),
  };
}

function functions() {
  const ids = ["AuthLambdaFunction", "SessionsLambdaFunction"];
  const metric = (name, stat) =>
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

function sessionChecks(stage) {
  return {
    title: "Session checks a minute, by outcome",
    metrics: [search("InspectorD,Stage,Outcome", "SessionChecks", `Stage="${stage}"`, "Sum")],
  };
}

/** A line for each node. */
function clusterHealth(id) {
  const line = (metric, stat) =>
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

/** ElastiCache Serverless has no nodes to look at, and metrics of its own. */
function serverlessHealth(name) {
  // Without a schema: Amazon's guide does not tell what the dimension is called.
  const line = (metric, stat) => [
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

function search(schema, metric, dimension, stat) {
  return [{ expression: `SEARCH('{${schema}} MetricName="${metric}" ${dimension}', '${stat}', 60)` }];
}

module.exports = { dashboard };
