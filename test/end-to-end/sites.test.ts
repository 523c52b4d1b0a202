// Sessions of real sites in real stores, with the settings that an operator of such a site writes: from the environment
// to the verdict, as a function has it.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import * as zlib from "node:zlib";
import { createInspector, openStore } from "../../handlers/compose.ts";
import { readConfig } from "../../handlers/configuration.ts";
import type { Verdict } from "../../inspector/verdict.ts";
import { type Memcached, startMemcached } from "../real/memcached.ts";
import { needing } from "../real/parts.ts";
import { putIntoMemcached, putIntoRedis } from "../real/put.ts";
import { type Redis, startRedis } from "../real/redis.ts";

const directory = fileURLToPath(new URL("../fixtures/cases/php/", import.meta.url));

interface Case {
  readonly of?: string;
  readonly store: "memcached" | "redis" | "redis hash" | "any";
  readonly flags?: number;
  readonly field?: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly "session id": string;
  readonly "stored as": string;
  readonly times?: Readonly<Record<string, number>>;
  readonly needs?: "zstd";
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly expect: "allowed" | "refused" | "either";
  readonly other: string;
}

const cases = readdirSync(directory)
  .filter((file) => file.endsWith(".json"))
  .map((file) => file.slice(0, -".json".length));

function readCase(name: string): Case {
  return JSON.parse(readFileSync(`${directory}${name}.json`, "utf8"));
}

/** The stored bytes, with the times in them that the case asks for. */
function bytesOf(name: string, { of = name, times = {} }: Case): Buffer {
  const own = `${directory}${name}.bin`;
  let text = readFileSync(existsSync(own) ? own : `${directory}${of}.bin`, "latin1");
  for (const [time, fromNow] of Object.entries(times)) {
    const wanted = String(Math.floor(Date.now() / 1000) + fromNow);
    assert.ok(text.includes(time) && time.length === wanted.length, name);
    text = text.replaceAll(time, wanted);
  }
  return Buffer.from(text, "latin1");
}

describe("a session of a real site", () => {
  const { it, before, after } = needing("memcached", "redis");
  let memcached: Memcached;
  let redis: Redis;

  before(async () => {
    [memcached, redis] = await Promise.all([startMemcached(), startRedis()]);
  });
  after(() => Promise.all([memcached.stop(), redis.stop()]));

  /** Puts the bytes where the site has them, in the kind of store that the operator's settings name. */
  async function put(name: string, site: Case): Promise<void> {
    const bytes = bytesOf(name, site);
    const key = site["stored as"];
    if (site.env["SESSION_STORE"]?.startsWith("memcached:") === true) {
      await putIntoMemcached(memcached.port, key, bytes, site.flags);
    } else if (site.store === "redis hash") {
      await putIntoRedis(redis.port, key, { ...site.fields, [site.field ?? "data"]: bytes });
    } else await putIntoRedis(redis.port, key, bytes);
  }

  async function logIn(site: Case, user: string): Promise<Verdict> {
    const SESSION_STORE = (site.env["SESSION_STORE"] ?? "")
      .replace(":11211", `:${memcached.port}`)
      .replace(":6379", `:${redis.port}`);
    const config = await readConfig({ ...site.env, SESSION_STORE });
    assert.ok(!("problems" in config), JSON.stringify(config));
    const store = await openStore(config, () => {});
    try {
      const inspector = await createInspector(config, store);
      return await inspector.inspect({
        op: "auth",
        user,
        server: site.env["SERVED_HOSTS"] ?? "",
        password: site["session id"],
      });
    } finally {
      store.close();
    }
  }

  for (const name of cases) {
    const site = readCase(name);
    it(`${name}: ${site.expect} for its user, refused for another`, async () => {
      await put(name, site);
      const own = await logIn(site, site.user);
      const other = await logIn(site, site.other);
      const mayLackZstd = site.needs === "zstd" && !("zstdDecompressSync" in zlib);
      if (mayLackZstd) assert.deepEqual(own, { ...refused, detail: "zstd-unsupported" });
      else if (site.expect === "either") assert.notEqual(own.outcome, "unavailable");
      else assert.equal(own.outcome, site.expect, JSON.stringify(own));
      assert.equal(other.outcome, "refused", JSON.stringify(other));
    });
  }
});

const refused = { outcome: "refused", reason: "unreadable-session" } as const;
