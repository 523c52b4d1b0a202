import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, it } from "node:test";
import { freePort } from "../../../infra/local/ports.ts";
import { createPlacement } from "../../../inspector/placement.ts";
import { MemcachedStore } from "../../../inspector/stores/memcached.ts";
import { type Memcached, startMemcached } from "../../real/memcached.ts";
import { needing } from "../../real/parts.ts";
import { whilePaused } from "../../real/pause.ts";
import { memcachedIni, writeSession, writeSessions } from "../../real/php.ts";
import { expectedTexts, itReadsWhatPhpWrote, textsOf } from "./conformance.ts";

const keyPrefix = "memc.sess.key.";
const someId = "nobody0has0this0session0id";

function openStore(port: number, timeoutMs = 1000): MemcachedStore {
  const nodes = [{ host: "127.0.0.1", port, weight: 1 }];
  return new MemcachedStore({ nodes, placement: createPlacement("ketama", nodes, 0), keyPrefix, timeoutMs });
}

describe("the memcached store with real PHP", () => {
  const { it, before, after } = needing("php", "memcached");
  let memcached: Memcached;
  let store: MemcachedStore;

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

  it("gives null for a session whose lifetime has passed", async () => {
    const id = writeSession({ user: "alice" }, { ...ini(), "session.gc_maxlifetime": 1 });
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    assert.equal(await store.getData(id), null);
  });

  it("is unreachable while the node is away, and finds the next session once it is back", async () => {
    await memcached.stop();
    await assert.rejects(store.getData(someId), { name: "StoreError", fault: "store-unreachable" });
    memcached = await startMemcached(memcached.port);
    const id = writeSession({ user: "alice" }, ini());
    assert.notEqual(await store.getData(id), null);
  });

  it("finds the session at the first call after the node was restarted in between", async () => {
    assert.equal(await store.getData(someId), null);
    await memcached.stop();
    memcached = await startMemcached(memcached.port);
    const id = writeSession({ user: "alice" }, ini());
    assert.notEqual(await store.getData(id), null);
  });

  it("times out while the node hangs, and finds the session once it goes on", async () => {
    const id = writeSession({ user: "alice" }, ini());
    assert.notEqual(await store.getData(id), null);
    await whilePaused(memcached.process.pid, async () => {
      const startedMs = performance.now();
      const calls = await Promise.allSettled([store.getData(id), store.getData(id), store.getData(someId)]);
      const tookMs = performance.now() - startedMs;
      assert.deepEqual(
        calls.map(({ status }) => status),
        ["rejected", "rejected", "rejected"],
      );
      assert.ok(tookMs < 2_500, `${tookMs} ms for a limit of 1000 ms`);
    });
    assert.notEqual(await store.getData(id), null);
  });
});

describe("many sessions on three memcached nodes", () => {
  const { it, before, after, afterEach } = needing("php", "memcached");
  let running: Memcached[] = [];
  const stores: MemcachedStore[] = [];

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
    const store = new MemcachedStore({ nodes, placement, keyPrefix, timeoutMs });
    stores.push(store);
    const holder = (id: string) => placement(id, keyPrefix + id)[0];
    return { store, holder };
  }

  async function refuses(call: Promise<unknown>, fault: string): Promise<void> {
    const startedMs = performance.now();
    await assert.rejects(call, { name: "StoreError", fault });
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs < 1_500, `${tookMs} ms for a limit of 1000 ms`);
  }

  it("are found by one call, on all three", async () => {
    const { store, holder } = open();
    const ids = writeSessions(100, memcachedIni(...names()));
    assert.deepEqual(new Set(ids.map(holder)), new Set([0, 1, 2]));
    assert.deepEqual(textsOf(await store.getMany(ids)), expectedTexts(ids));
  });

  it("are none of them told while one node is away or hangs, but those of the other nodes are", async () => {
    const { store, holder } = open();
    const ids = writeSessions(100, memcachedIni(...names()));
    const elsewhere = ids.filter((id) => holder(id) !== 1);
    const [, second] = running as [Memcached, Memcached, Memcached];
    await whilePaused(second.process.pid, async () => {
      await refuses(store.getMany(ids), "store-timeout");
      assert.equal((await store.getMany(elsewhere)).size, elsewhere.length);
    });
    assert.deepEqual(textsOf(await store.getMany(ids)), expectedTexts(ids));
    await second.stop();
    await refuses(store.getMany(ids), "store-unreachable");
    const found = textsOf(await store.getMany(elsewhere));
    for (const id of elsewhere) assert.equal(found.get(id), `i|i:${ids.indexOf(id)};`);
    running[1] = await startMemcached(second.port);
    assert.equal(textsOf(await store.getMany(ids)).get(elsewhere[0] ?? ""), found.get(elsewhere[0] ?? ""));
  });

  it("are found in their copies while one node is away or hangs", async () => {
    const { store } = open(1);
    const replicas = { "memcached.sess_number_of_replicas": 1, "memcached.sess_binary_protocol": 1 };
    const ids = writeSessions(100, { ...memcachedIni(...names()), ...replicas });
    const [first] = running as [Memcached, Memcached, Memcached];
    await whilePaused(first.process.pid, async () => {
      assert.deepEqual(textsOf(await store.getMany(ids)), expectedTexts(ids));
    });
    await first.stop();
    assert.deepEqual(textsOf(await store.getMany(ids)), expectedTexts(ids));
    running[0] = await startMemcached(first.port);
  });
});

describe("the memcached store with a node that misbehaves", () => {
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let store: MemcachedStore | undefined;

  /** A stand-in for a broken node: does with each connection as told. */
  async function openWith(onConnection: (socket: Socket, count: number) => void): Promise<MemcachedStore> {
    const port = await freePort();
    let count = 0;
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      onConnection(socket, ++count);
    });
    await new Promise<void>((resolve) => server?.listen(port, "127.0.0.1", resolve));
    store = openStore(port, 400);
    return store;
  }

  afterEach(async () => {
    store?.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server?.close(resolve));
  });

  /** A whole answer of the binary protocol: the value for the request's opaque. */
  function answer(request: Buffer, value: string): Buffer {
    const header = Buffer.alloc(28);
    header[0] = 0x81;
    header.writeUInt8(4, 4);
    header.writeUInt32BE(4 + value.length, 8);
    request.copy(header, 12, 12, 16);
    return Buffer.concat([header, Buffer.from(value)]);
  }

  /** The requests that a chunk holds: gets, so a header of 24 bytes and a key. */
  function requestsOf(chunk: Buffer): Buffer[] {
    const requests: Buffer[] = [];
    for (let at = 0; at < chunk.length; at += 24 + chunk.readUInt32BE(at + 8)) {
      requests.push(chunk.subarray(at, at + 24 + chunk.readUInt32BE(at + 8)));
    }
    return requests;
  }

  const misdeeds: Record<string, (socket: Socket) => void> = {
    "closes each connection at once": (socket) => socket.end(),
    "resets each connection": (socket) => socket.resetAndDestroy(),
    "closes when it is asked": (socket) => socket.on("data", () => socket.end()),
    "never answers": (socket) => socket.resume(),
    "answers garbage": (socket) => socket.on("data", () => socket.write("ERROR\r\n".repeat(20))),
    "answers half and stalls": (socket) =>
      socket.on("data", (request) => socket.write(answer(request as Buffer, "user|N;").subarray(0, 30))),
    "answers half and closes": (socket) =>
      socket.on("data", (request) => socket.end(answer(request as Buffer, "user|N;").subarray(0, 30))),
    "answers another question": (socket) =>
      socket.on("data", () => socket.write(answer(Buffer.alloc(24, 9), "user|N;"))),
    "answers with an error": (socket) =>
      socket.on("data", (request) => {
        const error = answer(request as Buffer, "");
        error.writeUInt16BE(0x85, 6);
        socket.write(error);
      }),
  };

  for (const [name, misdeed] of Object.entries(misdeeds)) {
    it(`settles in time when it ${name}, and the next call works`, async () => {
      let isBroken = true;
      const opened = await openWith((socket) => {
        if (isBroken) return misdeed(socket);
        socket.on("data", (request) => socket.write(answer(request as Buffer, "user|N;")));
        return undefined;
      });
      const startedMs = performance.now();
      const many = opened.getMany([someId, `${someId}2`]);
      const calls = await Promise.allSettled([opened.getData(someId), opened.getData(someId), many]);
      const tookMs = performance.now() - startedMs;
      assert.ok(tookMs < 1_500, `${tookMs} ms for a limit of 400 ms`);
      for (const call of calls) {
        assert.equal(call.status, "rejected");
        assert.equal(call.reason.name, "StoreError");
        assert.ok(!String(call.reason.stack).includes(someId));
      }
      isBroken = false;
      assert.equal(String((await opened.getData(someId))?.bytes), "user|N;");
    });
  }

  it("loses no call to a connection that died while nobody used it", async () => {
    const opened = await openWith((socket) => {
      socket.on("data", (request) => {
        socket.write(answer(request as Buffer, "user|N;"), () =>
          setTimeout(() => socket.resetAndDestroy(), 5),
        );
      });
    });
    for (let i = 0; i < 20; i++) {
      assert.equal(String((await opened.getData(someId))?.bytes), "user|N;");
      await new Promise((resolve) => setTimeout(resolve, i % 12));
    }
  });

  for (const isConnected of [false, true]) {
    const when = isConnected ? "that is connected" : "at the first call";
    it(`is asked for a hundred sessions in one write, ${when}`, async () => {
      const chunks: number[] = [];
      const opened = await openWith((socket) => {
        socket.on("data", (chunk) => {
          const requests = requestsOf(chunk as Buffer);
          chunks.push(requests.length);
          socket.write(Buffer.concat(requests.map((request) => answer(request, "user|N;"))));
        });
      });
      if (isConnected) await opened.getData(someId);
      chunks.splice(0);
      const ids = Array.from({ length: 100 }, (_, i) => `${someId}${i}`);
      assert.equal((await opened.getMany([...ids, ...ids])).size, 100);
      assert.deepEqual(chunks, [100]);
    });
  }

  it("tells of no session when it answers all gets but one", async () => {
    const opened = await openWith((socket) => {
      socket.on("data", (chunk) => {
        const requests = requestsOf(chunk as Buffer).filter((request) => !request.toString().endsWith("id7"));
        socket.write(Buffer.concat(requests.map((request) => answer(request, "user|N;"))));
      });
    });
    const ids = Array.from({ length: 10 }, (_, i) => `${someId}${i}`);
    await assert.rejects(opened.getMany(ids), { name: "StoreError", fault: "store-timeout" });
    assert.equal((await opened.getMany(ids.slice(0, 5))).size, 5);
  });
});
