// `npm run test:deploy`: the real `npm run deploy` against moto, a stand-in for AWS (README.md says what that proves and what
// it does not). What moto then holds is held to what the guide promises.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { putSession, sessionId } from "../../bench/login.ts";
import { parameterNames } from "../../infra/parameters.ts";
import { loginEvent } from "../infra/login-event.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { type Memcached, startMemcached } from "../real/memcached.ts";
import { call, type Metric } from "./emitted.ts";
import { Aws, type HeldFunction, type Holdings } from "./holdings.ts";
import { problemsOf } from "./iam.ts";
import { type Alarm, fetchMoto, type Moto, startMoto } from "./moto.ts";
import { type Ended, Operator } from "./operator.ts";
import { variantsIn } from "./variants.ts";

const stages = [
  "memcached",
  "everything",
  "found",
  "endpoint",
  "redis",
  "mysql",
  "postgres",
  "dynamodb",
  "laravel",
  "files",
];

let moto: Moto;
let aws: Aws;
let memcached: Memcached;
let variants: ReturnType<typeof variantsIn>;
/** For each of the two suites that run side by side. */
let ofVariants: Operator;
let ofLife: Operator;

before(async () => {
  const place = fetchMoto((line) => process.stderr.write(`${line}\n`));
  [moto, memcached] = await Promise.all([startMoto(place), startMemcached()]);
  aws = new Aws(moto);
  variants = variantsIn(moto.account, moto.region, `${memcached.host}:${memcached.port}`);
  ofVariants = new Operator(moto);
  ofLife = new Operator(moto);
});
after(async () => {
  await Promise.all([moto?.stop(), memcached?.stop()]);
});

function assertEnds({ status, output }: Ended): void {
  assert.equal(status, 0, output);
}

/** Asserts that a command failed with these words, and that there is no stack of the stage. */
async function assertNothingMade(stage: string, { status, output }: Ended, words: RegExp): Promise<void> {
  assert.notEqual(status, 0, output);
  assert.match(output, words);
  assert.ok(!(await aws.stacks()).includes(`inspectord-${stage}`), stage);
}

describe("a deployment", { concurrency: 2 }, () => {
  describe("of each variant", { concurrency: 1 }, () => {
    for (const stage of stages) {
      it(`ends, and there is what the guide promises: ${stage}`, async () => {
        ofVariants.write(stage, variants[stage]);
        assertEnds(await ofVariants.run("deploy", stage));
        const held = await aws.holdings(stage);
        assertRoutes(held);
        assertFunctions(stage, held);
        assertLogs(stage, held);
        await assertRights(held);
        assertOutputs(held);
      });
    }

    it("has each parameter in one variant or more", () => {
      const named = (map: object, before = ""): string[] =>
        Object.entries(map).flatMap(([name, value]) =>
          typeof value === "object" && !Array.isArray(value)
            ? named(value, `${before}${name}.`)
            : before + name,
        );
      const deployed = new Set(Object.values(variants).flatMap((variant) => named(variant)));
      assert.deepEqual(
        parameterNames.filter((name) => !deployed.has(name)),
        [],
      );
    });

    it("bounds and tags what it makes, and follows from how many users are expected", async () => {
      const held = await aws.holdings("dynamodb");
      assert.deepEqual([...new Set(held.boundaries)], [variants["dynamodb"]?.["permissionsBoundary"]]);
      assert.equal(held.tags["team"], "chat");
      const perSecond = (await aws.loginsPerSecond("dynamodb")) ?? 0;
      assert.ok(perSecond >= 2_500_000 / 1200, `${perSecond} logins a second`);
      const decrypts = held.statements.filter(([, { Action }]) => [Action].flat().includes("kms:Decrypt"));
      assert.ok(decrypts.length > 0);
      for (const [name, { Resource }] of decrypts) assert.equal(Resource, moto.account.kmsKey, name);
      const { boundaries, tags } = await aws.holdings("memcached");
      assert.deepEqual([[...new Set(boundaries)], tags["team"]], [[""], undefined]);
    });

    it("has alarms and a dashboard on metrics that the functions and the API's log have", async () => {
      const emitted = await metricsOfZips();
      for (const stage of stages) {
        const held = await aws.holdings(stage);
        const known = [
          ...emitted(stage),
          ...held.metricFilters.flatMap((filter) => metricsOfFilter(filter, stage)),
        ].map(keyOf);
        assert.ok(held.alarms.length >= 6, `${held.alarms.length} alarms`);
        for (const alarm of held.alarms) {
          assert.ok(alarm.AlarmActions.length === 1 && alarm.OKActions.length === 1, alarm.AlarmName);
          for (const metric of metricsOfAlarm(alarm).filter(({ namespace }) => namespace === "InspectorD")) {
            assert.ok(known.includes(keyOf(metric)), `${alarm.AlarmName}: ${keyOf(metric)}`);
          }
        }
        assertDashboard(stage, held, known);
      }
    });

    it("answers a login by the function that was uploaded, in the environment that it was given", async () => {
      await putSession(memcached, Buffer.from('user|s:5:"alice";'));
      const { auth } = (await aws.holdings("memcached")).functions;
      const event = { ...loginEvent("alice", sessionId) };
      const body = JSON.parse(event.body ?? "");
      const asked = { ...event, body: JSON.stringify({ ...body, server: "chat.example.org" }) };
      const { response } = call({ ...unpacked(auth), event: asked });
      assert.equal(response.body, '{"allow":true}');
      assert.equal(call({ ...unpacked(auth), event }).response.body, '{"allow":false}');
    });

    it("has a canary if it is asked, whose login gets a verdict once a minute", async () => {
      const { canary, functions } = await aws.holdings("everything");
      assert.equal(canary?.schedule, "rate(1 minute)");
      const { handler, directory, environment } = unpacked(functions.auth);
      const { SESSION_STORE, ...others } = environment;
      const one = { ...others, SESSION_STORE: `memcached://${memcached.host}:${memcached.port}` };
      const event = JSON.parse(canary?.input ?? "");
      const { response, metrics } = call({ handler, directory, event, environment: one });
      assert.deepEqual([response.statusCode, response.body], [200, '{"allow":false}']);
      const dimensions = { Stage: "everything", Outcome: "refused", Code: "no-session" };
      assert.ok(metrics.map(keyOf).includes(keyOf({ namespace: "InspectorD", name: "Logins", dimensions })));
      assert.equal((await aws.holdings("memcached")).canary, undefined);
    });

    it("stands beside those of other stages", async () => {
      const names = await aws.stacks();
      for (const stage of stages) assert.ok(names.includes(`inspectord-${stage}`), stage);
      const urls = await Promise.all(
        stages.map(async (stage) => (await aws.holdings(stage)).outputs["LoginUrl"]),
      );
      assert.equal(new Set(urls).size, stages.length);
    });
  });

  describe("in its life", { concurrency: 1 }, () => {
    const stage = "life";
    const withRate = (loginsPerSecond: number) => ({
      ...variants["memcached"],
      throttle: { loginsPerSecond },
    });
    const rate = () => aws.loginsPerSecond(stage);
    let first = "";
    let url: string | undefined;

    it("is named missing, empty or wrong before anything is made", async () => {
      await assertNothingMade("none", await ofLife.run("deploy", "none"), /params\/none\.yml is missing/);
      for (const text of ["", "# region: eu-central-1\n"]) {
        ofLife.write("empty", text);
        await assertNothingMade("empty", await ofLife.run("deploy", "empty"), /params\/empty\.yml is empty/);
      }
      const plain = variants["memcached"] ?? {};
      const withVariables = (changes: object) => ({
        ...plain,
        function: Object.assign({}, plain["function"], changes),
      });
      const values = {
        SESSION_STORE: "memcached://h:notaport",
        AUTHENTICATED_EXPRESSION: "user ==== 1",
        SERVED_HOSTS: "Example.ORG",
        SESSION_PLACEMENT: "nonsense",
      };
      ofLife.write("wrong", withVariables(values));
      const wrong = await ofLife.run("deploy", "wrong");
      await assertNothingMade("wrong", wrong, /params\/wrong\.yml:/);
      for (const name of Object.keys(values))
        assert.match(wrong.output, new RegExp(`function\\.${name} is wrong`));
      ofLife.write("wrong", withVariables({ SESSION_STORE: "elasticache://Sessions_1" }));
      await assertNothingMade(
        "wrong",
        await ofLife.run("deploy", "wrong"),
        /function\.SESSION_STORE is wrong/,
      );
      const elsewhere = moto.account.kmsKey.replace(moto.region, "eu-west-1");
      ofLife.write("wrong", { ...plain, logs: { kmsKey: elsewhere } });
      await assertNothingMade(
        "wrong",
        await ofLife.run("deploy", "wrong"),
        /logs\.kmsKey is of region eu-west-1/,
      );
      ofLife.write("wrong", {
        ...plain,
        vpc: Object.assign({}, plain["vpc"], { id: "vpc-0123456789abcdef0" }),
      });
      await assertNothingMade("wrong", await ofLife.run("deploy", "wrong"), /vpc\.id is the example's/);
    });

    it("is of the account that deploys, before anything is made", async () => {
      const topic = moto.account.topic.replace("123456789012", "210987654321");
      ofLife.write("other", { ...variants["memcached"], alarms: { topic } });
      const words = /alarms\.topic is of another account than 123456789012/;
      await assertNothingMade("other", await ofLife.run("deploy", "other"), words);
    });

    it("makes nothing without credentials", async () => {
      ofLife.write(stage, withRate(1000));
      await assertNothingMade(stage, await ofLife.run("deploy", stage, [], {}), /credentials/i);
    });

    it("is made, and made again without a change", async () => {
      ofLife.write(stage, withRate(1000));
      const made = await ofLife.run("deploy", stage);
      assertEnds(made);
      assert.match(made.output, /1000 logins a second, with a burst of 2000/);
      assert.equal(await rate(), 1000);
      url = (await aws.holdings(stage)).outputs["LoginUrl"];
      const again = await ofLife.run("deploy", stage);
      assertEnds(again);
      assert.doesNotMatch(again.output, /No changes to deploy/);
      assert.equal(await rate(), 1000);
    });

    it("takes a change, and keeps its URL", async () => {
      ofLife.write(stage, withRate(99));
      assertEnds(await ofLife.run("deploy", stage));
      assert.equal(await rate(), 99);
      assert.equal((await aws.holdings(stage)).outputs["LoginUrl"], url);
    });

    it("prints the relay's line again", async () => {
      const { status, output } = await ofLife.run("info", stage);
      assert.equal(status, 0, output);
      assert.ok(output.includes(`INSPECTORD_URL=${url}\n`), output);
    });

    it("is rolled back to the first one, and the newest is made again after it", async () => {
      const list = await ofLife.run("rollback", stage);
      assertEnds(list);
      first = /(?:Timestamp: )?(\d{13})/.exec(list.output)?.[1] ?? assert.fail(list.output);
      assertEnds(await ofLife.run("rollback", stage, ["--timestamp", first]));
      assert.equal(await rate(), 1000);
      assertEnds(await ofLife.run("deploy", stage));
      assert.equal(await rate(), 99);
    });

    it("fails where a part cannot be updated, leaves what was there, and is made once that is mended", async () => {
      ofLife.write(stage, withRate(77));
      moto.failOn("HttpApiStage");
      const { status, output } = await ofLife.run("deploy", stage);
      assert.notEqual(status, 0, output);
      assert.match(output, /HttpApiStage/);
      assert.equal(await rate(), 99);
      moto.failOn();
      assertEnds(await ofLife.run("deploy", stage));
      assert.equal(await rate(), 77);
    });

    it("is removed", async () => {
      assertEnds(await ofLife.run("remove", stage));
      assert.ok(!(await aws.stacks()).includes(`inspectord-${stage}`));
    });
  });
});

describe("a deployment by somebody who lacks a right", () => {
  it("makes nothing, and names the right", async () => {
    const stage = "denied";
    ofLife.write(stage, variants["dynamodb"]);
    const { id, secret } = moto.account.limitedKey;
    await moto.verifyRights(true);
    try {
      const ended = await ofLife.run("deploy", stage, [], {
        AWS_ACCESS_KEY_ID: id,
        AWS_SECRET_ACCESS_KEY: secret,
      });
      assert.notEqual(ended.status, 0, ended.output);
      assert.match(ended.output, /not authorized to perform: cloudformation:CreateChangeSet/);
    } finally {
      await moto.verifyRights(false);
    }
    assert.ok(!(await aws.stacks()).includes(`inspectord-${stage}`));
  });
});

function assertRoutes({ routes, apiStage, functions, apiId, canary }: Holdings): void {
  assert.deepEqual(
    routes.map(({ RouteKey, AuthorizationType }) => [RouteKey, AuthorizationType]).toSorted(),
    [
      ["POST /auth", "AWS_IAM"],
      ["POST /logins", "AWS_IAM"],
      ["POST /sessions", "AWS_IAM"],
    ],
  );
  const { DefaultRouteSettings, RouteSettings } = apiStage;
  const ofRoutes = ["POST /sessions", "POST /logins"].map((route) => RouteSettings?.[route]);
  for (const limits of [DefaultRouteSettings, ...ofRoutes]) {
    assert.ok((limits?.ThrottlingRateLimit ?? 0) > 0 && (limits?.ThrottlingBurstLimit ?? 0) > 0);
  }
  for (const [name, { callers }] of Object.entries(functions)) {
    const [own, ...others] = callers.map(({ Condition }) => JSON.stringify(Condition));
    assert.match(own ?? "", new RegExp(`:${apiId}/\\*/POST/${name}"`));
    // The canary's.
    assert.equal(others.length, name === "auth" && canary !== undefined ? 1 : 0);
    for (const other of others) assert.match(other, /:rule\//);
  }
}

function assertFunctions(stage: string, { functions }: Holdings): void {
  const given = variants[stage] as {
    function: Readonly<Record<string, unknown>>;
    vpc?: { subnets: string[] };
  };
  for (const [name, { configuration, reservedConcurrency }] of Object.entries(functions)) {
    assert.deepEqual(
      [configuration.Runtime, configuration.Handler],
      ["nodejs24.x", `dist/${name}/handler.handler`],
    );
    const variables = configuration.Environment?.Variables ?? {};
    assert.equal(variables["STAGE"], stage);
    for (const [variable, value] of Object.entries(given.function))
      assert.equal(variables[variable], String(value));
    for (const [variable, value] of Object.entries(variables)) {
      assert.doesNotMatch(variable, /KEY$|SECRET|PASSWORD$|TOKEN/);
      assert.doesNotMatch(value, /^secret-|:\/\/[^/]*:[^/]*@/);
    }
    assert.deepEqual(configuration.VpcConfig?.SubnetIds ?? [], given.vpc?.subnets ?? []);
    if (stage === "everything") {
      assert.equal(reservedConcurrency, { auth: 200, sessions: 10, logins: 20 }[name]);
    }
  }
}

function assertLogs(stage: string, { logGroups, apiStage, metricFilters }: Holdings): void {
  assert.equal(logGroups.length, 4);
  for (const { retentionInDays, kmsKeyId } of logGroups) {
    assert.equal(retentionInDays, stage === "everything" ? 7 : 30);
    assert.equal(kmsKeyId, stage === "everything" ? moto.account.kmsKey : undefined);
  }
  const { Format = "", DestinationArn = "" } = apiStage.AccessLogSettings ?? {};
  assert.doesNotMatch(Format, /querystring|header|body|\.path/i);
  const names = logGroups.map(({ logGroupName }) => logGroupName);
  for (const { logGroupName } of metricFilters) assert.ok(names.includes(logGroupName), logGroupName);
  assert.ok(
    names.some((name = "-") => DestinationArn.includes(name)),
    DestinationArn,
  );
}

async function assertRights({ statements, apiId }: Holdings): Promise<void> {
  assert.ok(statements.length >= 4, `${statements.length} statements`);
  for (const [name, statement] of statements) {
    assert.deepEqual(await problemsOf(statement), [], name);
    if (name === "LoginPolicy") {
      const { Action, Resource } = statement;
      assert.equal(Action, "execute-api:Invoke");
      const stage = `arn:aws:execute-api:${moto.region}:123456789012:${apiId}/$default`;
      assert.deepEqual(Resource, [`${stage}/POST/auth`, `${stage}/POST/logins`]);
    }
  }
}

function assertOutputs({ outputs, apiId }: Holdings): void {
  const url = `https://${apiId}.execute-api.${moto.region}.amazonaws.com/auth`;
  assert.equal(outputs["LoginUrl"], url);
  assert.equal(outputs["RelaySettings"], `INSPECTORD_URL=${url}`);
  const [statement] = JSON.parse(outputs["LoginPolicyDocument"] ?? "").Statement;
  for (const [at, path] of ["auth", "logins"].entries()) {
    assert.match(statement.Resource[at], new RegExp(`:${apiId}/\\$default/POST/${path}$`));
  }
  assert.match(outputs["AlarmTopicArn"] ?? "", /^arn:aws:sns:/);
}

function assertDashboard(stage: string, { dashboard }: Holdings, known: readonly string[]): void {
  assert.ok(dashboard.widgets.length >= 6);
  const schemas = known.map((key) => {
    const [namespace, , dimensions] = JSON.parse(key);
    return [namespace, ...Object.keys(dimensions)].join();
  });
  for (const { x, width, properties } of dashboard.widgets) {
    assert.ok(x >= 0 && x + width <= 24, properties.title);
    assert.equal(properties.region, moto.region);
    assert.doesNotMatch(JSON.stringify(properties), /\$\{/);
    for (const metric of properties.metrics as (string | { expression?: string })[][]) {
      const [namespace, name, ...rest] = metric.filter((part) => typeof part === "string");
      const [{ expression = undefined } = {}] = metric.filter((part) => typeof part === "object");
      if (namespace === "InspectorD") {
        const pairs = rest.flatMap((value, i) => (i % 2 === 0 ? [[value, rest[i + 1]]] : []));
        const key = keyOf({ namespace, name: name ?? "", dimensions: Object.fromEntries(pairs) });
        assert.ok(known.includes(key), key);
      }
      if (expression?.includes("{InspectorD")) {
        const [, namespace = "", names = ""] = /\{(\w+),([^}]*)\}/.exec(expression) ?? [];
        const schema = [namespace, ...names.split(",").toSorted()].join();
        assert.ok(schemas.includes(schema), expression);
        assert.ok(expression.includes(`Stage="${stage}"`), expression);
      }
    }
  }
}

/** A metric as a text that two of the same share. */
function keyOf({ namespace, name, dimensions }: Metric): string {
  const sorted = Object.entries(dimensions).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([namespace, name, Object.fromEntries(sorted)]);
}

function metricsOfAlarm({ Namespace, MetricName, Dimensions, Metrics = [] }: Alarm): Metric[] {
  const single =
    Namespace === undefined || MetricName === undefined ? [] : [{ Namespace, MetricName, Dimensions }];
  const ofMath = Metrics.flatMap(({ MetricStat }) => MetricStat?.Metric ?? []);
  return [...single, ...ofMath].map(({ Namespace, MetricName, Dimensions = [] }) => ({
    namespace: Namespace,
    name: MetricName,
    dimensions: Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value])),
  }));
}

function metricsOfFilter(filter: Holdings["metricFilters"][number], stage: string): Metric[] {
  return (filter.metricTransformations ?? []).map(
    ({ metricNamespace = "", metricName = "", dimensions = {} }) => {
      // The access log has the stage's name in that field.
      assert.deepEqual(dimensions, { Stage: "$.stage" });
      return { namespace: metricNamespace, name: metricName, dimensions: { Stage: stage } };
    },
  );
}

/** Returns the metrics of a stage that the uploaded functions write: of each outcome that there is. */
async function metricsOfZips(): Promise<(stage: string) => Metric[]> {
  const { auth, sessions, logins } = (await aws.holdings("memcached")).functions;
  await putSession(memcached, Buffer.from('user|s:5:"alice";'));
  const event = loginEvent("alice", sessionId);
  const login = { ...unpacked(auth), event };
  const check = {
    ...unpacked(sessions),
    event: { ...event, rawPath: "/sessions", body: JSON.stringify({ ids: [sessionId] }) },
  };
  const watch = {
    ...unpacked(logins),
    event: {
      ...event,
      rawPath: "/logins",
      body: JSON.stringify({ server: "localhost", logins: [["alice", sessionId]] }),
    },
  };
  const served = { SERVED_HOSTS: "localhost" };
  const away = { ...served, SESSION_STORE: "memcached://127.0.0.1:1" };
  // Where a store is away, the function for open connections has an answer: that nothing is known.
  const wrong = { SESSION_STORE: "nowhere" };
  const found = [login, check, watch].flatMap((one) =>
    [{}, served, away, wrong].flatMap(
      (changes) => call({ ...one, environment: { ...one.environment, ...changes } }).metrics,
    ),
  );
  return (stage) =>
    found.map((metric) => ({ ...metric, dimensions: { ...metric.dimensions, Stage: stage } }));
}

let unpackedSoFar = 0;

/** Unpacks the zip of a function, and returns what it is called with. */
function unpacked({ configuration, zip }: HeldFunction) {
  const directory = join(temporaryDirectory(), String(unpackedSoFar++));
  mkdirSync(directory);
  const file = join(directory, "function.zip");
  writeFileSync(file, zip);
  assert.equal(spawnSync("unzip", ["-q", file, "-d", directory]).status, 0);
  return {
    directory,
    handler: configuration.Handler ?? "",
    environment: configuration.Environment?.Variables ?? {},
  };
}
