import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { connectPlain } from "../../../stores/memcached/plain.ts";
import { NodeStore } from "../../../stores/nodes.ts";
import { createPlacement } from "../../../stores/placement/placement.ts";
import { type Memcached, startMemcached } from "../../real/memcached.ts";
import { needing } from "../../real/parts.ts";
import { whilePaused } from "../../real/pause.ts";
import { memcachedIni, writeSessions } from "../../real/php.ts";
import {
  expectedTexts,
  itOutlivesItsServer,
  itReadsWhatPhpWrote,
  itSettlesWithAnyServer,
  textsOf,
} from "../conformance.ts";

const keyPrefix = "memc.sess.key.";

function openStore(port: number, timeoutMs = 1000): NodeStore {
  const nodes = [{ host: "127.0.0.1", port, weight: 1 }];
  return new NodeStore({
    nodes,
    connect: connectPlain,
    placement: createPlacement("ketama", nodes, 0),
    keyPrefix,
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
    const store = new NodeStore({ nodes, connect: connectPlain, placement, keyPrefix, timeoutMs });
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
      open: (port) => openStore(port, 400),
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
        const error = answer(request, "");
        error.writeUInt16BE(0x85, 6);
        return error;
      },
      garbage: Buffer.from("ERROR\r\n".repeat(20)),
    },
  );
});
