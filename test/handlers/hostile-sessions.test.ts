// What one session can cost the built function, whoever made it: the processor's time and memory, on a heap that is
// smaller than a small function's.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { plainSettings } from "../../bench/login.ts";
import { stopProcess } from "../../infra/local/process.ts";
import { type HostileSession, hostileBinarySessions } from "../fuzz/hostile-binary.ts";
import { loginEvent } from "../infra/login-event.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing, nodePath } from "../real/parts.ts";

const maxCpuMs = 300;
const maxGrownMb = 64;
const heapMb = 200;

const program = fileURLToPath(new URL("../fuzz/cost-process.mjs", import.meta.url));
const handler = fileURLToPath(new URL("../../dist/auth/handler.mjs", import.meta.url));

interface Cost {
  readonly body: string;
  readonly cpuMs: number;
  readonly grownMb: number;
}

/** Logs alice in with each session, one after another in one process; what each took. */
async function costs(sessions: readonly HostileSession[], expressions: object): Promise<Cost[]> {
  const directory = temporaryDirectory();
  const id = (place: number) => `hostile0session0${String(place).padStart(6, "0")}`;
  for (const [place, { bytes }] of sessions.entries()) {
    writeFileSync(join(directory, `sess_${id(place)}`), bytes);
  }
  const child = spawn(nodePath("24"), [`--max-old-space-size=${heapMb}`, program, handler], {
    env: {
      ...plainSettings,
      ...expressions,
      SESSION_STORE: `files://${directory}`,
      SESSION_SERIALIZE_HANDLER: sessions[0]?.handler,
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const found: Cost[] = [];
  for (const [place, { name }] of sessions.entries()) {
    child.stdin.write(`${JSON.stringify(loginEvent("alice", id(place)))}\n`);
    const { value } = await lines.next();
    assert.ok(value !== undefined, `it ends the function: ${name}`);
    found.push(JSON.parse(value));
  }
  await stopProcess(child);
  return found;
}

describe("a session made to cost as much as it can", () => {
  const { it } = needing("nodes");
  for (const [handlerName, user, what] of [
    ["igbinary", "user.name", "a little of it"],
    ["igbinary", "user.name | @", "all"],
    ["msgpack", "user.name", "a little of it"],
    ["msgpack", "user.name | @", "all"],
  ] as const) {
    const bounds = `${maxCpuMs} ms of the processor and ${maxGrownMb} MB`;
    it(`in ${handlerName}, of which ${what} is wanted, takes at most ${bounds}`, async () => {
      const sessions = [...hostileBinarySessions()].filter(({ handler }) => handler === handlerName);
      const found = await costs(sessions, { USER_EXPRESSION: user });
      for (const [place, { cpuMs, grownMb, body }] of found.entries()) {
        const told = `${sessions[place]?.name}: ${cpuMs} ms, ${grownMb} MB, ${body}`;
        assert.ok(cpuMs <= maxCpuMs && grownMb <= maxGrownMb, told);
      }
      assert.ok(found.some(({ body }) => body.includes('"allow":true')));
    });
  }
});
