import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { ketamaPlacement, oneAtATime } from "../../inspector/placement.ts";
import { MemcachedStore } from "../../inspector/stores/memcached.ts";
import { type Memcached, startMemcached } from "../real/memcached.ts";
import { missing } from "../real/parts.ts";
import { memcachedIni, runPhp } from "../real/php.ts";

describe("the placement of sessions on nodes", () => {
  it("hashes as Jenkins' one-at-a-time does", () => {
    // The function's own published values, and the hash of no bytes.
    assert.equal(oneAtATime("a"), 0xca2e9442);
    assert.equal(oneAtATime("The quick brown fox jumps over the lazy dog"), 0x519e91f5);
    assert.equal(oneAtATime(""), 0);
  });

  it("puts every session on the only node", () => {
    assert.equal(ketamaPlacement([{ host: "a", port: 1 }])("anything"), 0);
  });

  it("depends on the nodes' names as they are written", () => {
    const ids = Array.from({ length: 200 }, (_, i) => `session${i}`);
    const named = (...hosts: string[]) =>
      ids.map(ketamaPlacement(hosts.map((host) => ({ host, port: 11212 }))));
    assert.notDeepEqual(named("cache1", "cache2"), named("CACHE1", "cache2"));
    assert.deepEqual(
      named("cache1", "cache2"),
      named("cache2", "cache1").map((index) => 1 - index),
    );
  });
});

describe("the placement of real PHP's sessions", { skip: missing("php", "memcached") }, () => {
  const sessions = 1000;
  let nodes: Memcached[] = [];

  afterEach(() => Promise.all(nodes.map((node) => node.stop())));

  async function findAll(): Promise<void> {
    const ini = memcachedIni(...nodes.map(({ host, port }) => `${host}:${port}`));
    const code =
      `for ($i = 0; $i < ${sessions}; $i++) { session_id(session_create_id()); session_start(); ` +
      `$_SESSION = ["i" => $i]; echo session_id(), "\\n"; session_write_close(); }`;
    const ids = runPhp(code, ini).toString().trim().split("\n");
    assert.equal(new Set(ids).size, sessions);
    const store = new MemcachedStore({ nodes, keyPrefix: "memc.sess.key.", timeoutMs: 2000 });
    try {
      for (const [i, id] of ids.entries()) {
        assert.equal(String(await store.getData(id)), `i|i:${i};`);
      }
    } finally {
      store.close();
    }
  }

  for (const count of [2, 3, 7]) {
    it(`is known for ${sessions} sessions on ${count} nodes: each is found at the first node asked`, async () => {
      nodes = await Promise.all(Array.from({ length: count }, () => startMemcached()));
      await findAll();
    });
  }

  it("is known on nodes of memcached's own port, which is left out of their labels", async () => {
    const hosts = ["127.0.10.1", "127.0.10.2", "127.0.10.3"];
    nodes = await Promise.all(hosts.map((host) => startMemcached(11211, host)));
    await findAll();
  });
});
