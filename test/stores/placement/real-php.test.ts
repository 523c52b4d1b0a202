import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { describe } from "node:test";
import type { PlacementMode } from "../../../inspector/placement-modes.ts";
import { connectPlain } from "../../../stores/memcached/plain.ts";
import { NodeStore } from "../../../stores/nodes.ts";
import { createPlacement, type Node, type Placement } from "../../../stores/placement/placement.ts";
import { keysWithPrefix } from "../../../stores/session-key.ts";
import { type Memcached, startMemcached } from "../../real/memcached.ts";
import { needing } from "../../real/parts.ts";
import { type Ini, memcachedIni, peclIni, runPhp, writeSessions } from "../../real/php.ts";

const sessions = 1000;

/** Has PHP write so many sessions to these nodes, `copies` times beyond the first, and gives their ids in order. */
type Write = (nodes: readonly string[], copies: number) => string[];

interface Mode {
  readonly keyPrefix: string;
  readonly write: Write;
}

const idsOf = (code: string, ini: Ini): string[] => runPhp(code, ini).toString().trim().split("\n");

/** Writes with a save handler of PHP's own, whose settings these are. */
function saveHandler(iniOf: (nodes: readonly string[], copies: number) => Ini): Write {
  return (nodes, copies) => writeSessions(sessions, iniOf(nodes, copies));
}

/** Writes the same with a \Memcached client that has these options, as a site's own handler does. */
function client(options: string): Write {
  return (nodes, copies) => {
    const servers = nodes.map((node) => {
      const [, host, port, weight = 0] = /^(\[.+\]|[^:]+):(\d+)(?::(\d+))?$/.exec(node) ?? [];
      return `["${host}", ${port}, ${weight}]`;
    });
    const replicas =
      copies === 0
        ? ""
        : `Memcached::OPT_BINARY_PROTOCOL => true, Memcached::OPT_NUMBER_OF_REPLICAS => ${copies},`;
    const code =
      `$client = new Memcached(); $client->setOptions([${replicas} ${options}]); ` +
      `$client->addServers([${servers.join(", ")}]); ` +
      `for ($i = 0; $i < ${sessions}; $i++) { $id = session_create_id(); ` +
      `$client->set("sf2s" . $id, "i|i:$i;") || exit(1); echo $id, "\\n"; }`;
    return idsOf(code, {});
  };
}

function ext(settings: Ini): Mode {
  const write = saveHandler((nodes, copies) => ({
    ...memcachedIni(...nodes),
    "memcached.sess_number_of_replicas": copies,
    ...settings,
  }));
  return { keyPrefix: "memc.sess.key.", write };
}

function pecl(strategy: string, hash: string): Mode {
  const write = saveHandler((nodes, copies) => ({
    ...peclIni(...nodes),
    "memcache.hash_strategy": strategy,
    "memcache.hash_function": hash,
    "memcache.session_redundancy": 1 + copies,
  }));
  return { keyPrefix: "", write };
}

const modes: Readonly<Record<PlacementMode, Mode>> = {
  ketama: ext({}),
  "ketama-weighted": ext({ "memcached.sess_consistent_hash_type": "ketama_weighted" }),
  modula: ext({ "memcached.sess_consistent_hash": 0 }),
  "pecl-consistent": pecl("consistent", "crc32"),
  "pecl-consistent-fnv": pecl("consistent", "fnv"),
  "pecl-standard": pecl("standard", "crc32"),
  "pecl-standard-fnv": pecl("standard", "fnv"),
  "client-modula": { keyPrefix: "sf2s", write: client("") },
  "client-ketama": {
    keyPrefix: "sf2s",
    write: client("Memcached::OPT_DISTRIBUTION => Memcached::DISTRIBUTION_CONSISTENT"),
  },
  "client-ketama-weighted": {
    keyPrefix: "sf2s",
    write: client("Memcached::OPT_LIBKETAMA_COMPATIBLE => true"),
  },
};

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === "::1"));

describe("the placement of real PHP's sessions", () => {
  const { it, before, after } = needing("php", "memcached");
  /** On ports of their own; on memcached's own port; on IPv6. */
  let running: Memcached[] = [];
  let ofDefaultPort: Memcached[] = [];
  let ofIpv6: Memcached[] = [];

  before(async () => {
    const start = (count: number, one: (i: number) => Promise<Memcached>) =>
      Promise.all(Array.from({ length: count }, (_, i) => one(i + 1)));
    running = await start(7, () => startMemcached());
    ofDefaultPort = await start(3, (i) => startMemcached(11211, `127.0.10.${i}`));
    if (hasIpv6) ofIpv6 = await start(3, () => startMemcached(undefined, "::1"));
  });
  after(() => Promise.all([...running, ...ofDefaultPort, ...ofIpv6].map((node) => node.stop())));

  /** The nodes as an operator writes them, in PHP's list and in SESSION_STORE alike. */
  function written({ host, port, weight }: Node): string {
    const name = host.includes(":") ? `[${host}]` : host;
    return weight === 1 ? `${name}:${port}` : `${name}:${port}:${weight}`;
  }

  function nodesOf(on: readonly Memcached[], weights: readonly number[] = []): readonly Node[] {
    return on.map(({ host, port }, i) => ({ host, port, weight: weights[i] ?? 1 }));
  }

  /** Asks for each session the one node that this placement has for it, and says which of them it found there. */
  async function ask(
    nodes: readonly Node[],
    keyPrefix: string,
    placement: Placement,
    ids: readonly string[],
  ) {
    const store = new NodeStore({
      nodes,
      connect: connectPlain,
      placement,
      keyOf: keysWithPrefix(keyPrefix),
      nowMs: () => performance.now(),
      timeoutMs: 5000,
    });
    try {
      const found = await Promise.all(ids.map((id) => store.getData(id)));
      return found.map((stored, i) => String(stored?.bytes) === `i|i:${i};`);
    } finally {
      store.close();
    }
  }

  async function findAll(name: PlacementMode, nodes: readonly Node[]): Promise<void> {
    const { keyPrefix, write } = modes[name];
    const ids = write(nodes.map(written), 0);
    assert.equal(new Set(ids).size, sessions);
    const found = await ask(nodes, keyPrefix, createPlacement(name, nodes, 0), ids);
    assert.equal(found.filter(Boolean).length, sessions, nodes.map(written).join());
  }

  /** Asks every node for every session: those that have it must be the very nodes that the placement tells. */
  async function findCopies(name: PlacementMode, nodes: readonly Node[], copies: number): Promise<void> {
    const { keyPrefix, write } = modes[name];
    const ids = write(nodes.map(written), copies);
    const holders: number[][] = ids.map(() => []);
    for (const index of nodes.keys()) {
      const found = await ask(nodes, keyPrefix, () => [index], ids);
      for (const [i, isHere] of found.entries()) if (isHere) holders[i]?.push(index);
    }
    const placement = createPlacement(name, nodes, copies);
    const told = ids.map((id) => [...placement(id, keyPrefix + id)].sort());
    assert.deepEqual(holders, told, nodes.map(written).join());
  }

  for (const name of Object.keys(modes) as PlacementMode[]) {
    describe(name, () => {
      for (const count of [2, 3, 4, 7]) {
        it(`finds ${sessions} of ${sessions} sessions at the first node asked, of ${count}`, () =>
          findAll(name, nodesOf(running.slice(0, count))));
      }

      it("finds them on nodes with weights", () => findAll(name, nodesOf(running.slice(0, 4), [1, 3, 2, 5])));

      it("finds them on nodes of memcached's own port", () => findAll(name, nodesOf(ofDefaultPort)));

      it("finds them on nodes of IPv6", { skip: !hasIpv6 && "no ::1" }, () => findAll(name, nodesOf(ofIpv6)));

      it("knows the nodes of three copies, and that no other node has one", () =>
        findCopies(name, nodesOf(running.slice(0, 4)), 2));
    });
  }
});
