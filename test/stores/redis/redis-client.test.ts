import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, describe } from "node:test";
import { freePort } from "../../../infra/local/ports.ts";
import { maxSessionBytes } from "../../../inspector/session/limits.ts";
import { NodeStore } from "../../../stores/nodes.ts";
import { createRedisPlacement, type Node } from "../../../stores/placement/placement.ts";
import { connectRedis, type RedisAccess } from "../../../stores/redis/redis-client.ts";
import { type Certificate, makeCertificate } from "../../real/certificate.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { needing } from "../../real/parts.ts";
import { whilePaused } from "../../real/pause.ts";
import { redisClusterIni, redisIni, runPhp, writeSession, writeSessions } from "../../real/php.ts";
import { type Redis, startRedis, tlsSettings } from "../../real/redis.ts";
import {
  expectedTexts,
  itOutlivesItsServer,
  itReadsWhatPhpWrote,
  itSettlesWithAnyServer,
  someId,
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
      `x\r\n$3\r\nDEL\r\n${handlerPrefix}${id}`,
      "xxxx\0",
      "ääää",
      "€€€€\r\n",
    ]) {
      assert.equal(await store.getData(bad), null);
    }
    assert.notEqual(await store.getData(id), null);
  });

  it("is refused at a key that is no session but another kind of value", async () => {
    await redis.tell(["LPUSH", handlerPrefix + someId, "a"]);
    await assert.rejects(store.getData(someId), refused);
    await redis.tell(["DEL", handlerPrefix + someId]);
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
    const acl = ["reader", "on", "#HASH", `~${handlerPrefix}*`, "resetchannels", "-@all", "+get", "+select"];
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

  it("is refused while no server holds this session", async () => {
    await assert.rejects(openStore([redis.port]).getData(someId), refused);
  });

  it("finds many sessions at once where the server holds them all, in whatever slots they lie", async () => {
    assert.match(await redis.tell(["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), /OK/);
    const ids = Array.from({ length: 100 }, (_, i) => `${someId}${i}`);
    while (!(await redis.tell(["CLUSTER", "INFO"])).includes("cluster_state:ok"));
    for (const [i, id] of ids.entries()) {
      assert.match(await redis.tell(["SET", handlerPrefix + id, `i|i:${i};`]), /OK/);
    }
    assert.match(await redis.tell(["MGET", ...ids.map((id) => handlerPrefix + id)]), /CROSSSLOT/);
    assert.deepEqual(textsOf(await openStore([redis.port]).getMany(ids)), expectedTexts(ids));
  });
});

describe("the Redis store on a Redis Cluster", () => {
  const { it, before, after } = needing("php", "redis");
  const keyPrefix = "PHPREDIS_CLUSTER_SESSION:";
  const auth = ["AUTH", "secret"];
  let servers: Redis[] = [];
  before(async () => {
    const start = () => {
      const mode = ["--cluster-enabled", "yes", "--dir", temporaryDirectory()];
      return startRedis(undefined, [...mode, "--requirepass", "secret", "--masterauth", "secret"]);
    };
    servers = await Promise.all([start(), start(), start()]);
    const shares = [
      ["0", "5460"],
      ["5461", "10922"],
      ["10923", "16383"],
    ];
    for (const [i, server] of servers.entries()) {
      await server.tell(auth, ["CLUSTER", "ADDSLOTSRANGE", ...(shares[i] ?? [])]);
      await servers[0]?.tell(auth, ["CLUSTER", "MEET", "127.0.0.1", String(server.port)]);
    }
    const isReady = async (server: Redis) =>
      /cluster_state:ok[\s\S]*cluster_size:3/.test(await server.tell(auth, ["CLUSTER", "INFO"]));
    while (!(await Promise.all(servers.map(isReady))).every(Boolean)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
  after(() => Promise.all(servers.map((server) => server.stop())));

  const ports = () => servers.map(({ port }) => port);
  const write = () => writeSessions(100, redisClusterIni(`127.0.0.1:${ports()[0]}&auth=secret`));
  const open = (port = 0) => openStore([port], { password: () => "secret", keyPrefix });

  it("finds what PHP wrote to all servers, whichever of them it asks", async () => {
    const ids = write();
    for (const port of ports()) assert.deepEqual(textsOf(await open(port).getMany(ids)), expectedTexts(ids));
    assert.equal(await open(ports()[0]).getData(someId), null);
  });

  it("tells of none while the server of one hangs, and of all once it goes on", async () => {
    const ids = write();
    const store = open(ports()[0]);
    await store.getMany(ids);
    await whilePaused(servers[2]?.process.pid ?? 0, async () => {
      await assert.rejects(store.getMany(ids), { name: "StoreError", fault: "store-timeout" });
    });
    assert.deepEqual(textsOf(await store.getMany(ids)), expectedTexts(ids));
  });
});

describe("the Redis store with a cluster that leads nowhere", () => {
  const { it } = needing();

  /** A stand-in for a server of a cluster, on all addresses of the loopback: answers each GET in this way. */
  async function openWith(answer: (address: string, port: number, count: number) => string) {
    let connections = 0;
    let gets = 0;
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      connections++;
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("data", (chunk) => {
        for (const _ of chunk.toString().match(/GET\r\n/g) ?? []) {
          socket.write(answer(socket.localAddress ?? "", socket.localPort ?? 0, ++gets));
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
    const { port } = server.address() as AddressInfo;
    const stop = async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    };
    return { store: openStore([port], { timeoutMs: 3000 }), connectionsOf: () => connections, stop };
  }

  it("follows one step and no second", async () => {
    const { store, connectionsOf, stop } = await openWith((_, port) => `-MOVED 1 127.0.0.2:${port}\r\n`);
    await assert.rejects(store.getData(someId), refused);
    // Two tries, of two connections each.
    assert.equal(connectionsOf(), 4);
    await stop();
  });

  it("takes a place without a host for that of the server which names it, and none that there is not", async () => {
    const { store, stop } = await openWith((_, port, count) =>
      count === 1 ? `-MOVED 1 :${port}\r\n` : "$4\r\na|N;\r\n",
    );
    assert.equal(String((await store.getData(someId))?.bytes), "a|N;");
    await stop();
    const nowhere = await openWith(() => "-MOVED 1 127.0.0.1:99999\r\n");
    await assert.rejects(nowhere.store.getData(someId), { name: "StoreError" });
    await nowhere.stop();
  });

  it("is sent to 500 servers at most", async () => {
    const { store, connectionsOf, stop } = await openWith((address, port, count) =>
      address === "127.0.0.1" ? `-MOVED 1 127.1.${count >> 8}.${count & 255}:${port}\r\n` : "$-1\r\n",
    );
    const ids = (count: number) => Array.from({ length: count }, (_, i) => `${someId}${i}`);
    assert.equal((await store.getMany(ids(500))).size, 500);
    assert.equal(connectionsOf(), 501);
    await assert.rejects(store.getMany(ids(600)), refused);
    await stop();
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
