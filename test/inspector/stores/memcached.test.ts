import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { after, afterEach, before, describe, it } from "node:test";
import { freePort } from "../../../infra/local/ports.ts";
import { createPlacement } from "../../../inspector/placement.ts";
import { MemcachedStore } from "../../../inspector/stores/memcached.ts";
import { type Memcached, startMemcached } from "../../real/memcached.ts";
import { missing } from "../../real/parts.ts";
import { whilePaused } from "../../real/pause.ts";
import { memcachedIni, writeSession } from "../../real/php.ts";
import { itReadsWhatPhpWrote } from "./conformance.ts";

const keyPrefix = "memc.sess.key.";
const someId = "nobody0has0this0session0id";

function openStore(port: number, timeoutMs = 1000): MemcachedStore {
  const nodes = [{ host: "127.0.0.1", port, weight: 1 }];
  return new MemcachedStore({ nodes, placement: createPlacement("ketama", nodes, 0), keyPrefix, timeoutMs });
}

describe("the memcached store with real PHP", { skip: missing("php", "memcached") }, () => {
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

  itReadsWhatPhpWrote(() => ({ store, ini: ini() }));

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
      const calls = await Promise.allSettled([opened.getData(someId), opened.getData(someId)]);
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
});
