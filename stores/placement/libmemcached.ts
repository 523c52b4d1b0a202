// The placements of libmemcached, which ext-memcached stands on: its save handler and its \Memcached client.
//
// ketama is MEMCACHED_DISTRIBUTION_CONSISTENT with the default hash, one-at-a-time, for points and keys alike:
// 100 points a node, OAAT("host:port-i") for i = 0 to 99. ketama_weighted has MD5 for points and keys; a node has
//
//   float pct = (float) list[host_index].weight / (float) total_weight;
//   pointer_per_server = floor((float) (pct * 160 / 4 * (float) live_servers + 0.0000000001F)) * 4;
//
// points, four to a digest: the words of MD5("host:port-i"). In both, a key belongs to the first point at or behind
// its own hash, and the label is "host-i" where the port is 11211. modula is hash % nodes. What is hashed of a
// key is its caller's matter: the save handler's session id alone, as its prefix is libmemcached's namespace, and
// a \Memcached client's whole key.
//
// Copies (MEMCACHED_BEHAVIOR_NUMBER_OF_REPLICAS) lie on the nodes behind the first one, in the order of the list:
//
//   ++server_key; if (server_key == memcached_server_count(ptr)) { server_key = 0; }
//
// Source: libmemcached 1.1 src/libmemcached/hosts.cc, update_continuum(); hash.cc; storage.cc; get.cc,
// replication_binary_mget(); behavior.cc. php-memcached 3 php_memcached_session.c.

import { md5, md5Words, oneAtATime } from "./hashes.ts";
import { type FirstNode, type Node, writtenHost } from "./node.ts";
import { nodeBehind, type Point, sortPoints } from "./points.ts";

const defaultPort = 11211;
const pointsPerNode = 100;

/** The save handler's default. Weights play no part: it turns them off when it sets its distribution. */
export function ketama(nodes: readonly Node[]): FirstNode {
  const points = sortPoints(
    nodes.flatMap((node, index) =>
      Array.from({ length: pointsPerNode }, (_, i) => ({
        value: oneAtATime(`${label(node)}-${i}`),
        node: index,
      })),
    ),
  );
  return (text) => nodeBehind(points, oneAtATime(text));
}

export function ketamaWeighted(nodes: readonly Node[]): FirstNode {
  const points = weightedPoints(nodes);
  return (text) => nodeBehind(points, md5(text));
}

/**
 * A \Memcached client whose distribution is consistent when its servers are added: the first weight above 1 turns
 * their points into weighted ones (hosts.cc, memcached_server_push()), and leaves the keys their hash.
 */
export function clientKetama(nodes: readonly Node[]): FirstNode {
  if (nodes.every(({ weight }) => weight === 1)) return ketama(nodes);
  const points = weightedPoints(nodes);
  return (text) => nodeBehind(points, oneAtATime(text));
}

export function modula(nodes: readonly Node[]): FirstNode {
  return (text) => oneAtATime(text) % nodes.length;
}

/** Returns the first node and those after it, each once. */
export function inListOrder(first: number, nodes: number, replicas: number): readonly number[] {
  return Array.from({ length: Math.min(1 + replicas, nodes) }, (_, i) => (first + i) % nodes);
}

function weightedPoints(nodes: readonly Node[]): readonly Point[] {
  const { fround } = Math;
  const total = nodes.reduce((sum, { weight }) => sum + weight, 0);
  return sortPoints(
    nodes.flatMap((node, index) => {
      // Step by step as C does it in floats: in doubles some of the floors come out one higher or lower.
      const share = fround(fround(node.weight) / fround(total));
      const digests = fround(fround(share * 160) / 4);
      const count = Math.floor(fround(fround(digests * nodes.length) + fround(1e-10)));
      return Array.from({ length: count }, (_, i) =>
        md5Words(`${label(node)}-${i}`).map((value) => ({ value, node: index })),
      ).flat();
    }),
  );
}

function label(node: Node): string {
  return node.port === defaultPort ? writtenHost(node) : `${writtenHost(node)}:${node.port}`;
}
