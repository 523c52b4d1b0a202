// The configured program, started as ejabberd starts it and asked as ejabberd asks: does it keep to the frames?

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Environment } from "../relay/config.ts";
import { answerBytes } from "../relay/frames.ts";
import type { Finding, Place } from "./finding.ts";

export interface TrialOptions {
  /** extauth_program's text. */
  readonly command: string;
  /** The host that it is asked for. */
  readonly host: string;
  readonly environment: Environment;
  readonly directory: string;
  readonly at: Place | undefined;
  /** How long ejabberd waits for an answer, in milliseconds. */
  readonly answerWithinMs: number;
  /** How long the program may take to end once its input has, in milliseconds. */
  readonly endWithinMs: number;
}

/** The user of all questions that are made up: a name that nobody has. */
export const madeUpUser = "inspectord-doctor";

/** In bytes: what a program writes beyond this is not kept. */
const maxOutputBytes = 65_536;
/** The wait between the pieces of a frame, and for bytes that nobody asked for. */
const pieceMs = 50;

interface Question {
  readonly name: string;
  readonly password: string;
  readonly isTorn: boolean;
}

/** None of these is a session's id, so each is answered no. */
const questions: readonly Question[] = [
  { name: "a colon in the password", password: "a:b", isTorn: false },
  // Not the first: what comes while a program starts is one piece for it.
  { name: "a frame torn in pieces", password: randomBytes(16).toString("hex"), isTorn: true },
  { name: "a euro sign in the password", password: "€", isTorn: false },
];

/** Gives one finding if all is well, and otherwise what went wrong first. */
export async function tryProgram(options: TrialOptions): Promise<readonly Finding[]> {
  const { answerWithinMs, endWithinMs, host, at } = options;
  const program = new Program(options);
  const fail = (says: string): readonly Finding[] => [{ level: "fail", check: "frames", at, says }];
  let slowestMs = 0;
  try {
    for (const { name, password, isTorn } of questions) {
      const bytes = frame(`auth:${madeUpUser}:${host}:${password}`);
      // One byte of the length, then the length whole with a piece of the text, then a cut within it.
      const cuts = isTorn ? [1, 9, bytes.length - 3] : [];
      for (const [i, cut] of cuts.entries()) {
        program.send(bytes.subarray(cuts[i - 1] ?? 0, cut));
        await sleep(pieceMs);
        if (program.unread > 0) return fail("writes before a frame is whole: only answers may be on stdout");
      }
      const startedMs = performance.now();
      program.send(bytes.subarray(cuts.at(-1) ?? 0));
      const answer = await program.read(4, answerWithinMs);
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
      if (answer === undefined) {
        const end = program.endOf();
        return end === undefined
          ? fail(`gives no answer within ${answerWithinMs / 1000} s to ${name}: each login hangs so long`)
          : fail(`${end} before its answer to ${name}`);
      }
      if (answer.equals(answerBytes(true)))
        return fail(`says yes to a session id that was made up (${name})`);
      if (!answer.equals(answerBytes(false))) {
        return fail(`writes something else than an answer on stdout (${name}): the log belongs on stderr`);
      }
      await sleep(pieceMs);
      if (program.unread > 0) return fail(`writes more than its answer on stdout (${name})`);
    }
    program.closeInput();
    const hasEnded = await program.end(endWithinMs);
    if (program.unread > 0) return fail("writes on stdout at the end of its input");
    if (!hasEnded) return fail(`goes on for more than ${endWithinMs / 1000} s after the end of its input`);
    const refused = /code=bad-configuration detail=("[^"]{0,300}")/.exec(program.log)?.[1];
    if (refused !== undefined) return fail(`refuses every login: ${refused}`);
    const says = `three questions, one in pieces: no, four bytes each, within ${slowestMs.toFixed(0)} ms; it ends with its input`;
    return [{ level: "ok", check: "frames", says }];
  } finally {
    await program.kill();
  }
}

function frame(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #hasEnded = false;
  #hasStarted = true;
  #output = Buffer.alloc(0);
  #wake = () => {};
  /** The first of what it wrote on stderr. */
  log = "";

  constructor({ command, environment, directory }: TrialOptions) {
    // As Erlang's open_port({spawn, ...}) does it. A group of its own, so that all of it can be ended.
    this.#child = spawn("/bin/sh", ["-c", `exec ${command}`], {
      cwd: directory,
      env: { ...environment },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    this.#child.stdin?.on("error", () => {});
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      if (this.#output.length < maxOutputBytes) this.#output = Buffer.concat([this.#output, chunk]);
      this.#wake();
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      if (this.log.length < maxOutputBytes) this.log += text;
    });
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.#hasEnded = true;
        this.#wake();
        resolve();
      };
      this.#child.on("error", () => {
        this.#hasStarted = false;
        end();
      });
      this.#child.on("close", end);
    });
  }

  get unread(): number {
    return this.#output.length;
  }

  send(bytes: Uint8Array): void {
    this.#child.stdin?.write(bytes);
  }

  closeInput(): void {
    this.#child.stdin?.end();
  }

  /** Gives so many bytes of its stdout; nothing where it ends or the time is over before. */
  async read(bytes: number, withinMs: number): Promise<Buffer | undefined> {
    const endsMs = performance.now() + withinMs;
    while (this.#output.length < bytes) {
      const leftMs = endsMs - performance.now();
      if (this.#hasEnded || leftMs <= 0) return undefined;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const taken = this.#output.subarray(0, bytes);
    this.#output = this.#output.subarray(bytes);
    return taken;
  }

  /** Waits for its end for so long; gives whether it has ended. */
  async end(withinMs: number): Promise<boolean> {
    const timer = new AbortController();
    await Promise.race([this.#ended, sleep(withinMs, undefined, { signal: timer.signal }).catch(() => {})]);
    timer.abort();
    return this.#hasEnded;
  }

  /** Says how it has ended, if it has. */
  endOf(): string | undefined {
    if (!this.#hasStarted) return "cannot be started";
    const { exitCode, signalCode } = this.#child;
    if (exitCode === 127) return "is not found, or what its first line names is not: it ends with 127";
    if (exitCode === 126) return "may not be run: it ends with 126";
    if (exitCode !== null) return `ends with ${exitCode}`;
    return signalCode === null ? undefined : `is ended by ${signalCode}`;
  }

  async kill(): Promise<void> {
    if (this.#hasEnded || this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      // It ended just now.
    }
    await this.end(1_000);
  }
}
