import assert from "node:assert/strict";
import { afterEach, describe } from "node:test";
import { freePort } from "../../../infra/local/ports.ts";
import { maxSessionBytes } from "../../../inspector/php/limits.ts";
import { createRedisPlacement, type Node } from "../../../inspector/placement.ts";
import { NodeStore } from "../../../inspector/stores/nodes.ts";
import { connectRedis, type RedisAccess } from "../../../inspector/stores/redis.ts";
import { type Certificate, makeCertificate } from "../../real/certificate.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { needing } from "../../real/parts.ts";
import { redisIni, runPhp, writeSession } from "../../real/php.ts";
import { type Redis, startRedis, tlsSettings } from "../../real/redis.ts";
import {
  expectedTexts,
  itOutlivesItsServer,
  itReadsWhatPhpWrote,
  itSettlesWithAnyServer,
  someId,
  textsOf,
} from "./conformance.ts";

const keyPrefix = "PHPREDIS_SESSION:";
const opened: NodeStore[] = [];

interface Options extends Partial<RedisAccess> {
  readonly host?: string;
  readonly timeoutMs?: number;
}

function openStore(
  ports: readonly number[],
  { host = "127.0.0.1", timeoutMs = 1000, ...access }: Options = {},
) {
  const nodes = ports.map((port): Node => ({ host, port, weight: 1 }));
  const store = new NodeStore({
    nodes,
    connect: (node) => connectRedis(node, { isEncrypted: false, database: 0, ...access }),
    placement: createRedisPlacement(nodes),
    keyPrefix,
    maxKeyBytes: Number.POSITIVE_INFINITY,
    timeoutMs,
  });
  opened.push(store);
  return store;
}

afterEach(() => {
  for (const store of opened.splice(0)) store.close();
});

const refused = { name: "StoreError", fault: "store-refused" };
const untrusted = { name: "StoreError", fault: "store-untrusted" };
const alice = 'user|s:5:"alice";';

describe("the Redis store with real PHP", () => {
  const { it, before, after } = needing("php", "redis");
  let redis: Redis;
  let store: NodeStore;

  before(async () => {
    redis = await startRedis();
    store = openStore([redis.port]);
    opened.splice(0);
  });
  after(async () => {
    store.close();
    await redis.stop();
  });

  const ini = () => redisIni(`127.0.0.1:${redis.port}`);

  itReadsWhatPhpWrote(it, () => ({ store, ini: ini() }));
  itOutlivesItsServer(it, () => ({
    store,
    ini: ini(),
    pid: redis.process.pid,
    stopServer: () => redis.stop(),
    async startServer() {
      redis = await startRedis(redis.port);
    },
  }));

  it("finds the session with the longest id that PHP makes", async () => {
    const long = { ...ini(), "session.sid_length": 256 };
    const id = writeSession({ user: "alice" }, long);
    assert.equal(id.length, 256);
    assert.equal(String((await store.getData(id))?.bytes), alice);
  });

  it("reads no more of a huge session than the decoder needs to refuse it", async () => {
    const code = "session_start(); $_SESSION['x'] = str_repeat('x', 5000000); echo session_id();";
    const huge = runPhp(code, ini()).toString();
    const small = writeSession({ user: "alice" }, ini());
    const found = await store.getMany([huge, small]);
    assert.equal(found.get(huge)?.bytes.length, maxSessionBytes + 1);
    assert.equal(textsOf(found).get(small), alice);
  });

  it("lets no session id become a command of its own", async () => {
    const id = writeSession({ user: "alice" }, ini());
    for (const bad of [
      "xxxx\r\nFLUSHALL",
      `x\r\n$3\r\nDEL\r\n${keyPrefix}${id}`,
      "xxxx\0",
      "ääää",
      "€€€€\r\n",
    ]) {
      assert.equal(await store.getData(bad), null);
    }
    assert.notEqual(await store.getData(id), null);
  });

  it("is refused at a key that is no session but another kind of value", async () => {
    await redis.tell(["LPUSH", keyPrefix + someId, "a"]);
    await assert.rejects(store.getData(someId), refused);
    await redis.tell(["DEL", keyPrefix + someId]);
    assert.equal(await store.getData(someId), null);
  });

  it("looks into the one database that it is told", async () => {
    const id = writeSession({ user: "alice" }, redisIni(`127.0.0.1:${redis.port}?database=3`));
    assert.equal(await store.getData(id), null);
    assert.equal(String((await openStore([redis.port], { database: 3 }).getData(id))?.bytes), alice);
    // A database that the server does not have must not be taken for the one that it has.
    const inFirst = writeSession({ user: "alice" }, ini());
    await assert.rejects(openStore([redis.port], { database: 99 }).getData(inFirst), refused);
  });
});

describe("the Redis store on servers with passwords and users", () => {
  const { it, before, after } = needing("php", "redis");
  let redis: Redis;
  const secret = "pässword with blanks, \"quotes\" & 'more'%";

  before(async () => {
    redis = await startRedis(undefined, ["--requirepass", "site"]);
    const acl = ["reader", "on", "#HASH", `~${keyPrefix}*`, "resetchannels", "-@all", "+get", "+select"];
    const hash = runPhp("echo hash('sha256', stream_get_contents(STDIN));", {}, secret).toString();
    const words = ["ACL", "SETUSER", ...acl].map((word) => word.replace("HASH", hash));
    const answer = await redis.tell(["AUTH", "site"], words);
    assert.match(answer, /OK/);
  });
  after(() => redis.stop());

  const write = () =>
    writeSession({ user: "alice" }, redisIni(`127.0.0.1:${redis.port}?auth=site&database=2`));
  const open = (access: Partial<RedisAccess>) => openStore([redis.port], { database: 2, ...access });

  it("finds what PHP wrote by the password of all", async () => {
    const store = open({ password: () => "site" });
    assert.equal(String((await store.getData(write()))?.bytes), alice);
  });

  it("needs no more of a user's rights than GET, SELECT and the sessions' keys", async () => {
    const store = open({ user: "reader", password: () => secret });
    const id = write();
    const found = await store.getMany([id, someId]);
    assert.deepEqual(
      textsOf(found),
      new Map([
        [id, alice],
        [someId, null],
      ]),
    );
  });

  it("is refused without a password, with a wrong one, and for an unknown user", async () => {
    const id = write();
    for (const access of [
      {},
      { password: () => "wrong" },
      { user: "reader", password: () => "site" },
      { user: "nobody", password: () => "site" },
    ]) {
      await assert.rejects(open(access).getData(id), refused);
    }
  });
});

describe("the Redis store by TLS with real PHP", () => {
  const { it, before, after } = needing("php", "redis", "openssl");
  let certificate: Certificate;
  let redis: Redis;
  let tlsPort: number;
  let store: NodeStore;

  before(async () => {
    certificate = makeCertificate(temporaryDirectory());
    tlsPort = await freePort();
    redis = await startRedis(undefined, tlsSettings(tlsPort, certificate));
    store = openStore([tlsPort], { host: "localhost", isEncrypted: true, authority: certificate.cert });
    opened.splice(0);
  });
  after(async () => {
    store.close();
    await redis.stop();
  });

  const ini = () => redisIni(`127.0.0.1:${redis.port}`);
  const openTls = (options: Options) =>
    openStore([tlsPort], { host: "localhost", isEncrypted: true, ...options });

  itReadsWhatPhpWrote(it, () => ({ store, ini: ini() }));
  itOutlivesItsServer(it, () => ({
    store,
    ini: ini(),
    pid: redis.process.pid,
    stopServer: () => redis.stop(),
    async startServer() {
      redis = await startRedis(redis.port, tlsSettings(tlsPort, certificate));
    },
  }));

  it("trusts no certificate but one for the server's name and of an authority that is trusted", async () => {
    const authority = certificate.cert;
    await assert.rejects(openTls({}).getData(someId), untrusted);
    await assert.rejects(
      openTls({ authority: makeCertificate(temporaryDirectory()).cert }).getData(someId),
      untrusted,
    );
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      await assert.rejects(openTls({}).getMany([someId, `${someId}2`]), untrusted);
    } finally {
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    }
    await assert.rejects(openTls({ host: "127.0.0.2", authority }).getData(someId), { name: "StoreError" });
    assert.equal(await openTls({ host: "127.0.0.1", authority }).getData(someId), null);
  });

  it("sends no password before the certificate is verified", async () => {
    let asked = 0;
    const password = () => {
      asked++;
      return "site";
    };
    await assert.rejects(openTls({ password }).getData(someId), untrusted);
    assert.equal(asked, 0);
    await assert.rejects(openTls({ password, authority: certificate.cert }).getData(someId), refused);
    assert.ok(asked > 0);
  });

  it("hangs nowhere where only one side has TLS", async () => {
    const byTls = openStore([redis.port], { isEncrypted: true, authority: certificate.cert });
    await assert.rejects(byTls.getData(someId), { name: "StoreError" });
    await assert.rejects(openStore([tlsPort]).getData(someId), { name: "StoreError" });
  });
});

describe("the Redis store on a server in cluster mode", () => {
  const { it, before, after } = needing("redis");
  let redis: Redis;

  before(async () => {
    const directory = temporaryDirectory();
    redis = await startRedis(undefined, ["--cluster-enabled", "yes", "--dir", directory]);
  });
  after(() => redis.stop());

  it("is refused while the server holds other sessions than this one", async () => {
    await assert.rejects(openStore([redis.port]).getData(someId), refused);
  });

  it("finds many sessions at once where the server holds them all, in whatever slots they lie", async () => {
    assert.match(await redis.tell(["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), /OK/);
    const ids = Array.from({ length: 100 }, (_, i) => `${someId}${i}`);
    while (!(await redis.tell(["CLUSTER", "INFO"])).includes("cluster_state:ok"));
    for (const [i, id] of ids.entries()) {
      assert.match(await redis.tell(["SET", keyPrefix + id, `i|i:${i};`]), /OK/);
    }
    assert.match(await redis.tell(["MGET", ...ids.map((id) => keyPrefix + id)]), /CROSSSLOT/);
    assert.deepEqual(textsOf(await openStore([redis.port]).getMany(ids)), expectedTexts(ids));
  });
});

describe("the Redis store with a server that misbehaves", () => {
  const { it, afterEach: afterEachOfThese } = needing();
  const answer = (value: string) => Buffer.from(`$${value.length}\r\n${value}\r\n`);

  itSettlesWithAnyServer(
    { it, afterEach: afterEachOfThese },
    {
      open: (port) => openStore([port], { timeoutMs: 400 }),
      accept: (connection) => connection,
      requestsOf: (chunk) =>
        (chunk.toString().match(/\*2\r\n\$3\r\nGET\r\n\$\d+\r\n[^\r]+\r\n/g) ?? []).map((get) =>
          Buffer.from(get),
        ),
      answer: (_, value) => answer(value),
      // A reply does not name its question: one to AUTH, or to nobody, is told by its kind alone.
      answerToAnother: () => Buffer.from("+OK\r\n"),
      error: () => Buffer.from("-LOADING Redis is loading the dataset in memory\r\n"),
      garbage: Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"),
    },
  );
});
