// A memcached store of these nodes, with the client that they need: memjs's module, or the one for TLS, is loaded only
// where it is used.

import type { Node } from "../inspector/placement.ts";
import type { MemcachedStore, MemcachedStoreOptions } from "../inspector/stores/memcached.ts";

export interface MemcachedNodes {
  readonly nodes: readonly Node[];
  /** Whether the nodes have encryption in transit (TLS). */
  readonly isEncrypted: boolean;
}

type Common = Omit<MemcachedStoreOptions, "nodes" | "connect">;

export async function openMemcached(
  { nodes, isEncrypted }: MemcachedNodes,
  common: Common,
): Promise<MemcachedStore> {
  const [{ MemcachedStore }, connect] = await Promise.all([
    import("../inspector/stores/memcached.ts"),
    isEncrypted ? tls() : plain(),
  ]);
  return new MemcachedStore({ ...common, nodes, connect });
}

async function plain(): Promise<MemcachedStoreOptions["connect"]> {
  const { connectPlain } = await import("../inspector/stores/memcached-plain.ts");
  return connectPlain;
}

async function tls(): Promise<MemcachedStoreOptions["connect"]> {
  const { connectTls } = await import("../inspector/stores/memcached-tls.ts");
  return (node) => connectTls(node);
}
