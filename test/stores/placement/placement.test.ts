import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { placementModes } from "../../../inspector/placement-modes.ts";
import { createPlacement } from "../../../stores/placement/placement.ts";

const ids = Array.from({ length: 200 }, (_, i) => `session0of0the0test00000${i}`);

/** Nodes of one port, each host or host:weight. */
function nodesOf(...written: readonly string[]) {
  return written.map((text) => {
    const [host = "", weight = "1"] = text.split(":");
    return { host, port: 11212, weight: Number(weight) };
  });
}

describe("the placement of sessions on nodes", () => {
  for (const mode of placementModes) {
    describe(mode, () => {
      const place = (nodes: ReturnType<typeof nodesOf>, replicas = 0) => {
        const placement = createPlacement(mode, nodes, replicas);
        return ids.map((id) => placement(id, `prefix.${id}`));
      };

      it("puts every session on the only node, whatever its weight, and no copy beside it", () => {
        for (const nodes of [nodesOf("a"), nodesOf("a:7")]) {
          assert.ok(place(nodes, 3).every((found) => found.length === 1 && found[0] === 0));
        }
      });

      it("uses every node, and gives each copy a node of its own", () => {
        const nodes = nodesOf("a", "b", "c", "d");
        const found = place(nodes, 2);
        assert.deepEqual(new Set(found.map(([first]) => first)), new Set([0, 1, 2, 3]));
        for (const copies of found) {
          assert.equal(copies.length, 3);
          assert.equal(new Set(copies).size, 3);
        }
      });

      it("asks the same first node with copies as without", () => {
        const nodes = nodesOf("a", "b", "c");
        assert.deepEqual(
          place(nodes, 2).map(([first]) => [first]),
          place(nodes),
        );
      });

      it("has no more copies than nodes", () => {
        assert.ok(place(nodesOf("a", "b"), 9).every((found) => found.length === 2));
      });
    });
  }

  it("depends on the nodes' names as they are written", () => {
    for (const mode of ["ketama", "ketama-weighted", "pecl-consistent", "pecl-consistent-fnv"] as const) {
      const named = (...hosts: string[]) => {
        const placement = createPlacement(mode, nodesOf(...hosts), 0);
        return ids.map((id) => placement(id, id)[0] ?? -1);
      };
      assert.notDeepEqual(named("cache1", "cache2"), named("CACHE1", "cache2"), mode);
      assert.deepEqual(
        named("cache1", "cache2"),
        named("cache2", "cache1").map((index) => 1 - index),
        mode,
      );
    }
  });

  it("gives a node with a weight its share, where the placement knows weights", () => {
    for (const mode of placementModes) {
      const placement = createPlacement(mode, nodesOf("a", "b:9"), 0);
      const onHeavy = ids.filter((id) => placement(id, id)[0] === 1).length / ids.length;
      if (["ketama", "modula", "client-modula"].includes(mode))
        assert.ok(onHeavy < 0.75, `${mode} ${onHeavy}`);
      else assert.ok(onHeavy > 0.75, `${mode} ${onHeavy}`);
    }
  });

  it("hashes the session id alone for ext-memcached's save handler, and the whole key for all others", () => {
    for (const mode of placementModes) {
      const placement = createPlacement(mode, nodesOf("a", "b", "c"), 0);
      const differs = ids.some((id) => placement(id, id)[0] !== placement(id, `prefix.${id}`)[0]);
      assert.equal(differs, mode.includes("-") && mode !== "ketama-weighted", mode);
    }
  });

  it("gives up on pecl-memcache's second copy where it would take too long to find", () => {
    const placement = createPlacement("pecl-standard", nodesOf("a", "b:10000"), 1);
    assert.ok(ids.map((id) => placement(id, id).length).includes(1));
  });
});
