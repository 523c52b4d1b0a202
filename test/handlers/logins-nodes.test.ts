// Questions about open connections with sessions on three real memcached nodes, one of which is away or hangs.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe } from "node:test";
import { createInspectLogins } from "../../handlers/compose.ts";
import { readConfig } from "../../handlers/configuration.ts";
import type { WatchedLogin } from "../../protocol/logins-request.ts";
import { type Memcached, startMemcached } from "../real/memcached.ts";
import { needing } from "../real/parts.ts";
import { whilePaused } from "../real/pause.ts";

const server = "localhost";

describe("open connections with sessions on three nodes", () => {
  const { it, before, after } = needing("memcached");
  const nodes: Memcached[] = [];
  const logins = Array.from(
    { length: 300 },
    (_, at): WatchedLogin => [`user${at}`, `session${at}of0the0tests0here`],
  );
  /** Those that have ended: every fifth. */
  const hasEnded = (at: number) => at % 5 === 0;

  before(async () => {
    for (let at = 0; at < 3; at++) nodes.push(await startMemcached());
    // On every node: placement says which one is asked.
    for (const node of nodes) {
      const kept = logins.filter((_, at) => !hasEnded(at));
      await tell(
        node,
        kept.map(([user, id]) => {
          const session = `user|s:${user.length}:"${user}";authenticated|b:1;`;
          return `set memc.sess.key.${id} 0 0 ${session.length}\r\n${session}\r\n`;
        }),
      );
    }
  });
  after(async () => {
    for (const node of nodes) await node.stop();
  });

  /** Returns how many are live, ended and unknown, and fails where one of them is wrong. */
  async function watch() {
    const config = await readConfig({
      SESSION_STORE: `memcached://${nodes.map(({ host, port }) => `${host}:${port}`).join(",")}`,
      ...{ AUTHENTICATED_EXPRESSION: "authenticated", USER_EXPRESSION: "user", SERVED_HOSTS: server },
    });
    const verdict = await (await createInspectLogins(config, () => {}))({ server, logins });
    if (verdict.outcome !== "answered") return assert.fail(verdict.outcome);
    const counts = { live: 0, ended: 0, unknown: 0 };
    const faults = new Set<string>();
    for (const [at, watched] of verdict.watched.entries()) {
      counts[watched.outcome]++;
      if (watched.outcome === "unknown") faults.add(watched.code);
      else assert.equal(watched.outcome, hasEnded(at) ? "ended" : "live");
    }
    return { ...counts, faults: [...faults] };
  }

  it("are all known while all nodes answer", async () => {
    assert.deepEqual(await watch(), { live: 240, ended: 60, unknown: 0, faults: [] });
  });

  it("are unknown on the node that hangs, and known on the others, however many look-ups that takes", async () => {
    await whilePaused(nodes[1]?.process.pid ?? 0, async () => {
      const { live, ended, unknown, faults } = await watch();
      assert.ok(unknown > 30 && unknown < 200, `${unknown} unknown`);
      assert.ok(live > 80 && ended > 10, `${live} live, ${ended} ended`);
      assert.deepEqual(faults, ["store-timeout"]);
    });
    assert.deepEqual(await watch(), { live: 240, ended: 60, unknown: 0, faults: [] });
  });

  it("are unknown on the node that is away, and known on the others", async () => {
    await nodes[2]?.stop();
    const { live, ended, unknown, faults } = await watch();
    assert.ok(unknown > 30 && unknown < 200, `${unknown} unknown`);
    assert.ok(live > 80 && ended > 10, `${live} live, ${ended} ended`);
    assert.deepEqual(faults, ["store-unreachable"]);
  });
});

/** Sends commands to memcached, and waits until each has its line. */
async function tell({ host, port }: Memcached, commands: readonly string[]): Promise<void> {
  const socket = connect(port, host);
  let lines = 0;
  const done = new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      lines += chunk.toString("latin1").split("\r\n").length - 1;
      if (lines >= commands.length) resolve();
    });
  });
  socket.write(commands.join(""));
  await done;
  socket.destroy();
}
