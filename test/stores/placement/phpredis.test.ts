import assert from "node:assert/strict";
import { describe } from "node:test";
import { NodeStore } from "../../../stores/nodes.ts";
import { createRedisPlacement, type Node } from "../../../stores/placement/placement.ts";
import { connectRedis } from "../../../stores/redis/redis-client.ts";
import { keysWithPrefix } from "../../../stores/session-key.ts";
import { needing } from "../../real/parts.ts";
import { redisIni, writeSessions } from "../../real/php.ts";
import { type Redis, startRedis } from "../../real/redis.ts";
import { expectedTexts, getAll, textsOf } from "../conformance.ts";

const sessions = 1000;

describe("the placement of real phpredis' sessions", () => {
  const { it, before, after } = needing("php", "redis");
  let running: Redis[] = [];
  before(async () => {
    running = await Promise.all(Array.from({ length: 7 }, () => startRedis()));
  });
  after(() => Promise.all(running.map((server) => server.stop())));

  /** Finds each session on the one server that the placement has for it, and knows that the servers share them. */
  async function findAll(weights: readonly number[]): Promise<void> {
    const nodes = weights.map((weight, i): Node => {
      const { host, port } = running[i] as Redis;
      return { host, port, weight };
    });
    const ids = writeSessions(
      sessions,
      redisIni(...nodes.map(({ host, port, weight }) => `${host}:${port}:${weight}`)),
    );
    const placement = createRedisPlacement(nodes);
    const holders = new Set(ids.map((id) => placement(id, "")[0]));
    assert.equal(holders.size, nodes.length);
    const store = new NodeStore({
      nodes,
      connect: (node) => connectRedis(node, { isEncrypted: false, database: 0 }),
      placement,
      keyOf: keysWithPrefix("PHPREDIS_SESSION:"),
      nowMs: () => performance.now(),
      timeoutMs: 5000,
    });
    try {
      assert.deepEqual(textsOf(await getAll(store, ids)), expectedTexts(ids));
    } finally {
      store.close();
    }
  }

  for (const weights of [[1], [1, 1], [1, 1, 1], [1, 1, 1, 1, 1, 1, 1], [3, 1], [1, 3, 2, 5]]) {
    it(`finds ${sessions} of ${sessions} sessions on servers of the weights ${weights.join(", ")}`, () =>
      findAll(weights));
  }
});
