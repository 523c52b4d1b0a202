// SESSION_STORE=elasticache://CLUSTER-ID from the configuration to the verdict: real PHP, real memcached, the real SDK.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ElastiCacheClient } from "@aws-sdk/client-elasticache";
import { createInspect } from "../../handlers/compose.ts";
import { readConfig } from "../../handlers/configuration.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { type Memcached, startMemcached } from "../real/memcached.ts";
import { needing } from "../real/parts.ts";
import { memcachedIni, writeSession } from "../real/php.ts";
import {
  describing,
  type ElastiCacheStandIn,
  refuse,
  type StandInNode,
  startElastiCache,
} from "../stand-in/elasticache.ts";

const settings = {
  SESSION_STORE: "elasticache://sessions",
  AUTHENTICATED_EXPRESSION: "authenticated",
  USER_EXPRESSION: "user",
  SERVED_HOSTS: "localhost",
};
const alice = { user: "alice", authenticated: true };

describe("the inspector of an ElastiCache cluster", () => {
  const { it, before, after } = needing("php", "memcached");
  let caches: Memcached[] = [];
  let api: ElastiCacheStandIn;
  const lines: unknown[][] = [];

  before(async () => {
    caches = await Promise.all([startMemcached(), startMemcached()]);
    api = await startElastiCache(refuse(500, "InternalFailure"));
    Object.assign(process.env, api.env);
  });
  after(async () => {
    for (const name of Object.keys(api.env)) delete process.env[name];
    await Promise.all([api.stop(), ...caches.map((cache) => cache.stop())]);
  });
  afterEach(() => {
    lines.splice(0);
    api?.forms.splice(0);
  });

  const cluster = (nodes: readonly Memcached[], engine = "memcached") => {
    const described: StandInNode[] = nodes.map(({ host, port }, i) => ({ id: `000${i + 1}`, host, port }));
    return describing({ id: "sessions", engine, nodes: described });
  };
  const sessionOn = (...nodes: readonly Memcached[]) =>
    writeSession(alice, memcachedIni(...nodes.map(({ host, port }) => `${host}:${port}`)));
  const open = async () => createInspect(await readConfig(settings), (...line) => lines.push(line));
  const login = (password: string) => ({ op: "auth", user: "alice", server: "localhost", password }) as const;
  const allowed = { outcome: "allowed" };
  const notFound = (detail: string) => ({ outcome: "unavailable", fault: "discovery-failed", detail });

  it("finds on its nodes the sessions that PHP placed by their names", async () => {
    api.reply = cluster(caches);
    const inspect = await open();
    for (let i = 0; i < 5; i++) assert.deepEqual(await inspect(login(sessionOn(...caches))), allowed);
    assert.equal(api.forms.length, 1);
    assert.deepEqual(lines, [["info", "discovery", { outcome: "found", nodes: 2 }]]);
  });

  it("is unavailable, and says why, while the API is away at its start, and asks again at the next login", async () => {
    api.reply = refuse(503, "ServiceUnavailable");
    const inspect = await open();
    const id = sessionOn(...caches);
    assert.deepEqual(await inspect(login(id)), notFound("api-error"));
    const failed = ["error", "discovery", { outcome: "failed", code: "api-error" }];
    assert.deepEqual(lines, [failed, failed]);
    api.reply = cluster(caches);
    assert.deepEqual(await inspect(login(id)), allowed);
  });

  it("is unavailable in time while the API does not answer", async () => {
    api.reply = () => {};
    const inspect = await open();
    assert.deepEqual(await inspect(login("nobody0has0this0session0id")), notFound("api-timeout"));
  });

  it("is a fault of ours, and says of which kind, where finding the nodes ends in an error that nobody foresaw", async (context) => {
    const boom = new TypeError("with a secret");
    context.mock.method(ElastiCacheClient.prototype, "send", () => Promise.reject(boom));
    const inspect = await open();
    await assert.rejects(inspect(login("nobody0has0this0session0id")), boom);
    const failed = { outcome: "failed", code: "internal-error", kind: "TypeError" };
    assert.deepEqual(lines, [
      ["error", "discovery", failed],
      ["error", "discovery", failed],
    ]);
  });

  it("has no store for the sessions of another engine, and says so", async () => {
    api.reply = cluster(caches, "valkey");
    const inspect = await open();
    assert.deepEqual(await inspect(login("nobody0has0this0session0id")), notFound("engine-unsupported"));
    assert.deepEqual(lines[0], ["error", "discovery", { outcome: "failed", code: "engine-unsupported" }]);
  });

  it("goes to the nodes that have taken the place of one that failed", async (context) => {
    const [first, second] = caches as [Memcached, Memcached];
    api.reply = cluster([first]);
    const inspect = await open();
    assert.deepEqual(await inspect(login(sessionOn(first))), allowed);
    await first.stop();
    context.mock.timers.enable({ apis: ["Date"], now: Date.now() + 5_000 });
    api.reply = cluster([second]);
    const id = sessionOn(second);
    const away = { outcome: "unavailable", fault: "store-unreachable", detail: "ECONNREFUSED" };
    assert.deepEqual(await inspect(login(id)), away);
    assert.deepEqual(await inspect(login(id)), allowed);
    caches[0] = await startMemcached(first.port);
  });

  it("keeps to the nodes that it knows while the API is away", async (context) => {
    api.reply = cluster(caches);
    const inspect = await open();
    const id = sessionOn(...caches);
    api.reply = refuse(403, "AccessDenied");
    context.mock.timers.enable({ apis: ["Date"], now: Date.now() + 60_000 });
    for (let i = 0; i < 3; i++) assert.deepEqual(await inspect(login(id)), allowed);
    context.mock.timers.tick(3_600_000);
    assert.deepEqual(await inspect(login(id)), allowed);
    assert.deepEqual(lines.at(-1), ["error", "discovery", { outcome: "failed", code: "access-denied" }]);
  });
});

describe("the function's bundle", () => {
  const { it } = needing();

  it("needs AWS's SDK for a cluster's id, and not for nodes that are named", () => {
    const bundle = temporaryDirectory();
    cpSync(fileURLToPath(new URL("../../dist/auth", import.meta.url)), bundle, { recursive: true });
    const withSdk = readdirSync(bundle).filter((name) =>
      readFileSync(join(bundle, name), "utf8").includes("DescribeCacheClusters"),
    );
    assert.ok(withSdk.length > 0);
    assert.ok(!withSdk.includes("handler.mjs"), withSdk.join());
    for (const name of withSdk) rmSync(join(bundle, name));
    const load = `await import(${JSON.stringify(pathToFileURL(join(bundle, "handler.mjs")).href)})`;
    const statusWith = (store: string) =>
      spawnSync(process.execPath, ["--input-type=module", "-e", load], {
        env: { ...settings, SESSION_STORE: store },
        encoding: "utf8",
      });
    assert.equal(statusWith("memcached://127.0.0.1:1").status, 0);
    assert.equal(statusWith("memcacheds://127.0.0.1:1").status, 0);
    assert.match(statusWith("elasticache://sessions").stderr, /ERR_MODULE_NOT_FOUND/);
  });
});
