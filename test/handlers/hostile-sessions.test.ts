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
import { hostileBinarySessions } from "../fuzz/hostile-binary.ts";
import {
  hostileExpressions,
  hostileLayers,
  hostileTextSessions,
  textHandlers,
} from "../fuzz/hostile-text.ts";
import { loginEvent } from "../infra/login-event.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing, nodePath } from "../real/parts.ts";

const maxCpuMs = 300;
const maxGrownMb = 64;
const heapMb = 200;

const program = fileURLToPath(new URL("../fuzz/cost-process.mjs", import.meta.url));
const handler = fileURLToPath(new URL("../../dist/auth/handler.mjs", import.meta.url));

interface Hostile {
  readonly name: string;
  readonly handler: string;
  readonly layers?: readonly string[];
  readonly user?: string;
  readonly bytes: Buffer;
}

interface Cost {
  readonly body: string;
  readonly cpuMs: number;
  readonly grownMb: number;
}

/** Logs alice in with each session, one after another in one process; what each took. */
async function costs(sessions: readonly Hostile[], settings: object): Promise<Cost[]> {
  const directory = temporaryDirectory();
  const id = (place: number) => `hostile0session0${String(place).padStart(6, "0")}`;
  for (const [place, { bytes }] of sessions.entries()) {
    writeFileSync(join(directory, `sess_${id(place)}`), bytes);
  }
  const child = spawn(nodePath("24"), [`--max-old-space-size=${heapMb}`, program, handler], {
    env: {
      ...plainSettings,
      ...settings,
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

/** Fails for a session that takes too much; returns the answers. */
async function assertBounded(sessions: readonly Hostile[], settings: object): Promise<string[]> {
  const found = await costs(sessions, settings);
  for (const [place, { cpuMs, grownMb, body }] of found.entries()) {
    const told = `${sessions[place]?.name}: ${cpuMs} ms, ${grownMb} MB, ${body}`;
    assert.ok(cpuMs <= maxCpuMs && grownMb <= maxGrownMb, `${JSON.stringify(settings)}: ${told}`);
  }
  return found.map(({ body }) => body);
}

/** These by what the function must be set to for each. */
function groups(sessions: Iterable<Hostile>, keyOf: (session: Hostile) => string): Map<string, Hostile[]> {
  const found = new Map<string, Hostile[]>();
  for (const session of sessions) {
    const key = keyOf(session);
    const group = found.get(key) ?? [];
    found.set(key, group);
    group.push(session);
  }
  return found;
}

function sessionsOf(name: string): Hostile[] {
  const handler = textHandlers.find((text) => text === name);
  if (handler !== undefined) return [...hostileTextSessions(handler)];
  return [...hostileBinarySessions()].filter((session) => session.handler === name);
}

const isAllowed = (body: string) => body.includes('"allow":true');

describe("a session made to cost as much as it can", () => {
  const { it } = needing("nodes");
  const bounds = `${maxCpuMs} ms of the processor and ${maxGrownMb} MB`;
  const whatIsWanted = [
    ["user.name", "a little of it"],
    ["user.name | @", "all"],
  ] as const;
  for (const handlerName of ["igbinary", "msgpack", "php", "php_binary", "php_serialize"]) {
    for (const [user, what] of whatIsWanted) {
      it(`in ${handlerName}, of which ${what} is wanted, takes at most ${bounds}`, async () => {
        const sessions = sessionsOf(handlerName);
        assert.ok((await assertBounded(sessions, { USER_EXPRESSION: user })).some(isAllowed));
      });
    }
  }

  for (const [user, what] of whatIsWanted) {
    it(`in layers, of which ${what} is wanted, takes at most ${bounds}`, async () => {
      const bodies: string[] = [];
      for (const [layers, sessions] of groups(hostileLayers(), ({ layers = [] }) => layers.join())) {
        bodies.push(...(await assertBounded(sessions, { USER_EXPRESSION: user, SESSION_LAYERS: layers })));
      }
      assert.ok(bodies.some(isAllowed));
    });
  }

  it(`in an expression that looks at it again and again, takes at most ${bounds}`, async () => {
    const bodies: string[] = [];
    for (const [user, sessions] of groups(hostileExpressions(), ({ user = "" }) => user)) {
      bodies.push(...(await assertBounded(sessions, { USER_EXPRESSION: user })));
    }
    assert.ok(bodies.some(isAllowed));
  });
});
