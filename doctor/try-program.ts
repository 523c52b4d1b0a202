// What answers ejabberd's logins, asked as ejabberd asks: does it keep to the frames? The program in extauth_program is
// started as ejabberd starts it; the socket of a relay is connected to.

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Environment } from "../relay/config.ts";
import { answerBytes } from "../relay/frames.ts";
import type { Finding, Place } from "./finding.ts";

export interface TrialOptions {
  /** The host of the logins. */
  readonly host: string;
  readonly at: Place | undefined;
  /** How long ejabberd waits for an answer, in milliseconds. */
  readonly answerWithinMs: number;
  /** How long it may take to end once its input has, in milliseconds. */
  readonly endWithinMs: number;
}

export interface ProgramTrialOptions extends TrialOptions {
  /** extauth_program's text. */
  readonly command: string;
  readonly environment: Environment;
  readonly directory: string;
}

/** The user of all made-up logins: a name that nobody has. */
export const madeUpUser = "inspectord-doctor";

/** More of what a program writes is not kept. */
const maxOutputBytes = 65_536;
/** The wait between the pieces of a frame, and for bytes that nobody asked for. */
const pieceMs = 50;

interface Question {
  readonly name: string;
  readonly password: string;
  readonly isTorn: boolean;
}

/** None of these is a session id, so each is answered no. */
const questions: readonly Question[] = [
  { name: "a colon in the password", password: "a:b", isTorn: false },
  // Not the first: what comes while a program starts is one piece for it.
  { name: "a frame torn in pieces", password: randomBytes(16).toString("hex"), isTorn: true },
  { name: "a euro sign in the password", password: "€", isTorn: false },
];

/** Starts the program, and returns one finding: that all is well, or what went wrong first. */
export async function tryProgram(options: ProgramTrialOptions): Promise<Finding> {
  const program = new Program(options);
  try {
    const finding = await tryAnswers(program, options);
    if (finding.level !== "ok") return finding;
    const refused = /code=bad-configuration detail=("[^"]{0,300}")/.exec(program.log)?.[1];
    if (refused === undefined) return finding;
    return { level: "fail", check: "frames", at: options.at, says: `refuses every login: ${refused}` };
  } finally {
    await program.kill();
  }
}

/** Connects to the socket, and returns one finding: that all is well, or what went wrong first. */
export async function trySocket(path: string, options: TrialOptions): Promise<Finding> {
  const connection = new SocketConnection(path);
  try {
    return await tryAnswers(connection, options);
  } finally {
    connection.kill();
  }
}

/** What is asked: bytes go in, bytes come out. */
abstract class Channel {
  #output = Buffer.alloc(0);
  #wake = () => {};
  hasEnded = false;

  abstract send(bytes: Uint8Array): void;
  abstract closeInput(): void;
  /** Says how it has ended, if it has. */
  abstract endOf(): string | undefined;

  /** How many bytes it wrote that were not read. */
  get unread(): number {
    return this.#output.length;
  }

  protected take(chunk: Buffer): void {
    if (this.#output.length < maxOutputBytes) this.#output = Buffer.concat([this.#output, chunk]);
    this.#wake();
  }

  protected end(): void {
    this.hasEnded = true;
    this.#wake();
  }

  /** Returns this many bytes, or undefined if it ends or the time passes before. */
  async read(bytes: number, withinMs: number): Promise<Buffer | undefined> {
    if (!(await this.#until(() => this.#output.length >= bytes, withinMs))) return undefined;
    const taken = this.#output.subarray(0, bytes);
    this.#output = this.#output.subarray(bytes);
    return taken;
  }

  /** Waits for its end. Returns whether it has ended. */
  async ended(withinMs: number): Promise<boolean> {
    await this.#until(() => false, withinMs);
    return this.hasEnded;
  }

  /** Waits until this is so, the channel has ended, or the time has passed. Returns whether it is so. */
  async #until(isSo: () => boolean, withinMs: number): Promise<boolean> {
    const endsMs = performance.now() + withinMs;
    for (;;) {
      if (isSo()) return true;
      const leftMs = endsMs - performance.now();
      if (this.hasEnded || leftMs <= 0) return false;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

async function tryAnswers(channel: Channel, options: TrialOptions): Promise<Finding> {
  const { answerWithinMs, endWithinMs, host, at } = options;
  const fail = (says: string): Finding => ({ level: "fail", check: "frames", at, says });
  let slowestMs = 0;
  for (const { name, password, isTorn } of questions) {
    const bytes = frame(`auth:${madeUpUser}:${host}:${password}`);
    // One byte of the length, then the length whole with a piece of the text, then a cut within it.
    const cuts = isTorn ? [1, 9, bytes.length - 3] : [];
    for (const [i, cut] of cuts.entries()) {
      channel.send(bytes.subarray(cuts[i - 1] ?? 0, cut));
      await sleep(pieceMs);
      if (channel.unread > 0) return fail("writes before a frame is whole: only answers may be on stdout");
    }
    const startedMs = performance.now();
    channel.send(bytes.subarray(cuts.at(-1) ?? 0));
    const answer = await channel.read(4, answerWithinMs);
    slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    if (answer === undefined) {
      const end = channel.endOf();
      return end === undefined
        ? fail(`sends no answer within ${answerWithinMs / 1000} s to ${name}: each login hangs so long`)
        : fail(`${end} before its answer to ${name}`);
    }
    if (answer.equals(answerBytes(true))) return fail(`says yes to a made-up session id (${name})`);
    if (!answer.equals(answerBytes(false))) {
      return fail(`writes something else than an answer (${name}): a program's log belongs on stderr`);
    }
    await sleep(pieceMs);
    if (channel.unread > 0) return fail(`writes more than its answer (${name})`);
  }
  channel.closeInput();
  const hasEnded = await channel.ended(endWithinMs);
  if (channel.unread > 0) return fail("writes at the end of its input");
  if (!hasEnded) return fail(`goes on for more than ${endWithinMs / 1000} s after the end of its input`);
  const says = `three questions, one in pieces: no, four bytes each, within ${slowestMs.toFixed(0)} ms; it ends with its input`;
  return { level: "ok", check: "frames", says };
}

function frame(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

class SocketConnection extends Channel {
  readonly #socket: Socket;
  #code: string | undefined;

  constructor(path: string) {
    super();
    this.#socket = connect({ path });
    this.#socket.on("data", (chunk: Buffer) => this.take(chunk));
    this.#socket.on("error", ({ code }: NodeJS.ErrnoException) => {
      this.#code = code;
    });
    this.#socket.on("close", () => this.end());
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  closeInput(): void {
    this.#socket.end();
  }

  endOf(): string | undefined {
    if (!this.hasEnded) return undefined;
    return this.#code === undefined ? "closes the connection" : `cannot be reached (${this.#code})`;
  }

  kill(): void {
    this.#socket.destroy();
  }
}

class Program extends Channel {
  readonly #child: ChildProcess;
  #hasStarted = true;
  /** The first of what it wrote on stderr. */
  log = "";

  constructor({ command, environment, directory }: ProgramTrialOptions) {
    super();
    // As Erlang's open_port({spawn, ...}) does it. A group of its own, so that all of it can be ended.
    this.#child = spawn("/bin/sh", ["-c", `exec ${command}`], {
      cwd: directory,
      env: { ...environment },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    this.#child.stdin?.on("error", () => {});
    this.#child.stdout?.on("data", (chunk: Buffer) => this.take(chunk));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      if (this.log.length < maxOutputBytes) this.log += text;
    });
    this.#child.on("error", () => {
      this.#hasStarted = false;
      this.end();
    });
    this.#child.on("close", () => this.end());
  }

  send(bytes: Uint8Array): void {
    this.#child.stdin?.write(bytes);
  }

  closeInput(): void {
    this.#child.stdin?.end();
  }

  endOf(): string | undefined {
    if (!this.#hasStarted) return "cannot be started";
    const { exitCode, signalCode } = this.#child;
    if (exitCode === 127) return "is not found, or what its first line names is not: it ends with 127";
    if (exitCode === 126) return "may not be run: it ends with 126";
    if (exitCode !== null) return `ends with ${exitCode}`;
    return signalCode === null ? undefined : `is ended by ${signalCode}`;
  }

  async kill(): Promise<void> {
    if (this.hasEnded || this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      // It ended just now.
    }
    await this.ended(1_000);
  }
}
