// Which store a configuration names, and whether it answers: asked for a session that does not exist, node by node.

import { openStore } from "../../handlers/compose.ts";
import type { Config } from "../../handlers/configuration.ts";
import { StoreError } from "../../inspector/session-store.ts";

export interface ProbedStore {
  /** What was asked, without user and password. */
  readonly name: string;
  /** In milliseconds. */
  readonly tookMs: number;
  /** Why it did not answer: the store's fault, and what it knows of it. */
  readonly problem?: string;
}

/** As long as any of PHP's, and nobody's. */
const noSession = "0".repeat(32);

/** Returns what came of a question to each node of the store, or to the store itself where it has no nodes. */
export function probeStore(config: Config): Promise<ProbedStore[]> {
  const { store } = config;
  // A node that is asked alone has every session, whatever the placement.
  const parts =
    "nodes" in store
      ? store.nodes.map((node) => ({ ...config, store: { ...store, nodes: [node] } as Config["store"] }))
      : [config];
  return Promise.all(parts.map(probe));
}

async function probe(config: Config): Promise<ProbedStore> {
  const name = nameOf(config.store);
  const startedMs = performance.now();
  const took = () => performance.now() - startedMs;
  const store = await openStore(config, () => {});
  try {
    await store.getData(noSession);
    return { name, tookMs: took() };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { name, tookMs: took(), problem: [error.fault, error.detail].filter(Boolean).join(" ") };
  } finally {
    store.close();
  }
}

/** Returns what the store is called in a line for the operator: kind and place, and no secret. */
function nameOf(store: Config["store"]): string {
  const { kind } = store;
  if ("nodes" in store) {
    const [node] = store.nodes;
    const tls = "isEncrypted" in store && store.isEncrypted ? ", by TLS" : "";
    const database = kind === "redis" ? `, database ${store.database}` : "";
    return `${kind} at ${node?.host}:${node?.port}${database}${tls}`;
  }
  if (kind === "files") return `files in ${store.directory}`;
  if (kind === "dynamodb") return `DynamoDB's table ${store.table}`;
  if (kind === "sql") return `${store.engine} at ${store.host}:${store.port}, database ${store.database}`;
  if (kind === "custom") return `the store of your own, ${store.name}`;
  if (kind === "elasticache") return `ElastiCache's cluster ${store.clusterId}`;
  return kind;
}
