// The model beside a measurement: 2,500 users, a thousandth of 2.5 million, come back ten times as fast, to a real ejabberd
// with the module, the relay, the function and memcached on this machine. Only AWS is a stand-in. What the model needs is
// measured first, in the same run.

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildAll } from "../../infra/build.ts";
import { localKey } from "../../infra/local/api.ts";
import { startEjabberd } from "../../infra/local/ejabberd.ts";
import { freePort } from "../../infra/local/ports.ts";
import { endWithParent, startProcess } from "../../infra/local/process.ts";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { makeCertificate } from "../../test/real/certificate.ts";
import { temporaryDirectory } from "../../test/real/directory.ts";
import { startMemcached } from "../../test/real/memcached.ts";
import { startNumbered } from "../relay/numbered.ts";
import { cpuMs } from "../relay/processes.ts";
import { requireParts } from "../require-parts.ts";
import { median } from "../table.ts";
import type { Calibration } from "./calibration.ts";
import { type Aws, startAws } from "./check/aws.ts";
import type { ClientsReport } from "./check/clients.ts";
import { type SlowStore, startSlowStore } from "./check/slow-store.ts";
import { sessionIdOf, storeSessions } from "./check/users.ts";
import { table } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import { type Result, simulate } from "./simulate.ts";

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const users = 2_500;
const seeds = 20;
const timesFaster = 10;

/** A thousandth of the users, ten times as fast: rates and concurrency are a hundredth, times are as they are. */
function scenariosFor(calibration: Calibration): readonly Scenario[] {
  const base: Scenario = {
    name: "recipe",
    title: "the recipe",
    seed: 20_261,
    users,
    horizonMs: 300_000,
    arrivals: { kind: "page", spreadSeconds: 60 },
    client: "page",
    hosts: 1,
    ejabberd: { cores: cpus().length, loginCpuMs: calibration.ejabberdCpuMs, asks: "module" },
    relay: { requestCpuMs: calibration.relayCpuMs, maxInFlight: 6, deadlineMs: 10_000 },
    gateway: { route: { perSecond: 62.5, burst: 50 }, account: { perSecond: 100, burst: 50 } },
    lambda: {
      concurrency: 10,
      addedPer10s: 10,
      warm: 1,
      coldMs: 250,
      handlerMs: calibration.handlerMs,
    },
    store: { medianMs: calibration.lookUpMs, sigma: calibration.lookUpSigma, timeoutMs: 4_000 },
    wayMs: calibration.roundTripMs / 2,
  };
  const slow = { fromMs: 300_000 / timesFaster, toMs: 360_000 / timesFaster, byMs: 1000 };
  return [
    base,
    {
      ...base,
      name: "slow-store",
      title: "store 1 s slower for 6 s",
      store: { ...base.store, slow },
    },
    {
      ...base,
      name: "half",
      title: "half of them in 8.3 s",
      arrivals: { kind: "decaying", halfMs: 83_000 / timesFaster },
    },
    {
      ...base,
      name: "once",
      title: "10 a second, tried once",
      arrivals: { kind: "even", withinMs: 600_000 / timesFaster },
      client: "once",
      relay: { ...base.relay, maxInFlight: 26 },
      gateway: { ...base.gateway, route: { perSecond: 10, burst: 20 } },
    },
  ];
}

/** Measures, writes calibration.json, and returns what the page says of it, as Markdown. */
export async function check(say: (line: string) => void): Promise<string> {
  requireParts(["ejabberd", "memcached", "openssl", "nodes"]);
  const loadBefore = loadavg()[0] ?? 0;
  const parts = await startParts();
  say("calibrating ...");
  const calibration = await calibrate(parts);
  writeFileSync(here("calibration.json"), `${JSON.stringify(calibration, undefined, 2)}\n`);
  const rows: string[][] = [];
  for (const scenario of scenariosFor(calibration)) {
    say(`${scenario.title} ...`);
    const model = Array.from({ length: seeds }, (_, seed) => simulate({ ...scenario, seed: seed + 1 }));
    rows.push([scenario.title, "model", ...cellsOfModel(model)]);
    rows.push(["", "measured", ...(await measure(parts, scenario))]);
  }
  await parts.stop();
  return [
    `${cpus().length} cores, ${cpus()[0]?.model}; load averages of ${loadBefore.toFixed(1)} before the run and ` +
      `${(loadavg()[0] ?? 0).toFixed(1)} after it.\nThe model's figures are the least and the most of ${seeds} seeds.\n`,
    table(
      [
        "storm",
        "",
        "in",
        "refused at least once",
        "lost",
        "last in, s",
        "requests",
        "most a second",
        "wait p99, s",
      ],
      rows,
    ),
    "Measured for the model, in milliseconds:\n",
    table(
      [
        "ejabberd's CPU a login",
        "the relay's a request",
        "the function",
        "a look-up",
        "relay to API and back",
      ],
      [
        [
          calibration.ejabberdCpuMs,
          calibration.relayCpuMs,
          calibration.handlerMs,
          calibration.lookUpMs,
          calibration.roundTripMs,
        ].map((ms) => ms.toFixed(2)),
      ],
    ),
  ].join("\n");
}

interface Parts {
  readonly aws: Aws;
  readonly store: SlowStore;
  readonly port: number;
  readonly relaySocket: string;
  readonly relayPid: () => number;
  /** Restarts the relay with this limit of requests in flight. */
  readonly restartRelay: (maxInFlight: number) => Promise<void>;
  readonly ejabberdPid: number;
  stop(): Promise<void>;
}

async function startParts(): Promise<Parts> {
  await buildAll();
  const directory = temporaryDirectory();
  const certificate = makeCertificate(directory);
  execFileSync("sh", [here("../../infra/ejabberd/inspectord/build.sh"), directory]);
  const memcached = await startMemcached();
  await storeSessions(memcached.port, users);
  const store = await startSlowStore(memcached.port);
  const aws = await startAws(certificate, {
    SESSION_STORE: `memcached://127.0.0.1:${store.port}`,
    AUTHENTICATED_EXPRESSION: "authenticated",
    USER_EXPRESSION: "user.name",
    SERVED_HOSTS: "localhost",
  });
  const relaySocket = join(directory, "relay.sock");
  const startRelay = (maxInFlight: number) =>
    startProcess({
      command: process.execPath,
      args: [relayPath, aws.url, "--region", "eu-central-1", "--listen", relaySocket].concat(
        "--max-in-flight",
        String(maxInFlight),
      ),
      env: { ...process.env, ...localKey, NODE_EXTRA_CA_CERTS: certificate.certPath },
      isReady: (output) => output.includes("code=listening"),
    });
  let relay = await startRelay(64);
  const [port, httpPort] = [await freePort(), await freePort()];
  const own = join(directory, "ejabberd");
  mkdirSync(own);
  const ejabberd = await startEjabberd({
    directory: own,
    config: `
loglevel: error
hosts: [localhost]
auth_method: [inspectord]
extauth_program: ${relaySocket}
auth_use_cache: false
disable_sasl_mechanisms: [X-OAUTH2]
shaper: {}
listen:
  - {port: ${port}, ip: "127.0.0.1", module: ejabberd_c2s, access: c2s, backlog: 4096, max_stanza_size: 65536}
  - {port: ${httpPort}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: {/bosh: mod_bosh}}
access_rules:
  c2s: {allow: all}
modules:
  mod_bosh: {}
`,
    isReady: () =>
      fetch(`http://127.0.0.1:${httpPort}/bosh`).then(
        ({ status }) => status === 200,
        () => false,
      ),
    libraries: [directory],
  });
  return {
    aws,
    store,
    port,
    relaySocket,
    relayPid: () => relay.pid,
    restartRelay: async (maxInFlight) => {
      await relay.stop();
      relay = await startRelay(maxInFlight);
    },
    ejabberdPid: ejabberd.pid,
    stop: async () => {
      await ejabberd.stop();
      await relay.stop();
      await aws.stop();
      store.stop();
      await memcached.stop();
    },
  };
}

async function calibrate(parts: Parts): Promise<Calibration> {
  const { aws, store } = parts;
  const relay = await startNumbered(1, parts.relaySocket, () => `auth:u0:localhost:${sessionIdOf(0)}`);
  await relay.ask(200);
  aws.functionMs.length = 0;
  store.lookUpsMs.length = 0;
  const tookMs = median(await relay.ask(1_000));
  await relay.stop();
  const functionMs = median(aws.functionMs);
  const lookUpMs = median(store.lookUpsMs);
  const p90Ms = store.lookUpsMs.toSorted((a, b) => a - b)[Math.floor(store.lookUpsMs.length * 0.9)] as number;
  const many = await startNumbered(64, parts.relaySocket, (at) => `auth:u${at}:localhost:${sessionIdOf(at)}`);
  await many.ask(1_000);
  const relayBeforeMs = cpuMs([parts.relayPid()]);
  const asked = (await many.ask(4_000)).length;
  const relayCpuMs = (cpuMs([parts.relayPid()]) - relayBeforeMs) / asked;
  await many.stop();
  // The processors' time: of logins through all, at half of the rate at which the clients come in a storm.
  const logins: Scenario = {
    ...(scenariosFor({
      ...{ ejabberdCpuMs: 1, relayCpuMs: 1, handlerMs: 1, lookUpMs: 1, lookUpSigma: 1, roundTripMs: 1 },
    })[0] as Scenario),
    arrivals: { kind: "even", withinMs: 20_000 },
    users: 1_000,
    horizonMs: 60_000,
    lambda: { concurrency: 1000, addedPer10s: 1000, warm: 1000, coldMs: 0, handlerMs: 0 },
    gateway: { route: { perSecond: 1000, burst: 1000 }, account: { perSecond: 1000, burst: 1000 } },
  };
  const ejabberdBeforeMs = cpuMs([parts.ejabberdPid]);
  aws.begin(logins);
  const report = await runClients(parts.port, logins);
  if (report.in !== logins.users) throw new Error(`${report.in} of ${logins.users} logged in to calibrate`);
  const round = (ms: number) => Number(ms.toFixed(3));
  return {
    ejabberdCpuMs: round((cpuMs([parts.ejabberdPid]) - ejabberdBeforeMs) / logins.users),
    relayCpuMs: round(relayCpuMs),
    handlerMs: round(Math.max(0, functionMs - lookUpMs)),
    lookUpMs: round(lookUpMs),
    // Of a normal distribution, 90 % are below 1.28 deviations.
    lookUpSigma: round(Math.log(p90Ms / lookUpMs) / 1.2816),
    roundTripMs: round(Math.max(0, tookMs - functionMs)),
  };
}

async function measure(parts: Parts, scenario: Scenario): Promise<string[]> {
  const { aws, store } = parts;
  const { slow } = scenario.store;
  await parts.restartRelay(scenario.relay.maxInFlight);
  aws.begin(scenario);
  const timers =
    slow === undefined
      ? []
      : [
          setTimeout(() => {
            store.delayMs = slow.byMs;
          }, slow.fromMs),
          setTimeout(() => {
            store.delayMs = 0;
          }, slow.toMs),
        ];
  const report = await runClients(parts.port, scenario);
  for (const timer of timers) clearTimeout(timer);
  store.delayMs = 0;
  const { requests, mostASecond } = aws.seen();
  const waits = report.waitsMs.toSorted((a, b) => a - b);
  return [
    String(report.in),
    String(report.refusedOnce),
    String(scenario.users - report.in),
    (report.lastInMs / 1000).toFixed(0),
    String(requests),
    String(mostASecond),
    ((waits[Math.floor(waits.length * 0.99)] ?? Number.NaN) / 1000).toFixed(1),
  ];
}

function runClients(port: number, scenario: Scenario): Promise<ClientsReport> {
  const client = spawn(
    process.execPath,
    ["--import", "tsx", here("check/clients.ts"), String(port), JSON.stringify(scenario)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  endWithParent(client);
  let report = "";
  client.stdout.setEncoding("utf8").on("data", (text: string) => {
    report += text;
  });
  return new Promise((resolve, reject) => {
    client.on("close", () => {
      try {
        resolve(JSON.parse(report));
      } catch (error) {
        reject(error);
      }
    });
  });
}

function cellsOfModel(results: readonly Result[]): string[] {
  const range = (of: (result: Result) => number, digits = 0) => {
    const all = results.map((result) => of(result)).toSorted((a, b) => a - b);
    const [least = "", most = ""] = [all[0]?.toFixed(digits), all.at(-1)?.toFixed(digits)];
    return least === most ? least : `${least}–${most}`;
  };
  return [
    range((result) => result.in),
    range((result) => result.refusedOnce),
    range((result) => result.gaveUp + result.out),
    range((result) => result.lastInMs / 1000),
    range((result) => result.requests),
    range((result) => result.mostRequestsASecond),
    range((result) => result.waitP99Ms / 1000, 1),
  ];
}
