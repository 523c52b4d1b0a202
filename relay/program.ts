// Command line -> a running relay: frames on stdin, or members on a unix socket, or HTTP on the loopback.

import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { printable } from "../protocol/printable.ts";
import { type Environment, type RelayConfig, readConfig } from "./config.ts";
import { openCredentials } from "./credentials/open.ts";
import { ListenError, listen } from "./daemon.ts";
import type { Decide } from "./decide.ts";
import { HttpSecretError, readHttpSecret } from "./http-secret.ts";
import { serveHttp } from "./http-server.ts";
import { createLog, hashedNames, type Log, type LogFormat } from "./log.ts";
import { openLogFile } from "./log-file.ts";
import { serveMetrics } from "./metrics-server.ts";
import { createRelay, type Relay } from "./relay.ts";
import { type ServeOptions, serve } from "./serve.ts";
import { greets, serveNumbered } from "./serve-numbered.ts";
import type { Still } from "./watch.ts";

/** What a program gets from the process that it runs in. */
export interface ProgramOptions {
  readonly args: readonly string[];
  readonly environment: Environment;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Calls this at each of these signals. */
  readonly onSignal: (signal: "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGUSR1", run: () => void) => void;
  /** Calls this for an error that nobody caught. */
  readonly onUncaught: (run: (error: Error) => void) => void;
  /** Ends the process. */
  readonly exit: (code: number) => void;
}

/** ejabberd gives up after 30 seconds, and the time in its own queue is part of them. */
const patienceMs = 25_000;
/**
 * ejabberd restarts a program that ends, and too many fast ends take its supervisors down, BOSH with them. After an
 * unforeseen error, this pause keeps the restarts below that rate.
 */
export const pauseBeforeCrashMs = 2_000;
/** A connection to the socket that sends more empty frames in a row than this is no member of ejabberd's pool. */
const maxEmptyFrames = 64;

/** Runs until the input ends or the program is told to stop. Resolves to its exit code. */
export async function runProgram(options: ProgramOptions): Promise<number> {
  const program = new Program(options);
  const read = readConfig(options.args, options.environment);
  if ("help" in read) {
    options.stdout.write(`${read.help}\n`);
    return 0;
  }
  return "config" in read ? program.run(read.config) : program.refuseAll(read.problem);
}

class Program {
  readonly #options: ProgramOptions;
  readonly #stop = new AbortController();
  #write: (line: string) => void;
  #log: Log;

  constructor(options: ProgramOptions) {
    this.#options = options;
    const { stderr, onSignal, onUncaught, exit } = options;
    this.#write = (line) => void stderr.write(line);
    this.#log = this.#logAs("logfmt");
    // A log that nobody reads any more must not end the program.
    stderr.on("error", () => {});
    onUncaught((error) => {
      this.#log("error", "crash", () => ({ kind: error.name }));
      setTimeout(() => exit(1), pauseBeforeCrashMs);
    });
    for (const signal of ["SIGTERM", "SIGINT"] as const) onSignal(signal, () => this.#stop.abort());
  }

  async run(config: RelayConfig): Promise<number> {
    const { logFile, logFormat, logUsers, caFile, listen: path, http, metricsPort, isHedgeGiven } = config;
    let ca: string | undefined;
    try {
      if (logFile !== undefined) this.#openLog(logFile);
      ca = caFile === undefined ? undefined : readFileSync(caFile, "utf8");
    } catch (error) {
      const { code, path: which } = error as NodeJS.ErrnoException;
      return this.refuseAll(`${which === logFile ? "--log-file" : "--ca-file"} cannot be opened (${code})`);
    }
    this.#log = this.#logAs(logFormat);
    if (isHedgeGiven) {
      this.#log("warn", "option-ignored", () => ({ detail: "--hedge does nothing any more: remove it" }));
    }
    const log = this.#log;
    const nameUser = logUsers ? (user: string, server: string) => `${user}@${server}` : hashedNames();
    const relay = createRelay({ config, ca, credentials: openCredentials(config, log), log, nameUser });
    let members = () => 1;
    const metrics = () => relay.metrics(members());
    // Installed, it also keeps Node from opening its debugger at this signal.
    this.#options.onSignal("SIGUSR1", () => this.#write(metrics()));
    if (metricsPort !== undefined) {
      await serveMetrics(metricsPort, metrics).catch(({ code }) =>
        log("error", "metrics-port", () => ({ detail: code })),
      );
    }
    if (path === undefined && http === undefined) return this.#serveStdin(relay.decide);
    return this.#listen(config, relay, (count) => {
      members = count;
    });
  }

  /** ejabberd would start a program that ended again at once, so it stays and refuses; a daemon's manager waits. */
  async refuseAll(problem: string): Promise<number> {
    if (this.#options.args.some((arg) => /^--(listen|http)(=|$)/.test(arg))) return this.#fail(problem);
    this.#log("error", "bad-configuration", () => ({
      detail: `${problem}; every login is refused until it is put right (--help)`,
    }));
    return this.#serveStdin(async () => "unavailable");
  }

  async #listen(
    { listen: path, http }: RelayConfig,
    { decide, still }: Relay,
    onMembers: (count: () => number) => void,
  ): Promise<number> {
    try {
      const stops: (() => Promise<void>)[] = [];
      if (http !== undefined) {
        const secret = readHttpSecret(http.secretFile);
        stops.push((await serveHttp({ ...http, secret, decide, log: this.#log })).stop);
      }
      if (path !== undefined) {
        const daemon = await listen(path, (caller, stop) => this.#serveCaller(decide, still, caller, stop));
        onMembers(daemon.members);
        stops.push(daemon.stop);
      }
      this.#log("info", "listening");
      const { signal } = this.#stop;
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await Promise.all(stops.map((stopOne) => stopOne()));
      return 0;
    } catch (error) {
      if (!(error instanceof ListenError || error instanceof HttpSecretError)) throw error;
      return this.#fail(error.message);
    }
  }

  async #serveCaller(decide: Decide, still: Still, caller: Socket, stop: AbortSignal): Promise<void> {
    const options = { ...this.#loop(decide), stop };
    if (await greets(caller, stop)) await serveNumbered({ ...options, caller, still });
    else await serve({ ...options, input: caller, output: caller, maxEmptyFrames });
  }

  async #serveStdin(decide: Decide): Promise<number> {
    const { stdin, stdout, exit } = this.#options;
    // ejabberd has gone: there is nobody left to answer.
    stdout.on("error", () => exit(0));
    await serve({
      ...this.#loop(decide),
      input: stdin,
      output: stdout,
      // A program that ended would be started again, and too many fast ends take ejabberd's supervisors down.
      maxEmptyFrames: Number.POSITIVE_INFINITY,
    });
    return 0;
  }

  #loop(decide: Decide): Omit<ServeOptions, "input" | "output" | "maxEmptyFrames"> {
    return { decide, patienceMs, now: () => performance.now(), log: this.#log, stop: this.#stop.signal };
  }

  #fail(problem: string): number {
    this.#options.stderr.write(`${printable(problem)}\n`);
    return 2;
  }

  #logAs(format: LogFormat): Log {
    return createLog({ write: (line) => this.#write(line), format, now: () => new Date() });
  }

  #openLog(path: string): void {
    const file = openLogFile(path);
    this.#write = file.write;
    this.#options.onSignal("SIGHUP", () => {
      try {
        file.reopen();
      } catch (error) {
        this.#log("error", "log-file", () => ({ detail: (error as NodeJS.ErrnoException).code }));
      }
    });
  }
}
