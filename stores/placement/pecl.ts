// The placements of pecl-memcache, PHP's other memcached extension (session.save_handler = memcache).
//
// consistent, the default, has 160 points for each unit of a node's weight, hash("host:port-i"), and 1024 buckets:
//
//   step = 0xffffffff / MMC_CONSISTENT_BUCKETS;
//   state->buckets[i] = mmc_consistent_find(state, step * i);     // the first point at or behind
//   return state->buckets[hash % MMC_CONSISTENT_BUCKETS];
//
// standard has a list in which each node stands as often as its weight says:
//
//   hash = (mmc_hash(state->hash, key, key_len) >> 16) & 0x7fff;
//   return state->buckets[(hash ? hash : 1) % state->num_buckets];
//
// The save handler never hashes a bare key. It hashes "key-0", and for each copy (memcache.session_redundancy) it
// counts on until it meets a node that has none yet:
//
//   do {
//     keytmp_len = sprintf(keytmp, "%s-%d", key, (*last_index)++);
//     mmc = pool->hash->find_server(pool->hash_state, keytmp, keytmp_len);
//   } while (mmc_queue_contains(skip_servers, mmc) && *last_index < MEMCACHE_G(max_failover_attempts));
//
// max_failover_attempts does not limit this: the caller repeats the search until it has enough nodes.
//
// Source: pecl-memcache 8 src/memcache_consistent_hash.c, memcache_standard_hash.c, memcache_session.c;
// memcache_pool.c, mmc_pool_find_next(); memcache_queue.c, mmc_queue_push().

import type { Hash } from "./hashes.ts";
import { type FirstNode, type Node, writtenHost } from "./node.ts";
import { nodeBehind, sortPoints } from "./points.ts";

const pointsPerWeight = 160;
const buckets = 1024;
const bucketStep = Math.floor(0xffffffff / buckets);

/** Among nodes of very different weights PHP may count long; a login has no time for it. */
const maxAttempts = 1000;

export function peclConsistent(nodes: readonly Node[], hash: Hash): FirstNode {
  const points = sortPoints(
    nodes.flatMap((node, index) =>
      Array.from({ length: pointsPerWeight * node.weight }, (_, i) => ({
        value: hash(`${writtenHost(node)}:${node.port}-${i}`),
        node: index,
      })),
    ),
  );
  return (text) => nodeBehind(points, bucketStep * (hash(text) % buckets));
}

export function peclStandard(nodes: readonly Node[], hash: Hash): FirstNode {
  const list = nodes.flatMap(({ weight }, index) => Array.from({ length: weight }, () => index));
  return (text) => list[((hash(text) >>> 16) & 0x7fff || 1) % list.length] ?? 0;
}

/** Returns the nodes of the key's copies, the first one first, each once. */
export function inFailoverOrder(
  find: FirstNode,
  key: string,
  nodes: number,
  replicas: number,
): readonly number[] {
  const chosen = new Set<number>();
  const wanted = Math.min(1 + replicas, nodes);
  for (let attempt = 0; chosen.size < wanted && attempt < maxAttempts; attempt++) {
    chosen.add(find(`${key}-${attempt}`));
  }
  return [...chosen];
}
