// SESSION_STORE=elasticache://CLUSTER-ID: the store on the nodes that ElastiCache's API names. This module, and the SDK
// with it, is loaded for such a store alone.

import { type SessionStore, StoreError } from "../inspector/session-store.ts";
import { DiscoveredStore, type DiscoveryLimits } from "./discovered.ts";
import { type Cluster, DiscoveryError, findCluster } from "./elasticache.ts";
import type { MemcachedNodes } from "./memcached/open-memcached.ts";
import type { Report } from "./report.ts";

/** With a store's two seconds, a login that waits for a refresh still ends before the function's own limit. */
export const findTimeoutMs = 2_000;

const limits: DiscoveryLimits = {
  findTimeoutMs,
  // Amazon's own clients look as often for a change of the nodes.
  refreshAfterMs: 60_000,
  refreshAfterFailureMs: 5_000,
  waitAfterMs: 600_000,
};

/** Returns the store, which has looked for its nodes once, and looks again with the next login where it found none. */
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
  await store.refresh();
  return store;
}

/** Reports in the log why there are none. */
async function findNodes(clusterId: string, signal: AbortSignal, report: Report): Promise<MemcachedNodes> {
  try {
    return nodesOf(await findCluster(clusterId, signal));
  } catch (error) {
    if (!(error instanceof DiscoveryError)) {
      // A fault of ours. The kind of the error alone: its message could hold what the API said.
      const kind = error instanceof Error ? error.name : "unknown";
      report("error", "discovery", { outcome: "failed", code: "internal-error", kind });
      throw error;
    }
    const { code, detail } = error;
    report("error", "discovery", { outcome: "failed", code, ...(detail && { detail }) });
    throw new StoreError("discovery-failed", { detail: code, cause: error });
  }
}

/** Returns where a memcached cluster's sessions are. Throws DiscoveryError "engine-unsupported" for any other engine. */
export function nodesOf({ engine, nodes, isEncrypted }: Cluster): MemcachedNodes {
  if (engine !== "memcached") throw new DiscoveryError("engine-unsupported");
  return { nodes, isEncrypted };
}
