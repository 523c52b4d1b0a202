// The bundled relay as ejabberd runs it: a child process, frames on its stdin, answers on its stdout.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { localKey } from "./api.ts";
import { endWithParent, stopProcess } from "./process.ts";

export const relayPath = fileURLToPath(new URL("../../dist/relay.mjs", import.meta.url));

/** Returns a frame of the {packet,2} protocol. */
export function frame(payload: string | Uint8Array): Buffer {
  const bytes = Buffer.from(payload);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

export class RelayCaller {
  readonly child: ChildProcess;
  /** All bytes that the relay wrote on stdout. */
  written = Buffer.alloc(0);
  /** All that it wrote on stderr. */
  log = "";
  #read = 0;
  #wake = () => {};

  constructor(
    args: readonly string[],
    node = process.execPath,
    env: NodeJS.ProcessEnv = { ...process.env, ...localKey },
  ) {
    this.child = spawn(node, [relayPath, ...args], { env, stdio: ["pipe", "pipe", "pipe"] });
    endWithParent(this.child);
    this.child.stdout?.on("data", (chunk: Buffer) => {
      this.written = Buffer.concat([this.written, chunk]);
      this.#wake();
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.log += text;
    });
    this.child.on("exit", () => this.#wake());
    // A relay that has ended shows by its missing answer.
    this.child.stdin?.on("error", () => {});
  }

  /** Sends bytes as they are. */
  send(bytes: Uint8Array): void {
    this.child.stdin?.write(bytes);
  }

  /** Returns the next answer. Throws when the relay ends, or does not answer in time (milliseconds). */
  async nextAnswer(withinMs = 15_000): Promise<boolean> {
    const endsAt = performance.now() + withinMs;
    while (this.written.length < this.#read + 4) {
      if (this.child.exitCode !== null) throw new Error(`the relay ended: ${this.log}`);
      const leftMs = endsAt - performance.now();
      if (leftMs <= 0) throw new Error(`no answer within ${withinMs} ms: ${this.log}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const answer = this.written.subarray(this.#read, this.#read + 4).toString("hex");
    this.#read += 4;
    if (answer !== "00020001" && answer !== "00020000") throw new Error(`no answer: ${answer}`);
    return answer === "00020001";
  }

  /** Asks one question and returns the answer. */
  async ask(payload: string | Uint8Array, withinMs?: number): Promise<boolean> {
    this.send(frame(payload));
    return this.nextAnswer(withinMs);
  }

  /** Ends the relay as ejabberd does, by the end of its input. Returns its exit code. */
  async end(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exit = once(this.child, "exit");
      this.child.stdin?.end();
      await exit;
    }
    return this.child.exitCode;
  }

  async kill(): Promise<void> {
    await stopProcess(this.child);
  }
}
