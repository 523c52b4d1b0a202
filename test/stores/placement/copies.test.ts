import assert from "node:assert/strict";
import { describe } from "node:test";
import type { PlacementMode } from "../../../inspector/placement-modes.ts";
import { connectPlain } from "../../../stores/memcached/plain.ts";
import { NodeStore } from "../../../stores/nodes.ts";
import { createPlacement } from "../../../stores/placement/placement.ts";
import { keysWithPrefix } from "../../../stores/session-key.ts";
import { type Memcached, startMemcached } from "../../real/memcached.ts";
import { needing } from "../../real/parts.ts";
import { type Ini, memcachedIni, peclIni, runPhp, writeSession } from "../../real/php.ts";

interface Handler {
  readonly mode: PlacementMode;
  readonly keyPrefix: string;
  readonly iniOf: (nodes: readonly string[], replicas: number) => Ini;
  /** Whether PHP, too, takes for lost what the first node has lost: pecl-memcache does so up to 8.0 only. */
  readonly agreesOnLoss: boolean;
}

const handlers: Readonly<Record<string, Handler>> = {
  "ext-memcached's replicas": {
    mode: "ketama",
    keyPrefix: "memc.sess.key.",
    // A session's lock has no copy: without its node PHP starts no session, wherever the session itself lies.
    iniOf: (nodes, replicas) => ({
      ...memcachedIni(...nodes),
      "memcached.sess_number_of_replicas": replicas,
      "memcached.sess_locking": 0,
    }),
    agreesOnLoss: true,
  },
  "pecl-memcache's redundant copies": {
    mode: "pecl-consistent",
    keyPrefix: "",
    iniOf: (nodes, replicas) => ({ ...peclIni(...nodes), "memcache.session_redundancy": 1 + replicas }),
    agreesOnLoss: false,
  },
};

const timeoutMs = 1000;
const alice = 'user|s:5:"alice";';

/** Ends the node as a lost machine does, without a word to anybody. */
async function kill(node: Memcached | undefined): Promise<void> {
  node?.process.child.kill("SIGKILL");
  await node?.stop();
}

for (const [name, { mode, keyPrefix, iniOf, agreesOnLoss }] of Object.entries(handlers)) {
  describe(name, () => {
    const { it, before, after } = needing("php", "memcached");
    let nodes: Memcached[] = [];
    before(async () => {
      nodes = await Promise.all(Array.from({ length: 3 }, () => startMemcached()));
    });
    after(() => Promise.all(nodes.map((node) => node.stop())));

    const weighted = () => nodes.map(({ host, port }) => ({ host, port, weight: 1 }));
    const iniWith = (replicas: number) =>
      iniOf(
        nodes.map(({ host, port }) => `${host}:${port}`),
        replicas,
      );
    const openStore = (replicas: number, limitMs = timeoutMs) => {
      const placement = createPlacement(mode, weighted(), replicas);
      return new NodeStore({
        nodes: weighted(),
        connect: connectPlain,
        placement,
        keyOf: keysWithPrefix(keyPrefix),
        nowMs: () => performance.now(),
        timeoutMs: limitMs,
      });
    };

    /** Has PHP write a session whose first node is this one. */
    function writeSessionOn(node: number, replicas: number): string {
      const placement = createPlacement(mode, weighted(), replicas);
      for (;;) {
        const id = writeSession({ user: "alice" }, iniWith(replicas));
        if (placement(id, keyPrefix + id)[0] === node) return id;
      }
    }

    /** What PHP itself says of the session. */
    function userOf(id: string, replicas: number): string {
      const code =
        "session_id(stream_get_contents(STDIN)); session_start(['read_and_close' => true]); " +
        "echo $_SESSION['user'] ?? 'nobody';";
      return runPhp(code, iniWith(replicas), id).toString();
    }

    /** Looks the session up so often, one after another, and demands that each finds it, in the store's time. */
    async function findAgain(store: NodeStore, id: string, times: number): Promise<void> {
      for (let i = 0; i < times; i++) assert.equal(String((await store.getData(id))?.bytes), alice);
    }

    it("are found while the first node is away, as PHP finds them, and without waiting for it", async () => {
      // To wait for a share of this would take longer than a test may.
      const store = openStore(1, 3_600_000);
      const id = writeSessionOn(0, 1);
      assert.equal(String((await store.getData(id))?.bytes), alice);
      await kill(nodes[0]);
      try {
        await findAgain(store, id, 5);
        const found = await Promise.all([id, id, id].map(async (each) => (await store.getData(each))?.bytes));
        assert.ok(found.every((bytes) => String(bytes) === alice));
        assert.equal(userOf(id, 1), "alice");
      } finally {
        nodes[0] = await startMemcached(nodes[0]?.port);
        store.close();
      }
    });

    it("keep nobody from finding the next session once the first node is back", async () => {
      const store = openStore(1);
      const id = writeSessionOn(0, 1);
      await kill(nodes[0]);
      await findAgain(store, id, 1);
      nodes[0] = await startMemcached(nodes[0]?.port);
      await findAgain(store, writeSessionOn(0, 1), 1);
      store.close();
    });

    it("are not asked for what the first node, back and empty, says it does not have", async () => {
      const store = openStore(1);
      const id = writeSessionOn(0, 1);
      await kill(nodes[0]);
      nodes[0] = await startMemcached(nodes[0]?.port);
      assert.equal(await store.getData(id), null);
      if (agreesOnLoss) assert.equal(userOf(id, 1), "nobody");
      store.close();
    });

    it("are found while the first node hangs, within the one deadline that there is", async () => {
      const store = openStore(1);
      const id = writeSessionOn(0, 1);
      process.kill(nodes[0]?.process.pid ?? 0, "SIGSTOP");
      try {
        await findAgain(store, id, 2);
        const found = await Promise.all([id, id, id].map(async (each) => (await store.getData(each))?.bytes));
        assert.ok(found.every((bytes) => String(bytes) === alice));
      } finally {
        process.kill(nodes[0]?.process.pid ?? 0, "SIGCONT");
      }
      assert.equal(String((await store.getData(id))?.bytes), alice);
      store.close();
    });

    it("are found while two nodes of three hang", async () => {
      const store = openStore(2);
      const id = writeSessionOn(0, 2);
      const [first = 0, second = 0] = createPlacement(mode, weighted(), 2)(id, keyPrefix + id);
      const hung = [first, second].map((index) => nodes[index]?.process.pid ?? 0);
      for (const pid of hung) process.kill(pid, "SIGSTOP");
      try {
        await findAgain(store, id, 1);
      } finally {
        for (const pid of hung) process.kill(pid, "SIGCONT");
      }
      store.close();
    });

    it("leave the store unreachable when all their nodes are away, and in time when all hang", async () => {
      const store = openStore(2);
      for (const node of nodes) process.kill(node.process.pid, "SIGSTOP");
      try {
        const hung = store.getData(`${"x".repeat(25)}2`);
        await assert.rejects(hung, { name: "StoreError", fault: "store-timeout" });
      } finally {
        await Promise.all(nodes.map(kill));
      }
      const away = store.getData(`${"x".repeat(25)}2`);
      await assert.rejects(away, { name: "StoreError", fault: "store-unreachable" });
      store.close();
    });

    it("are not looked for where none are configured", async () => {
      nodes = await Promise.all(nodes.map((node) => startMemcached(node.port)));
      const store = openStore(0);
      const id = writeSessionOn(0, 1);
      await kill(nodes[0]);
      await assert.rejects(store.getData(id), { name: "StoreError", fault: "store-unreachable" });
      store.close();
    });
  });
}
