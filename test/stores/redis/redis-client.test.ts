import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, describe } from "node:test";
import { freePort } from "../../../infra/local/ports.ts";
import { maxSessionBytes } from "../../../inspector/session/limits.ts";
import { NodeStore } from "../../../stores/nodes.ts";
import { createRedisPlacement, type Node } from "../../../stores/placement/placement.ts";
import { connectRedis, type RedisAccess } from "../../../stores/redis/redis-client.ts";
import { keysWithPrefix } from "../../../stores/session-key.ts";
import { type Certificate, makeCertificate } from "../../real/certificate.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { needing } from "../../real/parts.ts";
import { whilePaused } from "../../real/pause.ts";
import { redisClusterIni, redisIni, runPhp, writeSession, writeSessions } from "../../real/php.ts";
import {
  type ClusterRedis,
  type Redis,
  startClusterRedis,
  startRedis,
  tlsSettings,
  waitForCluster,
} from "../../real/redis.ts";
import {
  expectedTexts,
  foreignBanners,
  getAll,
  itOutlivesItsServer,
  itReadsWhatPhpWrote,
  itSettlesWithAnyServer,
  someId,
  tellsOfAPart,
  textsOf,
} from "../conformance.ts";

const handlerPrefix = "PHPREDIS_SESSION:";
const opened: NodeStore[] = [];

interface Options extends Partial<RedisAccess> {
  readonly host?: string;
  readonly keyPrefix?: string;
  readonly timeoutMs?: number;
}

function openStore(
  ports: readonly number[],
  { host = "127.0.0.1", timeoutMs = 1000, keyPrefix = handlerPrefix, ...access }: Options = {},
) {
  const nodes = ports.map((port): Node => ({ host, port, weight: 1 }));
  const store = new NodeStore({
    nodes,
    connect: (node) => connectRedis(node, { isEncrypted: false, database: 0, ...access }),
    placement: createRedisPlacement(nodes),
    keyOf: keysWithPrefix(keyPrefix),
    nowMs: () => performance.now(),
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
    const found = await getAll(store, [huge, small]);
    assert.equal(found.get(huge)?.bytes.length, maxSessionBytes + 1);
    assert.equal(textsOf(found).get(small), alice);
  });

  it("lets no session id become a command of its own", async () => {
    const id = writeSession({ user: "alice" }, ini());
    for (const bad of [
      "xxxx\r\nFLUSHALL",
      `x\r\n$3\r\nDEL\r\n${handlerPrefix}${id}`,
      "xxxx\0",
      "ääää",
      "€€€€\r\n",
    ]) {
      assert.equal(await store.getData(bad), null);
    }
    assert.notEqual(await store.getData(id), null);
  });

  it("is refused at a key that is no session but another kind of value, and says what to set for a hash", async () => {
    const key = handlerPrefix + someId;
    const others = ["LPUSH", "SADD"].map((command) => [command, key, "a"]);
    for (const write of [...others, ["ZADD", key, "1", "a"], ["XADD", key, "*", "a", "b"]]) {
      await redis.tell(write);
      await assert.rejects(store.getData(someId), { ...refused, detail: "WRONGTYPE" }, write.join());
      await redis.tell(["DEL", key]);
    }
    await redis.tell(["HSET", key, "data", "a"]);
    const isHash = { ...refused, detail: "the key is a hash: set SESSION_FIELD" };
    await assert.rejects(store.getData(someId), isHash);
    // On a connection that still has other answers to come.
    const id = writeSession({ user: "alice" }, ini());
    const calls = await Promise.allSettled([id, someId, id].map((each) => store.getData(each)));
    assert.deepEqual(
      calls.map((call) => (call.status === "fulfilled" ? String(call.value?.bytes) : call.reason.detail)),
      [alice, isHash.detail, alice],
    );
    await redis.tell(["DEL", key]);
    assert.equal(await store.getData(someId), null);
  });

  it("finds sessions in the field of a hash that it is told, and nowhere else", async () => {
    const byField = openStore([redis.port], { field: "data" });
    const [here = "", other = "", text = ""] = [1, 2, 3].map((n) => `${someId}${n}`);
    const bytes = 'a|s:4:"\r\n$9";';
    await redis.tell(["HSET", handlerPrefix + here, "data", "a|i:1;", "lock", "1", "userid", "7"]);
    await redis.tell(["HSET", handlerPrefix + other, "lock", "1"]);
    await redis.tell(["SET", handlerPrefix + text, bytes]);
    assert.equal(String((await byField.getData(here))?.bytes), "a|i:1;");
    assert.deepEqual(
      textsOf(await getAll(byField, [here, other, someId])),
      new Map([
        [here, "a|i:1;"],
        [other, null],
        [someId, null],
      ]),
    );
    await assert.rejects(byField.getData(text), {
      ...refused,
      detail: "the key is no hash: SESSION_FIELD must not be set",
    });
    const byAnother = openStore([redis.port], { field: "data with blanks\r\n" });
    assert.equal(await byAnother.getData(here), null);
    await redis.tell(["DEL", ...[here, other, text].map((id) => handlerPrefix + id)]);
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
    const acl = ["reader", "on", "#HASH", `~${handlerPrefix}*`, "resetchannels", "-@all", "+get", "+select"];
    const hash = runPhp("echo hash('sha256', stream_get_contents(STDIN));", {}, secret).toString();
    const words = ["ACL", "SETUSER", ...acl].map((word) => word.replace("HASH", hash));
    const answer = await redis.tell(["AUTH", "site"], words);
    assert.match(answer, /OK/);
  });
  after(() => redis.stop());

  const write = () =>
    writeSession({ user: "alice" }, redisIni(`127.0.0.1:${redis.port}?auth=site&database=2`));
  const open = (access: Options) => openStore([redis.port], { database: 2, ...access });

  it("finds what PHP wrote by the password of all", async () => {
    const store = open({ password: () => "site" });
    assert.equal(String((await store.getData(write()))?.bytes), alice);
  });

  it("needs no more of a user's rights than GET, SELECT and the sessions' keys", async () => {
    const store = open({ user: "reader", password: () => secret });
    const id = write();
    const found = await getAll(store, [id, someId]);
    assert.deepEqual(
      textsOf(found),
      new Map([
        [id, alice],
        [someId, null],
      ]),
    );
  });

  it("is refused without a password, with a wrong one, and for an unknown user, and says which", async () => {
    const id = write();
    for (const [access, detail] of [
      [{}, "NOAUTH"],
      [{ password: () => "wrong" }, "WRONGPASS"],
      [{ user: "reader", password: () => "site" }, "WRONGPASS"],
      [{ user: "nobody", password: () => "site" }, "WRONGPASS"],
    ] as const) {
      await assert.rejects(open(access).getData(id), { ...refused, detail });
    }
  });

  it("says that a key is no string where the user may not ask for its type", async () => {
    const key = handlerPrefix + someId;
    await redis.tell(["AUTH", "site"], ["SELECT", "2"], ["HSET", key, "data", "a"]);
    const reader = open({ user: "reader", password: () => secret });
    await assert.rejects(reader.getData(someId), { ...refused, detail: "WRONGTYPE" });
    // What it may not read is refused, too, and not missing.
    const elsewhere = open({ user: "reader", password: () => secret, keyPrefix: "OTHER:" });
    await assert.rejects(elsewhere.getData(someId), { ...refused, detail: "NOPERM" });
    await redis.tell(["AUTH", "site"], ["SELECT", "2"], ["DEL", key]);
  });
});

describe("many sessions on three Redis servers", () => {
  const { it, before, after } = needing("php", "redis");
  let servers: Redis[] = [];
  before(async () => {
    servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
  });
  after(() => Promise.all(servers.map((server) => server.stop())));

  it("are told of the other servers while one is away, and then again of all", async () => {
    const ports = servers.map(({ port }) => port);
    const ids = writeSessions(100, redisIni(...ports.map((port) => `127.0.0.1:${port}`)));
    const placement = createRedisPlacement(ports.map((port) => ({ host: "127.0.0.1", port, weight: 1 })));
    const isLost = (id: string) => placement(id, id)[0] === 1;
    const second = servers[1] as Redis;
    await second.stop();
    const store = openStore(ports);
    const found = new Map([...expectedTexts(ids)].filter(([id]) => !isLost(id)));
    await tellsOfAPart({ store, found, lost: ids.filter(isLost), fault: "store-unreachable" });
    servers[1] = await startRedis(second.port);
    const all = await getAll(store, ids);
    assert.deepEqual(textsOf(all), new Map([...ids].map((id) => [id, found.get(id) ?? null])));
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
      await assert.rejects(getAll(openTls({}), [someId, `${someId}2`]), untrusted);
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
    redis = await startClusterRedis();
  });
  after(() => redis.stop());

  it("is refused while no server holds this session", async () => {
    await assert.rejects(openStore([redis.port]).getData(someId), refused);
  });

  it("finds many sessions at once where the server holds them all, in whatever slots they lie", async () => {
    assert.match(await redis.tell(["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), /OK/);
    const ids = Array.from({ length: 100 }, (_, i) => `${someId}${i}`);
    await waitForCluster([redis], 1);
    for (const [i, id] of ids.entries()) {
      assert.match(await redis.tell(["SET", handlerPrefix + id, `i|i:${i};`]), /OK/);
    }
    assert.match(await redis.tell(["MGET", ...ids.map((id) => handlerPrefix + id)]), /CROSSSLOT/);
    assert.deepEqual(textsOf(await getAll(openStore([redis.port]), ids)), expectedTexts(ids));
  });
});

describe("the Redis store on a Redis Cluster", () => {
  const { it, before, after } = needing("php", "redis");
  const keyPrefix = "PHPREDIS_CLUSTER_SESSION:";
  const auth = ["AUTH", "secret"];
  let servers: ClusterRedis[] = [];
  before(async () => {
    const start = () => startClusterRedis(["--requirepass", "secret", "--masterauth", "secret"]);
    servers = await Promise.all([start(), start(), start()]);
    const shares = [
      ["0", "5460"],
      ["5461", "10922"],
      ["10923", "16383"],
    ];
    for (const [i, server] of servers.entries()) {
      await server.tell(auth, ["CLUSTER", "ADDSLOTSRANGE", ...(shares[i] ?? [])]);
      const address = ["127.0.0.1", String(server.port), String(server.busPort)];
      await servers[0]?.tell(auth, ["CLUSTER", "MEET", ...address]);
    }
    await waitForCluster(servers, 3, [auth]);
  });
  after(() => Promise.all(servers.map((server) => server.stop())));

  const ports = () => servers.map(({ port }) => port);
  const write = () => writeSessions(100, redisClusterIni(`127.0.0.1:${ports()[0]}&auth=secret`));
  const cluster = [{ host: "127.0.0.1", port: 1, weight: 1 }];
  const open = (port = 0) => openStore([port], { password: () => "secret", keyPrefix, cluster });

  it("follows no server to another where it is not told that they are a cluster", async () => {
    const ids = write();
    const { stored, faults } = await openStore([ports()[0] ?? 0], {
      password: () => "secret",
      keyPrefix,
    }).getMany(ids);
    assert.equal(stored.size, 0);
    assert.deepEqual(
      faults.map(({ fault, detail }) => [fault, detail]),
      [["store-refused", "the server is one of a cluster: add ?cluster=true to SESSION_STORE"]],
    );
  });

  it("finds what PHP wrote to all servers, whichever of them it asks", async () => {
    const ids = write();
    for (const port of ports()) assert.deepEqual(textsOf(await getAll(open(port), ids)), expectedTexts(ids));
    assert.equal(await open(ports()[0]).getData(someId), null);
  });

  it("tells of none while the server of one hangs, and of all once it goes on", async () => {
    const ids = write();
    const store = open(ports()[0]);
    await getAll(store, ids);
    await whilePaused(servers[2]?.process.pid ?? 0, async () => {
      await assert.rejects(getAll(store, ids), { name: "StoreError", fault: "store-timeout" });
    });
    assert.deepEqual(textsOf(await getAll(store, ids)), expectedTexts(ids));
  });
});

describe("the Redis store with a server that says of keys that they are elsewhere", () => {
  const { it } = needing();

  /** A stand-in for servers of a cluster, on all addresses of the loopback: answers each GET in this way. */
  async function openWith(
    answer: (address: string, port: number, count: number, connection: number) => string,
    options: Options = { cluster: hosts("127.0.0.2") },
  ) {
    const asked: string[] = [];
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      const address = socket.localAddress ?? "";
      const connection = asked.push(address);
      sockets.add(socket);
      socket.on("error", () => {});
      let gets = 0;
      socket.on("data", (chunk) => {
        for (const _ of chunk.toString().match(/GET\r\n/g) ?? []) {
          socket.write(answer(address, socket.localPort ?? 0, ++gets, connection));
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
    const { port } = server.address() as AddressInfo;
    const stop = async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    };
    const store = openStore([port], { timeoutMs: 3000, ...options });
    return { store, port, asked, stop };
  }

  const hosts = (...names: readonly string[]) => names.map((host) => ({ host, port: 1, weight: 1 }));

  it("connects to no other server where it is not told that they are a cluster", async () => {
    const { store, asked, stop } = await openWith((_, port) => `-MOVED 1 127.0.0.1:${port}\r\n`, {});
    await assert.rejects(store.getData(someId), {
      ...refused,
      detail: "the server is one of a cluster: add ?cluster=true to SESSION_STORE",
    });
    assert.deepEqual(asked, ["127.0.0.1", "127.0.0.1"]);
    await stop();
  });

  it("connects to no server that is not one of the cluster's own, and sends it no password", async () => {
    const { store, asked, stop } = await openWith((_, port) => `-MOVED 1 127.0.0.3:${port}\r\n`);
    await assert.rejects(store.getData(someId), {
      ...refused,
      detail: "the cluster named a host that is not in SESSION_STORE, nor in the domain of one that is",
    });
    assert.deepEqual(asked, ["127.0.0.1", "127.0.0.1"]);
    await stop();
  });

  it("follows one step and no second", async () => {
    const { store, asked, stop } = await openWith((_, port) => `-MOVED 1 127.0.0.2:${port}\r\n`);
    await assert.rejects(store.getData(someId), { ...refused, detail: "MOVED" });
    assert.deepEqual(asked, ["127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2"]);
    await stop();
  });

  it("asks a server of the cluster again on the connection that it has, or on a new one where that is closed", async () => {
    const { store, asked, stop } = await openWith((address, port, count) =>
      address === "127.0.0.1" ? `-MOVED 1 127.0.0.2:${port}\r\n` : count > 1 ? "+QUIT\r\n" : "$4\r\na|N;\r\n",
    );
    assert.equal(String((await store.getData(someId))?.bytes), "a|N;");
    assert.deepEqual(asked, ["127.0.0.1", "127.0.0.2"]);
    assert.equal(String((await store.getData(someId))?.bytes), "a|N;");
    assert.deepEqual(asked, ["127.0.0.1", "127.0.0.2", "127.0.0.1", "127.0.0.2"]);
    await stop();
  });

  it("takes a place without a host for that of the server which names it", async () => {
    const { store, asked, stop } = await openWith(
      (_address, port, _count, connection) => (connection === 1 ? `-MOVED 1 :${port}\r\n` : "$4\r\na|N;\r\n"),
      { cluster: hosts("127.0.0.1") },
    );
    assert.equal(String((await store.getData(someId))?.bytes), "a|N;");
    assert.deepEqual(asked, ["127.0.0.1", "127.0.0.1"]);
    await stop();
  });

  it("is sent to 500 servers at most", async () => {
    const named = Array.from({ length: 601 }, (_, i) => `127.1.${i >> 8}.${i & 255}`);
    const { store, asked, stop } = await openWith(
      (address, port, count) =>
        address === "127.0.0.1" ? `-MOVED 1 ${named[count]}:${port}\r\n` : "$-1\r\n",
      { cluster: hosts(...named) },
    );
    const ids = (count: number) => Array.from({ length: count }, (_, i) => `${someId}${i}`);
    assert.equal((await getAll(store, ids(500))).size, 500);
    assert.equal(asked.length, 501);
    await assert.rejects(getAll(store, ids(600)), { ...refused, detail: "MOVED" });
    // On each of two tries.
    assert.ok(asked.length <= 501 + 2 * 501, String(asked.length));
    await stop();
  });
});

describe("the Redis store with a server that answers ahead of AUTH and SELECT", () => {
  const { it } = needing();
  const session = "$7\r\nuser|N;\r\n";

  async function answersOf(text: string, access: Partial<RedisAccess>) {
    const server = createServer((socket) => {
      socket.on("error", () => {}).on("data", () => socket.write(text));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const store = openStore([(server.address() as AddressInfo).port], access);
    const [found] = await Promise.allSettled([store.getData(someId)]);
    store.close();
    await new Promise((resolve) => server.close(resolve));
    return found?.status === "fulfilled" ? String(found.value?.bytes) : found?.reason.detail;
  }

  it("takes no value for a session before AUTH and SELECT were each answered OK", async () => {
    const password = () => "secret";
    assert.equal(await answersOf(`+OK\r\n${session}`, { password }), "user|N;");
    assert.equal(await answersOf(`+OK\r\n+OK\r\n${session}`, { password, database: 1 }), "user|N;");
    const ahead: readonly [string, Partial<RedisAccess>][] = [
      [`${session}+OK\r\n`, { password }],
      [`$-1\r\n+OK\r\n`, { password }],
      [`+OK\r\n${session}+OK\r\n`, { password, database: 1 }],
      [`${session}+OK\r\n`, { database: 1 }],
      [`-MOVED 1 127.0.0.1:1\r\n+OK\r\n${session}`, { password, cluster: [] }],
      [`+PONG\r\n${session}`, { password }],
      [`+ok\r\n${session}`, { password }],
      [`+OK\r\n${session}`, {}],
      [`+string\r\n${session}`, {}],
    ];
    for (const [text, access] of ahead) assert.equal(await answersOf(text, access), "bad-reply", text);
    assert.equal(await answersOf(`-WRONGPASS x\r\n${session}`, { password }), "WRONGPASS");
    assert.equal(
      await answersOf(`+OK\r\n-ERR DB index is out of range\r\n${session}`, { password, database: 1 }),
      "ERR",
    );
  });
});

describe("the Redis store with a server that misbehaves", () => {
  const { it, afterEach: afterEachOfThese } = needing();
  const answer = (value: string) => Buffer.from(`$${value.length}\r\n${value}\r\n`);

  itSettlesWithAnyServer(
    { it, afterEach: afterEachOfThese },
    {
      open: (port, timeoutMs, host = "127.0.0.1") => openStore([port], { timeoutMs, host }),
      accept: (connection) => connection,
      requestsOf: (chunk) =>
        (chunk.toString().match(/\*2\r\n\$3\r\nGET\r\n\$\d+\r\n[^\r]+\r\n/g) ?? []).map((get) =>
          Buffer.from(get),
        ),
      answer: (_, value) => answer(value),
      // A reply does not name its question: one to AUTH, or to nobody, is told by its kind alone.
      answerToAnother: () => Buffer.from("+OK\r\n"),
      error: () => Buffer.from("-LOADING Redis is loading the dataset in memory\r\n"),
      errorDetail: "LOADING",
      foreign: {
        ...foreignBanners,
        "memcached's text protocol": Buffer.from("ERROR\r\n"),
        "memcached's binary protocol": Buffer.concat([Buffer.alloc(100, 0x81), Buffer.from("\n")]),
      },
    },
  );
});
