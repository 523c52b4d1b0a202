// A store of these Redis servers, whose modules are loaded only where it is used.

import type { MemcachedStore, MemcachedStoreOptions } from "../inspector/stores/memcached.ts";
import type { RedisUrl } from "./store-url.ts";

type Common = Omit<MemcachedStoreOptions, "nodes" | "connect" | "maxKeyBytes">;

export async function openRedis({ nodes, ...access }: RedisUrl, common: Common): Promise<MemcachedStore> {
  const [{ MemcachedStore }, { connectRedis }] = await Promise.all([
    import("../inspector/stores/memcached.ts"),
    import("../inspector/stores/redis.ts"),
  ]);
  return new MemcachedStore({
    ...common,
    nodes,
    // Redis' own limit is 512 MB: every session id that PHP makes can be a key.
    maxKeyBytes: Number.POSITIVE_INFINITY,
    connect: (node) => connectRedis(node, access),
  });
}
