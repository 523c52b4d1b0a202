// Which memcached node holds a session, and which one PHP's placement says: where the two differ,
// SESSION_STORE's nodes, SESSION_PLACEMENT or SESSION_REPLICAS are not PHP's.

import { createPlacement, type Node } from "../inspector/placement.ts";
import type { Config } from "./config.ts";
import { storeTimeoutMs } from "./inspect.ts";
import type { Fact } from "./inspect-report.ts";
import { type MemcachedNodes, openMemcached } from "./memcached.ts";

/** Gives a fact for each node: those that are asked first, in their order, then the others. Throws nothing. */
export async function findOnNodes(
  config: Config,
  { nodes, isEncrypted }: MemcachedNodes,
  sessionId: string,
): Promise<Fact[]> {
  const { placement, replicas, keyPrefix } = config;
  const asked = createPlacement(placement, nodes, replicas)(sessionId, keyPrefix + sessionId);
  const others = [...nodes.keys()].filter((index) => !asked.includes(index));
  return Promise.all(
    [...asked, ...others].map(async (index, place) => {
      const node = nodes[index] as Node;
      const found = await find({ nodes: [node], isEncrypted }, keyPrefix, sessionId);
      const isAsked = place < asked.length;
      const text = `${node.host}:${node.port} ${found}${isAsked ? `, asked as number ${place + 1}` : ", not asked"}`;
      return { about: "node", text, isGood: isAsked === (found === "has it") };
    }),
  );
}

async function find(node: MemcachedNodes, keyPrefix: string, sessionId: string) {
  const placement = () => [0];
  const store = await openMemcached(node, { placement, keyPrefix, timeoutMs: storeTimeoutMs });
  try {
    return (await store.getData(sessionId)) === null ? "has no such session" : "has it";
  } catch {
    return "does not answer";
  } finally {
    store.close();
  }
}
