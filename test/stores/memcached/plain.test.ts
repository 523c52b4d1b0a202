import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, describe, it } from "node:test";
import { maxSessionBytes } from "../../../inspector/session/limits.ts";
import { connectPlain } from "../../../stores/memcached/plain.ts";
import { NodeStore } from "../../../stores/nodes.ts";
import { createPlacement } from "../../../stores/placement/placement.ts";
import { keysWithPrefix } from "../../../stores/session-key.ts";
import { type Memcached, startMemcached } from "../../real/memcached.ts";
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

function openStore(port: number, timeoutMs = 1000, host = "127.0.0.1"): NodeStore {
  const nodes = [{ host, port, weight: 1 }];
  return new NodeStore({
    nodes,
    connect: connectPlain,
    placement: createPlacement("ketama", nodes, 0),
    keyOf: keysWithPrefix(keyPrefix),
    nowMs: () => performance.now(),
    timeoutMs,
  });
}

describe("the memcached store with real PHP", () => {
  const { it, before, after } = needing("php", "memcached");
  let memcached: Memcached;
  let store: NodeStore;

  before(async () => {
    memcached = await startMemcached();
    store = openStore(memcached.port);
  });
  after(async () => {
    store.close();
    await memcached.stop();
  });

  const ini = () => memcachedIni(`127.0.0.1:${memcached.port}`);

  itReadsWhatPhpWrote(it, () => ({ store, ini: ini() }));
  itOutlivesItsServer(it, () => ({
    store,
    ini: ini(),
    pid: memcached.process.pid,
    stopServer: () => memcached.stop(),
    async startServer() {
      memcached = await startMemcached(memcached.port);
    },
  }));
});

describe("the memcached store with real memcached and PHP's largest sessions", () => {
  const { it, before, after } = needing("php", "memcached");
  let memcached: Memcached;
  before(async () => {
    memcached = await startMemcached();
  });
  after(() => memcached.stop());

  it("reads no more of a huge session than the decoder needs to refuse it", async () => {
    const ini = memcachedIni(`127.0.0.1:${memcached.port}`);
    const code = "session_start(); $_SESSION['x'] = str_repeat('x', 900000); echo session_id();";
    const huge = runPhp(code, ini).toString();
    const small = writeSession({ user: "alice" }, ini);
    const store = openStore(memcached.port);
    const found = await getAll(store, [huge, small]);
    assert.equal(found.get(huge)?.bytes.length, maxSessionBytes + 1);
    assert.equal(textsOf(found).get(small), 'user|s:5:"alice";');
    store.close();
  });
});

describe("the memcached store with a node at its limit of connections", () => {
  const { it } = needing("memcached");

  it("hears so at once", async () => {
    const memcached = await startMemcached(undefined, undefined, ["-c", "64"]);
    // memcached keeps some for itself: it says so to the first that is one too many, and closes that one.
    const sockets: Socket[] = [];
    const isFull = new Promise<void>((resolve) => {
      const open = () => {
        const socket = connect(memcached.port, "127.0.0.1", () => {
          if (sockets.length < 100) open();
        });
        sockets.push(socket.once("data", () => resolve()).on("error", () => {}));
      };
      open();
    });
    await isFull;
    const store = openStore(memcached.port, 60_000);
    await assert.rejects(store.getData(someId), {
      name: "StoreError",
      fault: "store-unreachable",
      detail: "too-many-connections",
    });
    store.close();
    for (const socket of sockets) socket.destroy();
    await memcached.stop();
  });

  it("is unreachable at once where it says so and closes the connection", async () => {
    const banner = readFileSync(
      new URL("../../fixtures/wire/memcached-at-connection-limit.bin", import.meta.url),
    );
    const server = createServer((socket) =>
      socket
        .on("error", () => {})
        .resume()
        .end(banner),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const store = openStore((server.address() as AddressInfo).port, 60_000);
    await assert.rejects(store.getData(someId), { name: "StoreError", fault: "store-unreachable" });
    store.close();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("the memcached store with a node that sends a value without end", () => {
  it("ends the connection, and keeps none of it", async () => {
    let ended = 0;
    const server = createServer((socket) => {
      const chunk = Buffer.alloc(1 << 20);
      const send = () => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on("error", () => {}).on("drain", send);
      socket.on("close", () => {
        ended++;
      });
      socket.on("data", (request) => {
        const header = Buffer.alloc(28);
        header[0] = 0x81;
        header.writeUInt8(4, 4);
        header.writeUInt32BE(200 << 20, 8);
        request.copy(header, 12, 12, 16);
        socket.write(header);
        send();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const store = openStore((server.address() as AddressInfo).port, 60_000);
    const tooLong = { name: "StoreError", fault: "store-unreachable", detail: "value-too-long" };
    await assert.rejects(store.getData(someId), tooLong);
    // On each of two tries.
    while (ended < 2) await new Promise((resolve) => setTimeout(resolve, 2));
    await new Promise((resolve) => server.close(resolve));
    store.close();
  });
});

describe("many sessions on three memcached nodes", () => {
  const { it, before, after, afterEach } = needing("php", "memcached");
  let running: Memcached[] = [];
  const stores: NodeStore[] = [];

  before(async () => {
    running = await Promise.all([startMemcached(), startMemcached(), startMemcached()]);
  });
  after(() => Promise.all(running.map((node) => node.stop())));
  afterEach(() => {
    for (const store of stores.splice(0)) store.close();
  });

  const names = () => running.map(({ host, port }) => `${host}:${port}`);

  function open(replicas = 0, timeoutMs = 1000) {
    const nodes = running.map(({ host, port }) => ({ host, port, weight: 1 }));
    const placement = createPlacement("ketama", nodes, replicas);
    const store = new NodeStore({
      nodes,
      connect: connectPlain,
      placement,
      keyOf: keysWithPrefix(keyPrefix),
      nowMs: () => performance.now(),
      timeoutMs,
    });
    stores.push(store);
    const holder = (id: string) => placement(id, keyPrefix + id)[0];
    return { store, holder };
  }

  async function refuses(call: Promise<unknown>, fault: string): Promise<void> {
    await assert.rejects(call, { name: "StoreError", fault });
  }

  it("are found by one call, on all three", async () => {
    const { store, holder } = open();
    const ids = writeSessions(100, memcachedIni(...names()));
    assert.deepEqual(new Set(ids.map(holder)), new Set([0, 1, 2]));
    assert.deepEqual(textsOf(await getAll(store, ids)), expectedTexts(ids));
  });

  it("are told of the other nodes while one is away or hangs", async () => {
    const { store, holder } = open();
    const ids = writeSessions(100, memcachedIni(...names()));
    const elsewhere = ids.filter((id) => holder(id) !== 1);
    const [, second] = running as [Memcached, Memcached, Memcached];
    await whilePaused(second.process.pid, async () => {
      await refuses(getAll(store, ids), "store-timeout");
      assert.equal((await getAll(store, elsewhere)).size, elsewhere.length);
    });
    assert.deepEqual(textsOf(await getAll(store, ids)), expectedTexts(ids));
    await second.stop();
    await refuses(getAll(store, ids), "store-unreachable");
    const found = textsOf(await getAll(store, elsewhere));
    for (const id of elsewhere) assert.equal(found.get(id), `i|i:${ids.indexOf(id)};`);
    await tellsOfAPart({
      store,
      found: new Map(
        [...found, [someId, null]].filter(([id]) => holder(id ?? "") !== 1) as [string, string][],
      ),
      lost: ids.filter((id) => holder(id) === 1),
      fault: "store-unreachable",
    });
    running[1] = await startMemcached(second.port);
    assert.equal(textsOf(await getAll(store, ids)).get(elsewhere[0] ?? ""), found.get(elsewhere[0] ?? ""));
  });

  it("are found in their copies while one node is away or hangs", async () => {
    const { store } = open(1);
    const replicas = { "memcached.sess_number_of_replicas": 1, "memcached.sess_binary_protocol": 1 };
    const ids = writeSessions(100, { ...memcachedIni(...names()), ...replicas });
    const [first] = running as [Memcached, Memcached, Memcached];
    await whilePaused(first.process.pid, async () => {
      assert.deepEqual(textsOf(await getAll(store, ids)), expectedTexts(ids));
    });
    await first.stop();
    assert.deepEqual(textsOf(await getAll(store, ids)), expectedTexts(ids));
    running[0] = await startMemcached(first.port);
  });
});

describe("the memcached store with a node that misbehaves", () => {
  /** A whole answer of the binary protocol: the value for the request's opaque. */
  function answer(request: Buffer, value: string): Buffer {
    const header = Buffer.alloc(28);
    header[0] = 0x81;
    header.writeUInt8(4, 4);
    header.writeUInt32BE(4 + value.length, 8);
    request.copy(header, 12, 12, 16);
    return Buffer.concat([header, Buffer.from(value)]);
  }

  itSettlesWithAnyServer(
    { it, afterEach },
    {
      open: (port, timeoutMs, host) => openStore(port, timeoutMs, host),
      accept: (connection) => connection,
      /** Gets, so a header of 24 bytes and a key each. */
      requestsOf(chunk) {
        const requests: Buffer[] = [];
        for (let at = 0; at < chunk.length; at += 24 + chunk.readUInt32BE(at + 8)) {
          requests.push(chunk.subarray(at, at + 24 + chunk.readUInt32BE(at + 8)));
        }
        return requests;
      },
      answer,
      answerToAnother: () => answer(Buffer.alloc(24, 9), "user|N;"),
      error(request) {
        const error = Buffer.concat([request.subarray(0, 24), Buffer.from("Busy")]);
        error.writeUInt8(0x81, 0);
        error.writeUInt16BE(0, 2);
        error.writeUInt16BE(0x85, 6);
        error.writeUInt32BE(4, 8);
        return error;
      },
      errorDetail: "busy",
      foreign: {
        ...foreignBanners,
        Redis: Buffer.from("-ERR unknown command\r\n"),
        "memcached's text protocol": Buffer.from("ERROR\r\n"),
      },
    },
  );
});
