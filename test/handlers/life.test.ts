// How the built function lives between its logins, as it is in Lambda: frozen after each answer, thawed for the next.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { describe } from "node:test";
import { putSession, smallSession } from "../../bench/login.ts";
import { type Memcached, startMemcached } from "../real/memcached.ts";
import { needing } from "../real/parts.ts";
import { whilePaused } from "../real/pause.ts";
import { FunctionProcess } from "./function-process.ts";

/** How many connections memcached has taken in all, this one among them. */
async function connectionsOf({ host, port }: Memcached): Promise<number> {
  const socket = connect(port, host);
  socket.write("stats\r\nquit\r\n");
  return Number(/total_connections (\d+)/.exec(await text(socket))?.[1]);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const allow = '{"allow":true}';

describe("the built function's process", () => {
  const { it, before, beforeEach, after, afterEach } = needing("memcached", "nodes");
  let memcached: Memcached;
  let running: FunctionProcess;

  before(async () => {
    memcached = await startMemcached();
    await putSession(memcached, smallSession);
  });
  beforeEach(async () => {
    running = await new FunctionProcess({
      SESSION_STORE: `memcached://${memcached.host}:${memcached.port}`,
    }).ready();
  });
  afterEach(() => running.stop());
  after(() => memcached.stop());

  it("opens one connection for all logins", async () => {
    const atStart = await connectionsOf(memcached);
    for (let i = 0; i < 50; i++) assert.equal((await running.logIn()).response.body, allow);
    // One more is the question itself.
    assert.equal((await connectionsOf(memcached)) - atStart, 2);
  });

  it("leaves nothing behind an answer but its idle connection", async () => {
    await running.logIn();
    for (let i = 0; i < 3; i++) {
      await pause(200);
      const { active, ranSince } = await running.logIn();
      assert.deepEqual({ active, ranSince }, { active: ["TCPSocketWrap"], ranSince: [] });
    }
  });

  it("leaves nothing behind an answer that the cache was away for", async () => {
    await memcached.stop();
    assert.equal((await running.logIn()).response.statusCode, 503);
    await pause(200);
    assert.deepEqual((await running.logIn()).active, []);
    memcached = await startMemcached(memcached.port);
    await putSession(memcached, smallSession);
    assert.equal((await running.logIn()).response.body, allow);
  });

  it("lets the next login in where the cache restarted while it was frozen", async () => {
    await running.logIn();
    await whilePaused(running.child.pid as number, async () => {
      await memcached.stop();
      memcached = await startMemcached(memcached.port);
      await putSession(memcached, smallSession);
    });
    assert.equal((await running.logIn()).response.body, allow);
    assert.equal((await running.logIn()).response.body, allow);
  });

  it("lets the next login in where all its timers were overdue when it was thawed", async () => {
    await running.logIn();
    // Longer than the time limit of a look into the store, and than memjs's own.
    await whilePaused(running.child.pid as number, () => pause(4_500));
    assert.equal((await running.logIn()).response.body, allow);
  });

  it("writes one line a login, whole and JSON, and marks the first", async () => {
    for (let i = 0; i < 3; i++) await running.logIn();
    const lines = running.log.map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ message, Outcome, Stage, coldStart }) => ({ message, Outcome, Stage, coldStart })),
      [true, undefined, undefined].map((coldStart) => ({
        message: "login",
        Outcome: "allowed",
        Stage: "local",
        coldStart,
      })),
    );
    assert.doesNotMatch(running.log.join("\n"), /alice/);
  });
});
