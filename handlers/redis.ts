// A store of these Redis servers.

import { MemcachedStore, type MemcachedStoreOptions } from "../inspector/stores/memcached.ts";
import { connectRedis } from "../inspector/stores/redis.ts";
import type { RedisUrl } from "./store-url.ts";

type Common = Omit<MemcachedStoreOptions, "nodes" | "connect" | "maxKeyBytes">;

export function openRedis({ nodes, ...access }: RedisUrl, common: Common): MemcachedStore {
  return new MemcachedStore({
    ...common,
    nodes,
    // Redis' own limit is 512 MB: every session id that PHP makes can be a key.
    maxKeyBytes: Number.POSITIVE_INFINITY,
    connect: (node) => connectRedis(node, access),
  });
}
