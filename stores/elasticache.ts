// A cluster of ElastiCache, as its API describes it: engine, nodes, encryption. The only user of AWS's SDK here.
//
//   DescribeCacheClusters(CacheClusterId, ShowCacheNodeInfo) -> CacheCluster -> Cluster
//
// Source: Amazon ElastiCache API Reference, version 2015-02-02, DescribeCacheClusters and CacheCluster.

import {
  type CacheCluster,
  type CacheNode,
  DescribeCacheClustersCommand,
  ElastiCacheClient,
} from "@aws-sdk/client-elasticache";
import type { Node } from "./placement/placement.ts";
import { readNode } from "./store-url.ts";
import { systemCodeOf } from "./system-code.ts";

const engines = ["memcached", "redis", "valkey"] as const;

export interface Cluster {
  readonly engine: (typeof engines)[number];
  readonly engineVersion: string;
  /** In the order of their ids, which is that of the cluster's own list of them. */
  readonly nodes: readonly Node[];
  /** Whether the nodes have encryption in transit (TLS). */
  readonly isEncrypted: boolean;
  /** Where a client of Amazon's finds the nodes by itself: memcached clusters alone have it. */
  readonly configurationEndpoint: Node | undefined;
}

/** Why a cluster was not found. docs/troubleshooting.md explains each. */
export type DiscoveryProblem =
  | "cluster-not-found"
  | "nodes-unknown"
  | "engine-unsupported"
  | "access-denied"
  | "throttled"
  | "api-timeout"
  | "api-unreachable"
  | "api-error"
  | "bad-reply";

export class DiscoveryError extends Error {
  readonly code: DiscoveryProblem;
  /** The system's code, where there is no way to the API. */
  readonly detail: string | undefined;

  /** @param cause is for a debugger alone: it is never logged, as it can hold what the API or a proxy said */
  constructor(code: DiscoveryProblem, cause?: unknown) {
    super(code, cause === undefined ? undefined : { cause });
    this.name = "DiscoveryError";
    this.code = code;
    this.detail = systemCodeOf(cause);
  }
}

/** The API returns 20 clusters a page or more, and one alone where it is asked for one. */
const maxPages = 20;
/** An account's quota is 60 nodes a cluster unless Amazon raises it. */
const maxNodes = 300;

/**
 * Returns the cluster of this id. Region and credentials are found as every AWS SDK finds them. Ends with the signal.
 * @throws DiscoveryError; any other error is a fault of ours
 */
export async function findCluster(clusterId: string, signal: AbortSignal): Promise<Cluster> {
  let client: ElastiCacheClient | undefined;
  try {
    // A client for each refresh: an idle connection would be dead a minute later.
    client = new ElastiCacheClient({});
    // The SDK heeds the signal once it has credentials, but not while it looks for them.
    return clusterOf(await Promise.race([describe(client, clusterId, signal), abortOf(signal)]));
  } catch (error) {
    if (error instanceof DiscoveryError) throw error;
    const problem = problemOf(error, signal);
    if (problem === undefined) throw error;
    throw new DiscoveryError(problem, error);
  } finally {
    client?.destroy();
  }
}

/** Never returns. Throws when the signal says so. */
function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

async function describe(
  client: ElastiCacheClient,
  clusterId: string,
  signal: AbortSignal,
): Promise<CacheCluster> {
  let marker: string | undefined;
  for (let page = 0; page < maxPages; page++) {
    const asked = { CacheClusterId: clusterId, ShowCacheNodeInfo: true, ...(marker && { Marker: marker }) };
    const reply = await client.send(new DescribeCacheClustersCommand(asked), { abortSignal: signal });
    if (reply.CacheClusters === undefined) throw new DiscoveryError("bad-reply");
    // An id's case does not count.
    const isAsked = (each: CacheCluster) => each.CacheClusterId?.toLowerCase() === clusterId.toLowerCase();
    const found = reply.CacheClusters.find(isAsked);
    if (found !== undefined) return found;
    marker = reply.Marker;
    if (marker === undefined) throw new DiscoveryError("cluster-not-found");
  }
  throw new DiscoveryError("bad-reply");
}

/** Returns what matters of the API's description. Throws DiscoveryError where it is no whole description. */
function clusterOf(described: CacheCluster): Cluster {
  const engine = engines.find((name) => name === described.Engine);
  if (engine === undefined) throw new DiscoveryError("engine-unsupported");
  const nodes = (described.CacheNodes ?? [])
    .filter(isInUse)
    .sort((a, b) => Number(a.CacheNodeId) - Number(b.CacheNodeId))
    .map(({ Endpoint: endpoint }) => nodeOf(endpoint));
  // Nodes that are left out would move sessions to other nodes: no list is better than half of one.
  const isWhole = described.CacheClusterStatus !== "available" || nodes.length === described.NumCacheNodes;
  if (nodes.length === 0 || !isWhole) throw new DiscoveryError("nodes-unknown");
  if (nodes.length > maxNodes) throw new DiscoveryError("bad-reply");
  const { EngineVersion, TransitEncryptionEnabled, ConfigurationEndpoint } = described;
  return {
    engine,
    engineVersion: EngineVersion ?? "",
    nodes,
    isEncrypted: TransitEncryptionEnabled === true,
    configurationEndpoint: ConfigurationEndpoint && nodeOf(ConfigurationEndpoint),
  };
}

/** A rebooting node keeps its share of the keys. One being created has none yet, one being deleted none any more. */
function isInUse({ CacheNodeStatus: status }: CacheNode): boolean {
  return status !== "creating" && status !== "deleting";
}

function nodeOf(endpoint: CacheNode["Endpoint"]): Node {
  if (endpoint?.Address === undefined) throw new DiscoveryError("nodes-unknown");
  const node = readNode(`${endpoint.Address}:${endpoint.Port}`);
  if (node === undefined) throw new DiscoveryError("bad-reply");
  return node;
}

/**
 * Returns the problem by the error's name and status: its message can hold what the API or a proxy said. Undefined for
 * an error that came neither from the API nor from the way to it.
 */
function problemOf(error: unknown, signal: AbortSignal): DiscoveryProblem | undefined {
  if (signal.aborted) return "api-timeout";
  const { name = "", $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  if (name === "CacheClusterNotFoundFault" || name === "CacheClusterNotFound") return "cluster-not-found";
  if (/^(?:Throttling|RequestLimitExceeded|TooManyRequests)/.test(name) || status === 429) return "throttled";
  if (name === "CredentialsProviderError" || status === 401 || status === 403) return "access-denied";
  if (status !== undefined) return status < 300 ? "bad-reply" : "api-error";
  return systemCodeOf(error) !== undefined || name === "TimeoutError" ? "api-unreachable" : undefined;
}
