// `npm run bench:relay`: what the relay adds to a login, alone and as a whole pool, beside a bare HTTPS client and a
// script that asks memcached itself. All in one run: only the ratios mean anything elsewhere.
// A word behind it measures a part alone: npm run bench:relay -- one | start | pools | ejabberd

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { connect } from "node:net";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildAll } from "../infra/build.ts";
import { localKey } from "../infra/local/api.ts";
import { type Ejabberd, startEjabberd } from "../infra/local/ejabberd.ts";
import { freePort } from "../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../infra/local/process.ts";
import { relayPath } from "../infra/local/relay-caller.ts";
import { makeCertificate } from "../test/real/certificate.ts";
import { temporaryDirectory } from "../test/real/directory.ts";
import { startMemcached } from "../test/real/memcached.ts";
import { startNumbered } from "./relay/numbered.ts";
import { type Pool, startPool } from "./relay/pool.ts";
import { cpuMs, pssMb } from "./relay/processes.ts";
import { requireParts } from "./require-parts.ts";

requireParts(["ejabberd", "memcached", "openssl", "socat"], ["cc", "python3-memcache"]);

const here = (name: string) => fileURLToPath(new URL(`relay/${name}`, import.meta.url));
const node = process.execPath;
const script = (name: string) => [node, "--import", "tsx", here(name)];
/** Debian's, which has python3-memcache. */
const python = "/usr/bin/python3";

const rounds = 5;
const directory = temporaryDirectory();
const certificate = makeCertificate(directory);
const nullProgram = join(directory, "null");
const sessionBytes = 908;
const sessionId = "good0session0of0the0bench0";
/** Of so many sessions each is asked for in turn: more than are ever asked for at one time. */
const sessionCount = 256;
/** How many were started, for a directory and a socket of each one's own. */
let servers = 0;
let sockets = 0;

// Every program started here, and below ejabberd, signs with the local key and trusts this run's certificate.
Object.assign(process.env, localKey, { NODE_EXTRA_CA_CERTS: certificate.certPath });

await buildAll();
execFileSync("cc", ["-O2", "-o", nullProgram, here("null.c")]);
execFileSync("sh", [
  fileURLToPath(new URL("../infra/ejabberd/inspectord/build.sh", import.meta.url)),
  directory,
]);
const memcached = await startMemcached();
await storeSessions(memcached.port);
const question = (at: number) => `auth:alice:localhost:${sessionId}${at % sessionCount}`;
const peerCommand = [python, here("peer.py"), String(memcached.port), join(directory, "peer.log")];
const barePeerCommand = [python, here("bare-peer.py"), String(memcached.port)];

say(
  `${cpus().length} cores, ${cpus()[0]?.model}; Node.js ${process.versions.node}; medians of ${rounds} rounds.\n`,
);
const parts = { one: oneRelay, start: startUp, pools, ejabberd: throughEjabberd };
for (const [name, measure] of Object.entries(parts)) {
  if (process.argv.length < 3 || process.argv.includes(name)) await measure();
}
await memcached.stop();
process.exit(0);

/** One relay over a pipe beside a bare client of the same server, in turns. */
async function oneRelay(): Promise<void> {
  const rows: string[][] = [];
  for (const delayMs of [0, 5]) {
    const api = await startApi(delayMs);
    const count = delayMs === 0 ? 4_000 : 400;
    const relay = await startPool(1, relayCommand(api.url), question);
    const daemon = await startDaemon(api.url);
    const connection = await startNumbered(1, daemon.socket, question);
    const pipe = await startPool(1, [nullProgram], question);
    for (const pool of [relay, connection, pipe]) await pool.ask(count / 4);
    const ratios: number[] = [];
    const numberedRatios: number[] = [];
    const bare: number[][] = [];
    const ours: number[][] = [];
    const numbered: number[][] = [];
    const pipeAlone: number[][] = [];
    for (let round = 0; round < rounds; round++) {
      const [program = "", ...args] = script("https-loop.ts");
      const loop = spawnSync(program, [...args, api.url, certificate.certPath, String(count)], {
        encoding: "utf8",
      });
      // The first quarter warms up, as it did for the relay.
      const bareMs = (JSON.parse(loop.stdout) as number[]).slice(count / 4);
      const oursMs = await relay.ask(count);
      const numberedMs = await connection.ask(count);
      pipeAlone.push(await pipe.ask(count));
      bare.push(bareMs);
      ours.push(oursMs);
      numbered.push(numberedMs);
      ratios.push(mean(bareMs) / mean(oursMs));
      numberedRatios.push(mean(bareMs) / mean(numberedMs));
    }
    for (const [name, times, ratio] of [
      ["bare node:https loop", bare, undefined],
      ["relay, over a pipe", ours, ratios],
      ["relay, numbered frames", numbered, numberedRatios],
      ["null program, for the pipe alone", pipeAlone, undefined],
    ] as const) {
      const perSecond = median(times.map((tookMs) => 1000 / mean(tookMs)));
      rows.push([
        `${delayMs} ms`,
        name,
        perSecond.toFixed(0),
        median(times.map((tookMs) => percentile(tookMs, 50))).toFixed(2),
        median(times.map((tookMs) => percentile(tookMs, 99))).toFixed(2),
        ratio === undefined ? "" : median(ratio).toFixed(2),
      ]);
    }
    for (const pool of [relay, connection, pipe]) await pool.stop();
    await daemon.process.stop();
    await api.process.stop();
  }
  say("## One relay\n");
  table(["API", "client", "logins/s", "p50 ms", "p99 ms", "rate / bare loop's"], rows);
}

/** From the start of the program to its first answer. */
async function startUp(): Promise<void> {
  const api = await startApi(0);
  const rows: string[][] = [];
  for (const [name, command] of [
    ["relay", relayCommand(api.url)],
    ["peer", peerCommand],
  ] as const) {
    const tookMs: number[] = [];
    for (let round = 0; round < 2 * rounds; round++) {
      const startedMs = performance.now();
      const pool = await startPool(1, command, question);
      tookMs.push(performance.now() - startedMs);
      await pool.stop();
    }
    rows.push([name, median(tookMs).toFixed(0), name === "relay" ? String(statSync(relayPath).size) : ""]);
  }
  await api.process.stop();
  say("## Start\n");
  table(["program", "first answer, ms", "bundle, bytes"], rows);
}

/** So many questions at a time, each asked again as soon as it is answered, API at 0 ms. */
async function pools(): Promise<void> {
  const api = await startApi(0);
  const rows: string[][] = [];
  type Start = (size: number, socket: string) => Promise<Pool>;
  const programs =
    (command: readonly string[]): Start =>
    (size) =>
      startPool(size, command, question);
  const kinds: readonly (readonly [name: string, hasDaemon: boolean, start: Start])[] = [
    ["a relay each", false, programs(relayCommand(api.url))],
    [
      "daemon and socat",
      true,
      (size, socket) => programs(["socat", "-", `UNIX-CONNECT:${socket}`])(size, ""),
    ],
    ["daemon, numbered frames", true, (size, socket) => startNumbered(size, socket, question)],
    ["peer each", false, programs(peerCommand)],
    ["bare peer each", false, programs(barePeerCommand)],
  ];
  for (const size of [4, 64, 256]) {
    for (const [kind, hasDaemon, start] of kinds) {
      const count = 8_000;
      const daemon = hasDaemon ? await startDaemon(api.url) : undefined;
      const pool = await start(size, daemon?.socket ?? "");
      await pool.ask(Math.max(count / 4, 8 * size));
      const pids = daemon === undefined ? pool.pids : [...pool.pids, daemon.process.pid];
      const perSecond: number[] = [];
      const cpu: number[] = [];
      const memberCpu: number[] = [];
      let lost = 0;
      for (let round = 0; round < rounds; round++) {
        const cpuBefore = cpuMs(pids);
        const membersBefore = cpuMs(pool.pids);
        const startedMs = performance.now();
        const answered = (await pool.ask(count)).length;
        perSecond.push((answered * 1000) / (performance.now() - startedMs));
        cpu.push((cpuMs(pids) - cpuBefore) / answered);
        memberCpu.push((cpuMs(pool.pids) - membersBefore) / answered);
        lost += count - answered;
      }
      rows.push([
        String(size),
        kind,
        median(perSecond).toFixed(0),
        median(cpu).toFixed(3),
        daemon === undefined ? "" : (median(cpu) - median(memberCpu)).toFixed(3),
        pssMb(pids).toFixed(0),
        String(lost),
      ]);
      await pool.stop();
      await daemon?.process.stop();
    }
  }
  await api.process.stop();
  say("## Many at a time\n");
  table(
    ["in flight", "by", "logins/s", "CPU ms a login", "of it the daemon's", "memory MB (PSS)", "lost"],
    rows,
  );
}

/** SASL PLAIN over TCP: what ejabberd can do at all, then half of it offered to each way of asking. */
async function throughEjabberd(): Promise<void> {
  const rows: string[][] = [];
  const ceiling = await withEjabberd(programsOf([nullProgram], 8), ({ port }) =>
    load(port, 4_000, "concurrency", 50),
  );
  const capacity = (ceiling.tookMs.length * 1000) / ceiling.elapsedMs;
  const offered = Math.floor(capacity / 2);
  const measure = async (
    name: string,
    delay: string,
    auth: Auth,
    { daemon, rate = offered, seconds = 10, restarts = 0 }: Offer = {},
  ) => {
    const count = rate * seconds;
    await withEjabberd(auth, async ({ port, ejabberd }) => {
      await load(port, 2 * rate, "rate", rate);
      const relay = daemon === undefined ? [] : [daemon.process.pid];
      const before = { relay: restarts > 0 ? 0 : cpuMs(relay), beam: cpuMs([ejabberd.pid]) };
      const loaded = load(port, count, "rate", rate);
      for (let restart = 0; restart < restarts; restart++) {
        await pause((seconds * 1000) / (restarts + 1));
        await daemon?.restart();
      }
      const { tookMs, lost } = await loaded;
      const lostCount = Object.values(lost).reduce((sum, some) => sum + some, 0);
      const why = Object.keys(lost).join(", ");
      const perLogin = (ms: number) => (ms / count).toFixed(2);
      const members = daemon === undefined ? [] : ejabberd.programs(daemon.socket);
      rows.push([
        name,
        delay,
        `${rate} for ${seconds} s${restarts > 0 ? `, ${restarts} restarts` : ""}`,
        lostCount === 0 ? "0" : `${lostCount} (${why})`,
        percentile(tookMs, 50).toFixed(1),
        percentile(tookMs, 99).toFixed(1),
        daemon === undefined || restarts > 0 ? "" : perLogin(cpuMs(relay) - before.relay),
        perLogin(cpuMs([ejabberd.pid]) - before.beam),
        daemon === undefined ? "" : pssMb([daemon.process.pid, ...members]).toFixed(0),
      ]);
    });
  };
  await measure("null program, pool of 8", "", programsOf([nullProgram], 8));
  await measure("peer, pool of 8", "", programsOf(peerCommand, 8));
  for (const delayMs of [0, 5, 20, 100, 500]) {
    const api = await startApi(delayMs);
    const delay = `${delayMs} ms`;
    if (delayMs === 20)
      await measure("a relay each, pool of 64", delay, programsOf(relayCommand(api.url), 64));
    for (const [name, authOf] of [
      ["daemon and 64 socats", socats],
      ["daemon and module", module],
    ] as const) {
      const daemon = await startDaemon(api.url);
      await measure(name, delay, authOf(daemon.socket), { daemon });
      if (delayMs === 20)
        await measure(name, delay, authOf(daemon.socket), { daemon, rate: 100, seconds: 14, restarts: 7 });
      if (delayMs === 500 && authOf === module) {
        await measure(name, delay, authOf(daemon.socket), {
          daemon,
          rate: Math.floor((0.8 * 256) / 0.5),
          seconds: 60,
        });
      }
      await daemon.process.stop();
    }
    await api.process.stop();
  }
  say("## Through ejabberd\n");
  say(
    `The null program, pool of 8, 50 logins at a time: ${capacity.toFixed(0)} logins/s. Half of that is offered ` +
      "below unless another rate stands there, whatever becomes of the logins.\n",
  );
  table(
    [
      "by",
      "API",
      "logins/s offered",
      "lost",
      "p50 ms",
      "p99 ms",
      "relay's CPU ms",
      "beam's CPU ms",
      "memory MB beside beam",
    ],
    rows,
  );
}

/** The options of ejabberd.yml that say who is asked. */
type Auth = string;

interface Offer {
  readonly daemon?: Daemon;
  /** Logins a second. */
  readonly rate?: number;
  readonly seconds?: number;
  readonly restarts?: number;
}

function programsOf(command: readonly string[], poolSize: number): Auth {
  return `auth_method: [external]\nextauth_program: "${command.join(" ")}"\nextauth_pool_size: ${poolSize}`;
}

/** The line that docs/chat-host.md recommends for the pool. */
function socats(socket: string): Auth {
  const line = `sh -c 'sleep 2; exec socat - UNIX-CONNECT:${socket},retry=280,interval=0.1'`;
  return `auth_method: [extguard]\nextauth_program: "${line}"\nextauth_pool_size: 64`;
}

function module(socket: string): Auth {
  return `auth_method: [inspectord]\nextauth_program: ${socket}`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

interface Load {
  readonly tookMs: number[];
  readonly lost: Readonly<Record<string, number>>;
  readonly elapsedMs: number;
}

async function load(port: number, count: number, how: "rate" | "concurrency", much: number): Promise<Load> {
  const [program = "", ...args] = script("xmpp-load.ts");
  const client = spawn(program, [...args, ...[port, sessionId, sessionCount, count, how, much].map(String)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let report = "";
  for await (const chunk of client.stdout) report += chunk;
  return JSON.parse(report) as Load;
}

async function withEjabberd<Result>(
  auth: Auth,
  work: (server: { readonly port: number; readonly ejabberd: Ejabberd }) => Promise<Result>,
): Promise<Result> {
  const own = join(directory, `ejabberd${++servers}`);
  execFileSync("mkdir", [own]);
  const port = await freePort();
  const httpPort = await freePort();
  const ejabberd = await startEjabberd({
    directory: own,
    config: `
loglevel: error
hosts: [localhost]
${auth}
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
  try {
    return await work({ port, ejabberd });
  } finally {
    await ejabberd.stop();
  }
}

async function startApi(delayMs: number) {
  const [command = "", ...args] = script("api-server.ts");
  const started = await startProcess({
    command,
    args: [...args, directory, String(delayMs)],
    isReady: (output) => /^\d+\n/.test(output),
  });
  return { url: `https://localhost:${Number.parseInt(started.output(), 10)}/auth`, process: started };
}

function relayCommand(url: string): string[] {
  return [node, relayPath, url];
}

interface Daemon {
  readonly socket: string;
  process: RunningProcess;
  restart(): Promise<void>;
}

async function startDaemon(url: string): Promise<Daemon> {
  const socket = join(directory, `relay${++sockets}.sock`);
  const start = () =>
    startProcess({
      command: node,
      args: [relayPath, url, "--listen", socket],
      // As infra/ejabberd/inspectord-relay.service starts it.
      env: { ...process.env, NODE_OPTIONS: "--max-semi-space-size=2", MALLOC_ARENA_MAX: "1" },
      isReady: (output) => output.includes("code=listening"),
    });
  const daemon: Daemon = {
    socket,
    process: await start(),
    restart: async () => {
      await daemon.process.stop();
      daemon.process = await start();
    },
  };
  return daemon;
}

/** PHP's own form of a session, under the keys of its memcached save handler. */
function storeSessions(port: number): Promise<void> {
  const items = Array.from(
    { length: 6 },
    (_, at) => `i:${at};a:2:{s:2:"id";i:${4711 + at};s:5:"count";i:1;}`,
  );
  const head = `user|s:5:"alice";authenticated|b:1;cart|a:${items.length}:{${items.join("")}}more|`;
  const filler = sessionBytes - head.length - 's:000:"";'.length;
  const session = `${head}s:${filler}:"${"x".repeat(filler)}";`;
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let replies = "";
    socket.on("error", reject);
    socket.setEncoding("latin1").on("data", (reply: string) => {
      replies += reply;
      if (replies !== "STORED\r\n".repeat(sessionCount)) return;
      socket.destroy();
      resolve();
    });
    for (let at = 0; at < sessionCount; at++) {
      socket.write(`set memc.sess.key.${sessionId}${at} 0 0 ${session.length}\r\n${session}\r\n`);
    }
  });
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? Number.NaN;
}

function median(values: readonly number[]): number {
  return percentile(values, 50);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  say(line(head) + line(head.map(() => "---")) + rows.map(line).join(""));
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
