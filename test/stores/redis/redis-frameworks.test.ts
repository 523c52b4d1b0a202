// What frameworks write to a real Redis by their own code, from the configuration to the verdict.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { createInspect } from "../../../handlers/compose.ts";
import { readConfig } from "../../../handlers/configuration.ts";
import { needing } from "../../real/parts.ts";
import { runPhpScript } from "../../real/php.ts";
import { type Redis, startRedis } from "../../real/redis.ts";

const script = fileURLToPath(new URL("redis-frameworks.php", import.meta.url));

describe("the sessions of frameworks in Redis", () => {
  const { it, before, after } = needing("php", "redis", "frameworks");
  let redis: Redis;
  before(async () => {
    redis = await startRedis();
  });
  after(() => redis.stop());

  async function verdictsOn(
    framework: string,
    users: readonly string[],
    settings: Record<string, string> = {},
  ) {
    const password = runPhpScript(script, [framework, String(redis.port)]).toString();
    const config = await readConfig({
      SESSION_STORE: `redis://127.0.0.1:${redis.port}`,
      SESSION_PRESET: framework,
      SERVED_HOSTS: "localhost",
      ...settings,
    });
    assert.ok("store" in config, JSON.stringify(config));
    const inspect = await createInspect(config, () => {});
    const ask = async (user: string) =>
      (await inspect({ op: "auth", user, server: "localhost", password })).outcome;
    return Promise.all(users.map(ask));
  }

  it("log in whom Laravel's phpredis connection and cache store have written", async () => {
    // Debian's Laravel is older than 11, and puts a colon behind the cache's prefix.
    const prefix = { SESSION_KEY_PREFIX: "laravel_database_laravel_cache_:" };
    assert.deepEqual(await verdictsOn("laravel", ["7", "alice"], prefix), ["allowed", "refused"]);
  });

  it("log in whom Symfony's RedisSessionHandler has written", async () => {
    assert.deepEqual(await verdictsOn("symfony", ["alice", "bob"]), ["allowed", "refused"]);
  });
});
