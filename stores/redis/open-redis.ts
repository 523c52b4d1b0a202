// A store of these Redis servers.

import { NodeStore, type NodeStoreOptions } from "../nodes.ts";
import type { RedisUrl } from "../store-url.ts";
import { connectRedis } from "./redis-client.ts";

type Common = Omit<NodeStoreOptions, "nodes" | "connect" | "maxKeyBytes">;

/** @param field that of a hash which holds the session, where it is not the key's own value */
export function openRedis(
  { nodes, isCluster, ...url }: RedisUrl,
  field: string | undefined,
  common: Common,
): NodeStore {
  const access = { ...url, ...(isCluster && { cluster: nodes }), ...(field !== undefined && { field }) };
  return new NodeStore({
    ...common,
    nodes,
    // Redis' own limit is 512 MB: every session id that PHP makes can be a key.
    maxKeyBytes: Number.POSITIVE_INFINITY,
    connect: (node) => connectRedis(node, access),
  });
}
