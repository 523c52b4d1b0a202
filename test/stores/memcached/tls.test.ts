import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { afterEach, describe } from "node:test";
import { createServer, TLSSocket } from "node:tls";
import { maxSessionBytes } from "../../../inspector/session/limits.ts";
import { connectPlain } from "../../../stores/memcached/plain.ts";
import { connectTls } from "../../../stores/memcached/tls.ts";
import { NodeStore } from "../../../stores/nodes.ts";
import { createPlacement, type Node } from "../../../stores/placement/placement.ts";
import { keysWithPrefix } from "../../../stores/session-key.ts";
import { type Certificate, makeCertificate } from "../../real/certificate.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { startMemcached, startTlsMemcached, type TlsMemcached } from "../../real/memcached.ts";
import { needing } from "../../real/parts.ts";
import { whilePaused } from "../../real/pause.ts";
import { memcachedIni, runPhp, writeSession, writeSessions } from "../../real/php.ts";
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

const keyPrefix = "memc.sess.key.";
const opened: NodeStore[] = [];

function openStore(node: Omit<Node, "weight">, authority?: Buffer, timeoutMs = 1000): NodeStore {
  const nodes = [{ ...node, weight: 1 }];
  const placement = createPlacement("ketama", nodes, 0);
  const connect = (each: Node) => connectTls(each, authority);
  const store = new NodeStore({
    nodes,
    connect,
    placement,
    keyOf: keysWithPrefix(keyPrefix),
    nowMs: () => performance.now(),
    timeoutMs,
  });
  opened.push(store);
  return store;
}

afterEach(() => {
  for (const store of opened.splice(0)) store.close();
});

describe("the memcached store by TLS with real PHP", () => {
  const { it, before, after } = needing("php", "memcached", "openssl");
  let certificate: Certificate;
  let memcached: TlsMemcached;
  let store: NodeStore;

  before(async () => {
    certificate = makeCertificate(temporaryDirectory());
    memcached = await startTlsMemcached(certificate);
    store = openStore({ host: "localhost", port: memcached.port }, certificate.cert);
    opened.splice(0);
  });
  after(async () => {
    store.close();
    await memcached.stop();
  });

  const ini = () => memcachedIni(`127.0.0.1:${memcached.plainPort}`);

  itReadsWhatPhpWrote(it, () => ({ store, ini: ini() }));
  itOutlivesItsServer(it, () => ({
    store,
    ini: ini(),
    pid: memcached.process.pid,
    stopServer: () => memcached.stop(),
    async startServer() {
      memcached = await startTlsMemcached(certificate, memcached);
    },
  }));

  it("gives the same bytes and flags as without TLS, however PHP's client compressed them", async () => {
    const write = `$client = new Memcached();
      $client->addServer("127.0.0.1", ${memcached.plainPort});
      $client->setOption(Memcached::OPT_PREFIX_KEY, "${keyPrefix}");
      $text = serialize(range(0, 60000));
      foreach (["none" => null, "zlib" => Memcached::COMPRESSION_ZLIB, "fastlz" => Memcached::COMPRESSION_FASTLZ] as $name => $type) {
        $client->setOption(Memcached::OPT_COMPRESSION, $type !== null);
        if ($type !== null) $client->setOption(Memcached::OPT_COMPRESSION_TYPE, $type);
        $client->set("{$name}0text", $type === null ? substr($text, 0, 500000) : $text) or exit(1);
        $client->set("{$name}0array", range(0, 1000)) or exit(1);
      }`;
    runPhp(write);
    const ids = ["none0text", "none0array", "zlib0text", "zlib0array", "fastlz0text", "fastlz0array"];
    const node = { host: "127.0.0.1", port: memcached.plainPort, weight: 1 };
    const plain = new NodeStore({
      nodes: [node],
      connect: connectPlain,
      placement: () => [0],
      keyOf: keysWithPrefix(keyPrefix),
      nowMs: () => performance.now(),
      timeoutMs: 1000,
    });
    opened.push(plain);
    const byTls = await getAll(store, ids);
    assert.deepEqual(byTls, await getAll(plain, ids));
    assert.equal(new Set([...byTls.values()].map((stored) => stored?.flags)).size, 6);
  });

  it("reads no more of a huge session than the decoder needs to refuse it", async () => {
    const code = "session_start(); $_SESSION['x'] = str_repeat('x', 900000); echo session_id();";
    const huge = runPhp(code, ini()).toString();
    const small = writeSession({ user: "alice" }, ini());
    const found = await getAll(store, [huge, small]);
    assert.equal(found.get(huge)?.bytes.length, maxSessionBytes + 1);
    assert.equal(textsOf(found).get(small), 'user|s:5:"alice";');
  });

  it("never sends what is no key: a blank or a line's end would make another command of it", async () => {
    const id = writeSession({ user: "alice" }, ini());
    for (const bad of [`x\r\nflush_all`, `x ${keyPrefix}${id}`, "x\0", "ä"]) {
      assert.equal(await store.getData(bad), null);
    }
    assert.notEqual(await store.getData(id), null);
  });
});

describe("many sessions on three memcached nodes with TLS", () => {
  const { it, before, after } = needing("php", "memcached", "openssl");
  let certificate: Certificate;
  let running: TlsMemcached[] = [];

  before(async () => {
    certificate = makeCertificate(temporaryDirectory());
    running = await Promise.all([1, 2, 3].map(() => startTlsMemcached(certificate)));
  });
  after(() => Promise.all(running.map((node) => node.stop())));

  const names = () => running.map(({ host, plainPort }) => `${host}:${plainPort}`);

  function open(replicas = 0): NodeStore {
    // PHP places by the names in its own list, which are those of the ports without TLS.
    const written = running.map(({ host, plainPort }) => ({ host, port: plainPort, weight: 1 }));
    const nodes = running.map(({ host, port }) => ({ host, port, weight: 1 }));
    const connect = (node: Node) => connectTls(node, certificate.cert);
    const placement = createPlacement("ketama", written, replicas);
    const store = new NodeStore({
      nodes,
      connect,
      placement,
      keyOf: keysWithPrefix(keyPrefix),
      nowMs: () => performance.now(),
      timeoutMs: 1000,
    });
    opened.push(store);
    return store;
  }

  it("are found by one call, on all three", async () => {
    const ids = writeSessions(100, memcachedIni(...names()));
    assert.deepEqual(textsOf(await getAll(open(), ids)), expectedTexts(ids));
  });

  it("are found in their copies while one node is away or hangs", async () => {
    const store = open(1);
    const replicas = { "memcached.sess_number_of_replicas": 1, "memcached.sess_binary_protocol": 1 };
    const ids = writeSessions(100, { ...memcachedIni(...names()), ...replicas });
    const [first] = running as [TlsMemcached];
    await whilePaused(first.process.pid, async () => {
      assert.deepEqual(textsOf(await getAll(store, ids)), expectedTexts(ids));
    });
    await first.stop();
    assert.deepEqual(textsOf(await getAll(store, ids)), expectedTexts(ids));
    running[0] = await startTlsMemcached(certificate, first);
  });

  it("are told of the other nodes while one is away", async () => {
    const ids = writeSessions(100, memcachedIni(...names()));
    const written = running.map(({ host, plainPort }) => ({ host, port: plainPort, weight: 1 }));
    const placement = createPlacement("ketama", written, 0);
    const isLost = (id: string) => placement(id, id)[0] === 2;
    const third = running[2] as TlsMemcached;
    await third.stop();
    await tellsOfAPart({
      store: open(),
      found: new Map([...expectedTexts(ids)].filter(([id]) => !isLost(id))),
      lost: ids.filter(isLost),
      fault: "store-unreachable",
    });
    running[2] = await startTlsMemcached(certificate, third);
  });
});

describe("the certificate of a memcached node", () => {
  const { it, before, after } = needing("memcached", "openssl");
  let certificate: Certificate;
  let memcached: TlsMemcached;

  before(async () => {
    certificate = makeCertificate(temporaryDirectory());
    memcached = await startTlsMemcached(certificate);
  });
  after(() => memcached.stop());

  const untrusted = { name: "StoreError", fault: "store-untrusted" };

  it("must be of an authority that is trusted, whatever the environment says", async () => {
    const node = { host: "localhost", port: memcached.port };
    await assert.rejects(openStore(node).getData(someId), untrusted);
    const other = makeCertificate(temporaryDirectory()).cert;
    await assert.rejects(openStore(node, other).getData(someId), untrusted);
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      await assert.rejects(getAll(openStore(node, other), [someId, `${someId}2`]), untrusted);
    } finally {
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    }
    assert.equal(await openStore(node, certificate.cert).getData(someId), null);
  });

  it("must be for the node's name or address", async () => {
    const elsewhere = makeCertificate(temporaryDirectory(), "elsewhere.example.org");
    const node = await startTlsMemcached(elsewhere);
    for (const host of ["localhost", "127.0.0.1"]) {
      const store = openStore({ host, port: node.port }, elsewhere.cert);
      await assert.rejects(store.getData(someId), untrusted, host);
    }
    await node.stop();
    for (const host of ["localhost", "127.0.0.1"]) {
      const store = openStore({ host, port: memcached.port }, certificate.cert);
      assert.equal(await store.getData(someId), null, host);
    }
  });

  it("is verified before a key leaves", async () => {
    const { cert, key } = makeCertificate(temporaryDirectory());
    let received = 0;
    const server = createServer({ cert, key }, (socket) => {
      socket
        .on("error", () => {})
        .on("data", (chunk) => {
          received += chunk.length;
        });
    });
    server.on("tlsClientError", () => {});
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
    });
    await assert.rejects(openStore({ host: "localhost", port }).getData(someId), untrusted);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(received, 0);
    // The same server hears the key where its certificate is trusted.
    await assert.rejects(openStore({ host: "localhost", port }, cert, 200).getData(someId));
    assert.ok(received > 0);
    server.close();
  });

  it("is missed, and nothing hangs, where only one side has TLS", async () => {
    const plain = await startMemcached();
    const byTls = openStore({ host: "127.0.0.1", port: plain.port }, certificate.cert);
    await assert.rejects(byTls.getData(someId), { name: "StoreError" });
    await plain.stop();
    const nodes = [{ host: "127.0.0.1", port: memcached.port, weight: 1 }];
    const options = {
      nodes,
      connect: connectPlain,
      placement: () => [0],
      keyOf: keysWithPrefix(keyPrefix),
      nowMs: () => performance.now(),
      timeoutMs: 1000,
    };
    const withoutTls = new NodeStore(options);
    opened.push(withoutTls);
    await assert.rejects(withoutTls.getData(someId), { name: "StoreError" });
  });
});

describe("the memcached store by TLS with a node that misbehaves", () => {
  const { it, before, afterEach: afterEachOfThese } = needing("openssl");
  let certificate: Certificate;
  before(() => {
    certificate = makeCertificate(temporaryDirectory());
  });

  const keyOf = (request: Buffer) => request.toString().slice("get ".length, -2);
  const answer = (name: string, value: string) =>
    Buffer.from(`VALUE ${name} 0 ${value.length}\r\n${value}\r\nEND\r\n`);

  itSettlesWithAnyServer(
    { it, afterEach: afterEachOfThese },
    {
      open: (port, timeoutMs, host = "localhost") => openStore({ host, port }, certificate.cert, timeoutMs),
      accept(connection: Socket) {
        const { cert, key } = certificate;
        return new TLSSocket(connection, { isServer: true, cert, key });
      },
      requestsOf: (chunk) => (chunk.toString().match(/get [^\r]+\r\n/g) ?? []).map((get) => Buffer.from(get)),
      answer: (request, value) => answer(keyOf(request), value),
      answerToAnother: () => answer("another", "user|N;"),
      error: () => Buffer.from("SERVER_ERROR out of memory reading request\r\n"),
      errorDetail: "SERVER_ERROR",
      foreign: {
        ...foreignBanners,
        Redis: Buffer.from("-ERR unknown command\r\n"),
        "memcached's binary protocol": Buffer.concat([Buffer.alloc(100, 0x81), Buffer.from("\n")]),
      },
    },
  );
});
