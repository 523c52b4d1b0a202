// The placement of phpredis' save handler (session.save_handler = redis) on several servers.
//
// The first four bytes of the session id, taken for a number as the machine has it (little-endian wherever PHP runs
// today), choose among the servers of a pool, each of which has as many places as its weight says:
//
//   memcpy(&pos, key, sizeof(pos));
//   pos %= pool->totalWeight;
//   for (i = 0; i < pool->totalWeight;) {
//       if (pos >= i && pos < i + rpm->weight) ...
//
// The pool is a list to whose front each server of session.save_path is put, so that the last one there is its first:
//
//   rpm->next = pool->head;
//   pool->head = rpm;
//
// Source: phpredis redis_session.c, redis_pool_get_sock() and redis_pool_add().

import type { FirstNode, Node } from "./node.ts";

/** For session ids, which have four bytes at least. */
export function phpredisPool(nodes: readonly Node[]): FirstNode {
  const places = nodes.flatMap(({ weight }, index) => Array.from({ length: weight }, () => index)).reverse();
  return (sessionId) => places[Buffer.from(sessionId).readUInt32LE() % places.length] ?? 0;
}
