// Which of several nodes hold a session: every placement that PHP's sessions are found in.
//
// Node names are hashed as the operator wrote them, so they must stand here as they stand in PHP's own list, in the
// same order and with the same weights.

import type { PlacementMode } from "../../inspector/placement-modes.ts";
import { crc32, fnv1a } from "./hashes.ts";
import { clientKetama, inListOrder, ketama, ketamaWeighted, modula } from "./libmemcached.ts";
import type { FirstNode, Node } from "./node.ts";
import { inFailoverOrder, peclConsistent, peclStandard } from "./pecl.ts";
import { phpredisPool } from "./phpredis.ts";

export type { Node } from "./node.ts";

/** Returns the nodes that have a copy of this session, as indices: the one that PHP asks first is the first. */
export type Placement = (sessionId: string, key: string) => readonly number[];

/** From the nodes, and the number of copies beyond the first, to their placement. */
type PlacementMaker = (nodes: readonly Node[], replicas: number) => Placement;

const makers: Readonly<Record<PlacementMode, PlacementMaker>> = {
  // session.save_handler = memcached: the session id alone is hashed, without the key's prefix.
  ketama: ofSessionId(ketama),
  "ketama-weighted": ofSessionId(ketamaWeighted),
  modula: ofSessionId(modula),
  // session.save_handler = memcache
  "pecl-consistent": pecl((nodes) => peclConsistent(nodes, crc32)),
  "pecl-consistent-fnv": pecl((nodes) => peclConsistent(nodes, fnv1a)),
  "pecl-standard": pecl((nodes) => peclStandard(nodes, crc32)),
  "pecl-standard-fnv": pecl((nodes) => peclStandard(nodes, fnv1a)),
  // A handler of the site's own, such as Symfony's and Laravel's, by a \Memcached client: the whole key is hashed.
  "client-modula": ofKey(modula),
  "client-ketama": ofKey(clientKetama),
  "client-ketama-weighted": ofKey(ketamaWeighted),
};

/** Returns the placement on these memcached nodes, of which there must be one at least. */
export function createPlacement(mode: PlacementMode, nodes: readonly Node[], replicas: number): Placement {
  return makers[mode](nodes, replicas);
}

/** Returns the placement on these Redis servers, of which there must be one at least: phpredis knows no other. */
export function createRedisPlacement(nodes: readonly Node[]): Placement {
  const find = phpredisPool(nodes);
  return (sessionId) => [find(sessionId)];
}

function ofSessionId(distribute: (nodes: readonly Node[]) => FirstNode): PlacementMaker {
  return (nodes, replicas) => {
    const find = distribute(nodes);
    return (sessionId) => inListOrder(find(sessionId), nodes.length, replicas);
  };
}

function ofKey(distribute: (nodes: readonly Node[]) => FirstNode): PlacementMaker {
  return (nodes, replicas) => {
    const find = distribute(nodes);
    return (_sessionId, key) => inListOrder(find(key), nodes.length, replicas);
  };
}

function pecl(distribute: (nodes: readonly Node[]) => FirstNode): PlacementMaker {
  return (nodes, replicas) => {
    const find = distribute(nodes);
    return (_sessionId, key) => inFailoverOrder(find, key, nodes.length, replicas);
  };
}
