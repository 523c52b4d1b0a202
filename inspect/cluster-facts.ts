// SESSION_STORE=elasticache://CLUSTER-ID for the inspect tool: one look, and what it found in words.

import { findTimeoutMs, nodesOf } from "../stores/discovery.ts";
import { type Cluster, DiscoveryError, type DiscoveryProblem, findCluster } from "../stores/elasticache.ts";
import type { MemcachedNodes } from "../stores/memcached/open-memcached.ts";
import { writtenHost } from "../stores/placement/node.ts";
import type { Fact } from "./report.ts";

type Found =
  | { readonly cluster: Cluster; readonly nodes: MemcachedNodes }
  | { readonly problem: DiscoveryProblem };

/** Returns the cluster and its nodes, or why there are none. */
export async function findMemcached(clusterId: string): Promise<Found> {
  try {
    const cluster = await findCluster(clusterId, AbortSignal.timeout(findTimeoutMs));
    return { cluster, nodes: nodesOf(cluster) };
  } catch (error) {
    if (error instanceof DiscoveryError) return { problem: error.code };
    throw error;
  }
}

/** Returns what the API says of the cluster as a whole. */
export function factOfCluster(cluster: Cluster): Fact {
  const { engine, engineVersion, nodes, isEncrypted, configurationEndpoint: endpoint } = cluster;
  const encryption = isEncrypted ? "encryption in transit" : "no encryption in transit";
  const place = endpoint && `configuration endpoint ${writtenHost(endpoint)}:${endpoint.port}`;
  const parts = [`${engine} ${engineVersion}`, `nodes: ${nodes.length}`, encryption, place];
  return { about: "cluster", text: parts.filter(Boolean).join(", "), isGood: true };
}
