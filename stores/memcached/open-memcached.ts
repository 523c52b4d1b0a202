// A memcached store of these nodes, with the client that they need: memjs's module, or the one for TLS, is loaded only
// where it is used.

import { NodeStore, type NodeStoreOptions } from "../nodes.ts";
import type { Node } from "../placement/placement.ts";

export interface MemcachedNodes {
  readonly nodes: readonly Node[];
  /** Whether the nodes have encryption in transit (TLS). */
  readonly isEncrypted: boolean;
}

type Common = Omit<NodeStoreOptions, "nodes" | "connect">;

export async function openMemcached(
  { nodes, isEncrypted }: MemcachedNodes,
  common: Common,
): Promise<NodeStore> {
  const connect = await (isEncrypted ? tls() : plain());
  return new NodeStore({ ...common, nodes, connect });
}

async function plain(): Promise<NodeStoreOptions["connect"]> {
  const { connectPlain } = await import("./plain.ts");
  return connectPlain;
}

async function tls(): Promise<NodeStoreOptions["connect"]> {
  const { connectTls } = await import("./tls.ts");
  return (node) => connectTls(node);
}
