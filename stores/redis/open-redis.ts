// A store of these Redis servers.

import { NodeStore, type NodeStoreOptions } from "../nodes.ts";
import type { RedisUrl } from "../store-url.ts";
import { connectRedis } from "./redis-client.ts";

type Common = Omit<NodeStoreOptions, "nodes" | "connect" | "maxKeyBytes">;

export function openRedis({ nodes, isCluster, ...url }: RedisUrl, common: Common): NodeStore {
  const access = { ...url, ...(isCluster && { cluster: nodes }) };
  return new NodeStore({
    ...common,
    nodes,
    // Redis' own limit is 512 MB: every session id that PHP makes can be a key.
    maxKeyBytes: Number.POSITIVE_INFINITY,
    connect: (node) => connectRedis(node, access),
  });
}
