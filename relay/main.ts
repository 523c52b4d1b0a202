// The program on the ejabberd host: frames on stdin or on a unix socket, or HTTP on the loopback -> the API -> answers.

import { existsSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { printable } from "../protocol/printable.ts";
import { type RelayConfig, readConfig } from "./config.ts";
import { openCredentials } from "./credentials/open.ts";
import { ListenError, listen } from "./daemon.ts";
import type { Decide } from "./decide.ts";
import { HttpSecretError, readHttpSecret } from "./http-secret.ts";
import { serveHttp } from "./http-server.ts";
import { createLog, hashedNames, type Log } from "./log.ts";
import { openLogFile } from "./log-file.ts";
import { serveMetrics } from "./metrics-server.ts";
import { createRelay } from "./relay.ts";
import { type ServeOptions, serve } from "./serve.ts";
import { greets, serveNumbered } from "./serve-numbered.ts";

/** ejabberd gives up after 30 seconds, and the time in its own queue is part of them. */
const patienceMs = 25_000;
// ejabberd restarts a program that ends, and too many fast ends take its supervisors down, BOSH with them.
// After a fault that nobody foresaw, this pause keeps the restarts below that rate.
const pauseBeforeCrashMs = 2_000;

/** A connection to the socket that sends more empty frames in a row than this is no member of ejabberd's pool. */
const maxEmptyFrames = 64;

const args = process.argv.slice(2);
if (args[0] === "doctor") await runDoctor();

let write = (line: string) => {
  process.stderr.write(line);
};
let log: Log = createLog({ write: (line) => write(line), format: "logfmt", now: () => new Date() });
process.on("uncaughtException", (error) => {
  log("error", "crash", () => ({ kind: error.name }));
  setTimeout(() => process.exit(1), pauseBeforeCrashMs);
});
// A log that nobody reads any more must not end the program.
process.stderr.on("error", () => {});

const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort());

const read = readConfig(args);
if ("help" in read) {
  process.stdout.write(`${read.help}\n`);
} else if ("config" in read) {
  await run(read.config);
} else {
  await refuseAll(read.problem);
}
process.exit(0);

/** A file of its own, which lies beside this one: a relay has no use for what it needs. */
async function runDoctor(): Promise<never> {
  const doctor = new URL("./doctor.mjs", import.meta.url);
  if (!existsSync(doctor)) fail(`${fileURLToPath(doctor)} is not there: copy doctor.mjs beside relay.mjs`);
  await import(doctor.href);
  process.exit();
}

async function run(config: RelayConfig): Promise<void> {
  const { logFile, logFormat, logUsers, caFile, listen: path, http, metricsPort } = config;
  let ca: string | undefined;
  try {
    if (logFile !== undefined) openLog(logFile);
    ca = caFile === undefined ? undefined : readFileSync(caFile, "utf8");
  } catch (error) {
    const { code, path: which } = error as NodeJS.ErrnoException;
    return refuseAll(`${which === logFile ? "--log-file" : "--ca-file"} cannot be opened (${code})`);
  }
  log = createLog({ write: (line) => write(line), format: logFormat, now: () => new Date() });
  const relay = createRelay({
    config,
    ca,
    credentials: openCredentials(config, log),
    log,
    nameUser: logUsers ? (user, server) => `${user}@${server}` : hashedNames(),
  });
  let members = () => 1;
  const metrics = () => relay.metrics(members());
  // Installed, it also keeps Node from opening its debugger at this signal.
  process.on("SIGUSR1", () => write(metrics()));
  if (metricsPort !== undefined) {
    await serveMetrics(metricsPort, metrics).catch(({ code }) =>
      log("error", "metrics-port", () => ({ detail: code })),
    );
  }
  if (path === undefined && http === undefined) return serveStdin(relay.decide);
  try {
    const stops: (() => Promise<void>)[] = [];
    if (http !== undefined) {
      const server = await serveHttp({
        ...http,
        secret: readHttpSecret(http.secretFile),
        ...loop(relay.decide),
      });
      stops.push(server.stop);
    }
    if (path !== undefined) {
      const daemon = await listen(path, (caller, callerStop) =>
        serveCaller(relay.decide, caller, callerStop),
      );
      members = daemon.members;
      stops.push(daemon.stop);
    }
    log("info", "listening");
    await new Promise((resolve) => stop.signal.addEventListener("abort", resolve));
    await Promise.all(stops.map((stopOne) => stopOne()));
  } catch (error) {
    if (!(error instanceof ListenError || error instanceof HttpSecretError)) throw error;
    fail(error.message);
  }
}

async function serveCaller(decide: Decide, caller: Socket, callerStop: AbortSignal): Promise<void> {
  const options = { ...loop(decide), stop: callerStop };
  if (await greets(caller, callerStop)) await serveNumbered({ ...options, caller });
  else await serve({ ...options, input: caller, output: caller, maxEmptyFrames });
}

async function serveStdin(decide: Decide): Promise<void> {
  // ejabberd has gone: there is nobody left to answer.
  process.stdout.on("error", () => process.exit(0));
  await serve({
    ...loop(decide),
    input: process.stdin,
    output: process.stdout,
    // A program that ended would be started again, and too many fast ends take ejabberd's supervisors down.
    maxEmptyFrames: Number.POSITIVE_INFINITY,
  });
}

function loop(decide: Decide): Omit<ServeOptions, "input" | "output" | "maxEmptyFrames"> {
  return { decide, patienceMs, now: () => performance.now(), log, stop: stop.signal };
}

/** ejabberd would start a program that ended again at once, so it stays and refuses; a daemon's manager waits. */
async function refuseAll(problem: string): Promise<void> {
  if (args.some((arg) => /^--(listen|http)(=|$)/.test(arg))) fail(problem);
  log("error", "bad-configuration", () => ({
    detail: `${problem}; every login is refused until it is put right (--help)`,
  }));
  await serveStdin(async () => "unavailable");
}

function fail(problem: string): never {
  process.stderr.write(`${printable(problem)}\n`);
  process.exit(2);
}

function openLog(path: string): void {
  const file = openLogFile(path);
  write = file.write;
  process.on("SIGHUP", () => {
    try {
      file.reopen();
    } catch (error) {
      log("error", "log-file", () => ({ detail: (error as NodeJS.ErrnoException).code }));
    }
  });
}
