// What a search says of stores that are not what SESSION_STORE says, of several nodes, of hashes and other databases, and
// of contents that somebody wrote to harm whoever looks.

import assert from "node:assert/strict";
import { type AddressInfo, createServer } from "node:net";
import { describe, it as itAlways } from "node:test";
import { findSession, readKnown, type Search } from "../../../inspect/find/find.ts";
import { factsOfSearch, settingsToPaste } from "../../../inspect/find/find-report.ts";
import { reportOf } from "../../../inspect/report.ts";
import { startMemcached } from "../../real/memcached.ts";
import { needing } from "../../real/parts.ts";
import { memcachedIni, writeSession } from "../../real/php.ts";
import { putIntoMemcached, putIntoRedis } from "../../real/put.ts";
import { startRedis } from "../../real/redis.ts";

const id = "0secret0session0id0secret0";
const plain = Buffer.from('user|s:5:"alice";authenticated|b:1;');

async function find(environment: Readonly<Record<string, string>>, sessionId = id): Promise<Search> {
  const known = await readKnown(environment);
  assert.ok(!("problems" in known), JSON.stringify(known));
  return findSession(sessionId, known, known.config, Date.now() / 1000);
}

function textOf(search: Search, showValues = true): string {
  const text = `${reportOf(factsOfSearch(search, { showValues, user: undefined }), [], false)}\n${settingsToPaste(search)}`;
  assert.ok(!text.includes(id));
  return text;
}

describe("a search in a server that does not speak the protocol", () => {
  const { it } = needing("memcached", "redis");

  // Together, for each of these waits until its time is over.
  it("says what it speaks, or that it says nothing, and ends", async () => {
    const [memcached, redis, locked] = await Promise.all([
      startMemcached(),
      startRedis(),
      startRedis(undefined, ["--requirepass", "secret"]),
    ]);
    const silent = createServer((socket) => socket.on("error", () => {}).resume());
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    try {
      const at = (scheme: string, server: { readonly port: number }) =>
        find({ SESSION_STORE: `${scheme}://127.0.0.1:${server.port}` });
      const [a, b, c, d, e, f] = await Promise.all([
        at("redis", memcached),
        at("memcached", redis),
        at("memcached", locked),
        at("redis", locked),
        at("memcached", { port }),
        at("redis", { port }),
      ]);
      assert.equal(
        a.otherProtocol,
        `127.0.0.1:${memcached.port} is a memcached: SESSION_STORE must begin with memcached://, not redis://`,
      );
      assert.match(textOf(a), /^store {5}store-unreachable: bad-reply\nadvice {4}127\.0\.0\.1:/);
      assert.equal(
        b.otherProtocol,
        `127.0.0.1:${redis.port} is a Redis or Valkey: SESSION_STORE must begin with redis://, not memcached://`,
      );
      assert.match(c.otherProtocol ?? "", /is a Redis or Valkey/);
      assert.deepEqual([d.fault?.detail, d.otherProtocol], ["NOAUTH", undefined]);
      for (const { fault, asked, otherProtocol } of [e, f]) {
        assert.deepEqual([fault?.fault, asked, otherProtocol], ["store-timeout", [], undefined]);
      }
    } finally {
      silent.close();
      await Promise.all([memcached.stop(), redis.stop(), locked.stop()]);
    }
  });

  itAlways("ends at once where nobody listens", async () => {
    const search = await find({ SESSION_STORE: "redis://127.0.0.1:1" });
    assert.deepEqual([search.fault?.detail, search.otherProtocol], ["ECONNREFUSED", undefined]);
  });
});

describe("a search in Redis", () => {
  const { it } = needing("redis");

  it("finds a session in another database, and says which", async () => {
    const redis = await startRedis();
    try {
      await putIntoRedis(redis.port, `PHPREDIS_SESSION:${id}`, plain, 3);
      const text = textOf(await find({ SESSION_STORE: `redis://127.0.0.1:${redis.port}` }));
      assert.match(
        text,
        /\nasked {5}the same keys in 3 other databases {2}PHPREDIS_SESSION:<id> in database 3\n/,
      );
      assert.match(text, /\nexport SESSION_STORE='redis:\/\/127\.0\.0\.1:\d+\/3'\n/);
      assert.match(text, /tried: a login of this session's user is allowed/);
    } finally {
      await redis.stop();
    }
  });

  it("prints no password, neither of the URL nor of its variable", async () => {
    const redis = await startRedis();
    try {
      await redis.tell(["ACL", "SETUSER", "reader", "on", ">s3cretpass", "~*", "+@all"]);
      await putIntoRedis(redis.port, `PHPREDIS_SESSION:${id}`, plain);
      const SESSION_STORE = `redis://reader:s3cretpass@127.0.0.1:${redis.port}`;
      const text = textOf(await find({ SESSION_STORE }));
      assert.ok(!text.includes("s3cretpass"));
      assert.match(text, /\nexport SESSION_STORE='redis:\/\/reader@127\.0\.0\.1:\d+'\n/);
      assert.match(text, /SESSION_STORE_PASSWORD_PARAMETER: /);
      assert.match(text, /is allowed/);
    } finally {
      await redis.stop();
    }
  });

  it("goes on past keys of another type, and past those that its user may not read", async () => {
    const redis = await startRedis();
    try {
      await redis.tell(["ACL", "SETUSER", "reader", "on", ">pass", "~sf_s*", "+@all"]);
      await putIntoRedis(redis.port, `sf_s${id}`, plain);
      await redis.tell(["LPUSH", `laravel_cache_${id}`, "x"], ["HSET", `sess_${id}`, "other", "x"]);
      const all = textOf(await find({ SESSION_STORE: `redis://127.0.0.1:${redis.port}` }));
      assert.match(all, /\nasked {5}laravel_cache_<id> {2}neither a text nor a hash with a session\n/);
      assert.match(all, /\nasked {5}sess_<id> {2}a hash without a field data, sessdata: set SESSION_FIELD/);
      assert.match(all, /\nfound {5}sf_s<id>\n/);
      const few = textOf(await find({ SESSION_STORE: `redis://reader:pass@127.0.0.1:${redis.port}` }));
      assert.match(few, /\nasked {5}laravel_cache_<id> {2}this user may not read it \(NOPERM\)\n/);
      assert.match(few, /\nfound {5}sf_s<id>\n/);
    } finally {
      await redis.stop();
    }
  });
});

describe("a search on several nodes of memcached", () => {
  const { it } = needing("memcached", "php");

  it("says by which placements PHP files the session there, and tries the settings", async () => {
    const caches = await Promise.all([startMemcached(), startMemcached(), startMemcached()]);
    try {
      const nodes = caches.map(({ host, port }) => `${host}:${port}`);
      const sessionId = writeSession({ user: "alice", authenticated: true }, memcachedIni(...nodes));
      const search = await find({ SESSION_STORE: `memcached://${nodes.join()}` }, sessionId);
      const [place] = search.places;
      assert.ok(place?.placements?.includes("ketama"), JSON.stringify(place?.placements));
      assert.deepEqual(place?.verdict, { outcome: "allowed" });
      assert.match(textOf(search), /^asked {5}memc\.sess\.key\.<id> {2}node [123]: 35 bytes\n/);
    } finally {
      await Promise.all(caches.map((cache) => cache.stop()));
    }
  });
});

describe("a search that meets what somebody wrote to harm whoever looks", () => {
  const { it, before, after } = needing("memcached");
  let memcached: Awaited<ReturnType<typeof startMemcached>>;
  before(async () => {
    memcached = await startMemcached();
  });
  after(() => memcached.stop());

  async function searchOf(bytes: Buffer, flags = 0): Promise<Search> {
    await putIntoMemcached(memcached.port, `memc.sess.key.${id}`, bytes, flags);
    return find({ SESSION_STORE: `memcached://127.0.0.1:${memcached.port}` });
  }

  it("prints no control character of a name, a key or a class", async () => {
    const evil = "\x1b]0;owned\x07\x9b31m\u202e\u009b2J\n";
    const s = (text: string) => `s:${Buffer.byteLength(text)}:"${text}";`;
    const session = `a:3:{${s("username")}${s(evil)}${s(`${evil}user`)}a:1:{${s("username")}${s("x")}}${s("logged_in")}b:1;}`;
    const text = textOf(await searchOf(Buffer.from(session)));
    assert.match(text, /read as {3}php_serialize\n/);
    for (const character of text.replaceAll("\n", "")) assert.match(character, /[^\p{C}\p{Zl}\p{Zp}]/u);
    const forShell = /export USER_EXPRESSION='([^']*)'/.exec(text)?.[1];
    assert.equal(forShell, "username");
  });

  it("prints settings that a shell takes as they are, whatever a key holds", async () => {
    const key = `x'$(touch /tmp/owned)'\`id\`"; user`;
    const session = `a:1:{s:${key.length}:"${key}";a:1:{s:8:"username";s:5:"alice";}}`;
    const text = textOf(await searchOf(Buffer.from(session)));
    const lines = text.split("\n").filter((line) => line.startsWith("export "));
    assert.ok(
      lines.some((line) => line.includes("$(touch")),
      text,
    );
    // Outside of quotes there is nothing but the name and the escaped quotes.
    for (const line of lines) {
      assert.match(line, /^export [A-Z_]+=(?:'[^']*'|\\')+(?: # [a-zA-Z ]+)?$/);
    }
  });

  it("ends with bytes that grow, nest or mean nothing", async () => {
    const deep = `a:1:{i:0;${"a:1:{i:0;".repeat(20_000)}N;${"}".repeat(20_000)}}`;
    const texts = `a:1:{s:1:"x";s:${40_000}:"${"eyJ".repeat(13_333)}a";}`;
    const bomb = (await import("node:zlib")).gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const random = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) % 251));
    for (const bytes of [Buffer.alloc(0), Buffer.from(deep), Buffer.from(texts), bomb, random]) {
      const search = await searchOf(bytes);
      assert.equal(settingsToPaste(search), "");
      assert.ok(search.places.length > 0);
      textOf(search);
    }
    textOf(await searchOf(random, 0x50));
    textOf(await searchOf(random, 0xffff_ffff));
  });

  it("shows no session id that the site keeps in the session, nor values unless asked to", async () => {
    const session = `username|s:5:"alice";logged_in|b:1;sid|s:${id.length}:"${id}";`;
    const text = textOf(await searchOf(Buffer.from(session)), false);
    assert.doesNotMatch(text, /alice/);
    assert.match(text, /username: string\(5\) logs in by a name of 5 bytes/);
  });
});
