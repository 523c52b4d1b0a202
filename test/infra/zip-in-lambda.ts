// `npm run test:lambda`: the packaged zips in AWS's own loader of functions (aws-lambda-ric) under Lambda's version of
// Node. Not among the tests of `npm test`: the loader is built on the machine, which takes a minute and a C++ compiler.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { buildAll } from "../../infra/build.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { nodePath } from "../real/parts.ts";
import { type RuntimeApi, startRuntimeApi } from "../stand-in/runtime-api.ts";
import { say, startSsm } from "../stand-in/ssm.ts";
import { dynamodb } from "./deployments.ts";
import { loginEvent } from "./login-event.ts";
import { copyProject, type Packaged, packageStage, writeParameters } from "./packaged.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const nodesDirectory = fileURLToPath(new URL("../real/nodes", import.meta.url));
const loaderDirectory = fileURLToPath(new URL("../real/lambda", import.meta.url));
const loader = join(loaderDirectory, "node_modules/aws-lambda-ric/index.mjs");
const directory = temporaryDirectory();

const samples = {
  SESSION_STORE: `files://${root}infra/local/sessions`,
  AUTHENTICATED_EXPRESSION: "authenticated",
  USER_EXPRESSION: "user",
  SERVED_HOSTS: "localhost",
};

interface Loaded {
  readonly api: RuntimeApi;
  readonly process: RunningProcess;
}

interface Answer {
  readonly statusCode: number;
  readonly body: string;
}

let packaged: Packaged;
const stops: (() => Promise<unknown>)[] = [];

before(
  async () => {
    install(nodesDirectory, nodePath("24"), "Node 24 is to be had for Linux on x64");
    install(loaderDirectory, loader, "aws-lambda-ric is built by make, cmake, g++ and python3");
    await buildAll();
    copyProject(directory);
    writeParameters(directory, "lambda", dynamodb);
    packaged = await packageStage(directory, "lambda");
  },
  { timeout: 600_000 },
);

after(async () => {
  for (const stop of stops.reverse()) await stop();
});

/** Installs what a lock file of its own names, unless it is there. */
function install(place: string, wanted: string, hint: string): void {
  if (existsSync(wanted)) return;
  spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--prefix", place], { stdio: ["ignore", 2, 2] });
  assert.ok(existsSync(wanted), `npm ci --prefix ${place} has failed: ${hint}`);
}

/** Starts a function of the template as Lambda does, with these variables. */
async function load(
  name: "auth" | "sessions" | "logins",
  variables: Readonly<Record<string, string>>,
): Promise<Loaded> {
  const task = join(directory, `task-${name}`);
  assert.equal(spawnSync("unzip", ["-qo", packaged.zips[name], "-d", task]).status, 0);
  const resource = `${name.charAt(0).toUpperCase()}${name.slice(1)}LambdaFunction`;
  const { Handler } = packaged.template.Resources[resource]?.Properties ?? {};
  const api = await startRuntimeApi();
  stops.push(() => api.stop());
  const running = await startProcess({
    command: nodePath("24"),
    args: [loader],
    cwd: task,
    env: {
      _HANDLER: String(Handler),
      AWS_LAMBDA_RUNTIME_API: api.host,
      LAMBDA_TASK_ROOT: task,
      AWS_LAMBDA_FUNCTION_NAME: `inspectord-lambda-${name}`,
      AWS_LAMBDA_FUNCTION_VERSION: "1",
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "256",
      AWS_LAMBDA_LOG_GROUP_NAME: "group",
      AWS_LAMBDA_LOG_STREAM_NAME: "stream",
      AWS_REGION: "eu-central-1",
      AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "secret",
      STAGE: "lambda",
      ...variables,
    },
    isReady: () => true,
  });
  stops.push(() => running.stop());
  return { api, process: running };
}

/** Returns what the function answers to this event. Throws with its output where it ends instead. */
async function ask({ api, process }: Loaded, event: APIGatewayProxyEventV2): Promise<Answer> {
  const ended = once(process.child, "exit").then(() => assert.fail(process.output()));
  assert.equal(process.child.exitCode, null, process.output());
  return (await Promise.race([api.invoke(event), ended])) as Answer;
}

describe("a zip in Lambda's own loader", () => {
  it("answers logins, one after the other", async () => {
    const loaded = await load("auth", samples);
    const yes = await ask(loaded, loginEvent("alice", "alice0session0of0the0samples"));
    assert.equal(yes.statusCode, 200);
    assert.equal(yes.body, '{"allow":true}');
    const no = await ask(loaded, loginEvent("bob", "alice0session0of0the0samples"));
    assert.equal(no.body, '{"allow":false}');
    assert.match(loaded.process.output(), /"outcome":"refused","reason":"other-user"/);
  });

  it("answers for many sessions", async () => {
    const loaded = await load("sessions", samples);
    const ids = ["alice0session0of0the0samples", "carol0session0of0the0samples"];
    const event = { ...loginEvent("", ""), rawPath: "/sessions", body: JSON.stringify({ ids }) };
    const answer = await ask(loaded, event);
    assert.equal(answer.body, '{"authenticated":[true,false]}');
  });

  it("answers for open connections", async () => {
    const loaded = await load("logins", samples);
    const logins = [
      ["alice", "alice0session0of0the0samples"],
      ["carol", "carol0session0of0the0samples"],
    ];
    const body = JSON.stringify({ server: "localhost", logins });
    const answer = await ask(loaded, { ...loginEvent("", ""), rawPath: "/logins", body });
    assert.equal(answer.body, '{"live":"10"}');
  });

  it("takes its secret from SSM before the first login", async () => {
    const ssm = await startSsm();
    stops.push(() => ssm.stop());
    ssm.reply = say(`base64:${Buffer.alloc(32).toString("base64")}`);
    const secret = { LARAVEL_APP_KEY_PARAMETER: "/inspectord/key", AWS_ENDPOINT_URL_SSM: ssm.url };
    const loaded = await load("auth", { ...samples, ...secret });
    const answer = await ask(loaded, loginEvent("alice", "alice0session0of0the0samples"));
    assert.equal(answer.statusCode, 200);
    assert.deepEqual(ssm.requests, [{ Name: "/inspectord/key", WithDecryption: true }]);
  });

  it("tells Lambda that it could not start where SSM does not give the secret", async () => {
    const ssm = await startSsm();
    stops.push(() => ssm.stop());
    const secret = { LARAVEL_APP_KEY_PARAMETER: "/inspectord/key", AWS_ENDPOINT_URL_SSM: ssm.url };
    const { api } = await load("auth", { ...samples, ...secret });
    const { errorType, errorMessage } = await api.initError;
    assert.equal(errorType, "SecretError");
    assert.match(
      errorMessage,
      /LARAVEL_APP_KEY_PARAMETER: SSM did not give the parameter \(ParameterNotFound\)/,
    );
  });

  it("says of a wrong configuration what is wrong, and lets nobody in", async () => {
    const loaded = await load("auth", { ...samples, SERVED_HOSTS: "LOCALHOST" });
    const answer = await ask(loaded, loginEvent("alice", "alice0session0of0the0samples"));
    assert.equal(answer.statusCode, 503);
    assert.match(loaded.process.output(), /SERVED_HOSTS is wrong/);
  });
});
