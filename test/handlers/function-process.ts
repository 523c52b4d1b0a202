// The built function under Lambda's Node, asked for one login after another.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { loginEvent, plainSettings } from "../../bench/login.ts";
import { stopProcess } from "../../infra/local/process.ts";
import { nodePath } from "../real/parts.ts";

const program = fileURLToPath(new URL("function-process.mjs", import.meta.url));
const handler = fileURLToPath(new URL("../../dist/auth/handler.mjs", import.meta.url));

interface Answer {
  readonly response: { readonly statusCode: number; readonly body: string };
  readonly active: readonly string[];
  readonly ranSince: readonly string[];
}

/** The built function under Lambda's Node, in a process of its own. */
export class FunctionProcess {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  /** What it wrote beside its answers: its log. */
  readonly log: string[] = [];

  /** `settings` are variables beside those that most sites set. */
  constructor(settings: Readonly<Record<string, string>>) {
    const env = { ...plainSettings, ...settings };
    this.child = spawn(nodePath("24"), [program, handler], { env, stdio: ["pipe", "pipe", "inherit"] });
    assert.ok(this.child.stdout);
    this.#lines = createInterface(this.child.stdout)[Symbol.asyncIterator]();
  }

  async logIn(): Promise<Answer> {
    this.child.stdin?.write(`${JSON.stringify(loginEvent())}\n`);
    return JSON.parse(await this.#next((line) => line.startsWith('{"response":')));
  }

  async ready(): Promise<this> {
    await this.#next((line) => line === "ready");
    return this;
  }

  async #next(isWanted: (line: string) => boolean): Promise<string> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done === true) throw new Error(`the function's process ended: ${this.log.join("\n")}`);
      if (isWanted(value)) return value;
      this.log.push(value);
    }
  }

  stop(): Promise<void> {
    return stopProcess(this.child);
  }
}
