// SESSION_STORE=elasticache://CLUSTER-ID: the store on the nodes that ElastiCache's API names. This module, and the SDK
// with it, is loaded for such a store alone.

import type { SessionStore } from "../inspector/session-store.ts";
import { DiscoveredStore, type DiscoveryLimits } from "./discovered.ts";
import { type Cluster, DiscoveryError, findCluster } from "./elasticache.ts";
import type { MemcachedNodes } from "./memcached/open-memcached.ts";
import type { Report } from "./report.ts";

/** With a store's two seconds, a login that looks for the nodes still ends before the function's own limit. */
export const findTimeoutMs = 2_000;

const limits: DiscoveryLimits = {
  findTimeoutMs,
  // Amazon's own clients look as often for a change of the nodes.
  refreshAfterMs: 60_000,
  refreshAfterFailureMs: 5_000,
  waitAfterMs: 600_000,
};

/** Gives the store, which has looked for its nodes once, and looks again with the next login where it found none. */
export async function openDiscovered(
  clusterId: string,
  open: (nodes: MemcachedNodes) => Promise<SessionStore>,
  report: Report,
): Promise<DiscoveredStore<MemcachedNodes>> {
  const store = new DiscoveredStore({
    find: (signal) => findNodes(clusterId, signal, report),
    open(found) {
      report("info", "discovery", { outcome: "found", nodes: found.nodes.length });
      return open(found);
    },
    limits,
    nowMs: () => Date.now(),
  });
  await store.look();
  return store;
}

/** Says in the log why there are none. */
async function findNodes(clusterId: string, signal: AbortSignal, report: Report): Promise<MemcachedNodes> {
  try {
    return nodesOf(await findCluster(clusterId, signal));
  } catch (error) {
    const code = error instanceof DiscoveryError ? error.code : "api-error";
    report("error", "discovery", { outcome: "failed", code });
    throw error;
  }
}

/** Gives where a memcached cluster's sessions are. Throws DiscoveryError "engine-unsupported" for any other engine. */
export function nodesOf({ engine, nodes, isEncrypted }: Cluster): MemcachedNodes {
  if (engine !== "memcached") throw new DiscoveryError("engine-unsupported");
  return { nodes, isEncrypted };
}
