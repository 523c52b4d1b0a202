// Which node of memcached or Redis holds a session, and which one PHP's placement says: where the two differ,
// SESSION_STORE's nodes, SESSION_PLACEMENT or SESSION_REPLICAS are not PHP's.

import { openStore, placementOn } from "../handlers/compose.ts";
import type { Config } from "../handlers/configuration.ts";
import { StoreError } from "../inspector/session-store.ts";
import type { Node } from "../stores/placement/placement.ts";
import type { StoreUrl } from "../stores/store-url.ts";
import type { Fact } from "./report.ts";

/** Returns a fact for each node: first those that are asked, in their order, then the others. */
export async function findOnNodes(
  config: Config,
  store: Extract<StoreUrl, { nodes: readonly Node[] }>,
  sessionId: string,
): Promise<Fact[]> {
  const { nodes } = store;
  const asked = (await placementOn(nodes, config))(sessionId, config.keyOf(sessionId));
  const others = [...nodes.keys()].filter((index) => !asked.includes(index));
  return Promise.all(
    [...asked, ...others].map(async (index, place) => {
      const node = nodes[index] as Node;
      const found = await find({ ...config, store: { ...store, nodes: [node] } }, sessionId);
      const isAsked = place < asked.length;
      const text = `${node.host}:${node.port} ${found}${isAsked ? `, asked as number ${place + 1}` : ", not asked"}`;
      return { about: "node", text, isGood: isAsked === (found === "has it") };
    }),
  );
}

/** `config` has one node alone, which holds every session. */
async function find(config: Config, sessionId: string) {
  const store = await openStore(config, () => {});
  try {
    return (await store.getData(sessionId)) === null ? "has no such session" : "has it";
  } catch (error) {
    const isRefused = error instanceof StoreError && error.fault === "store-refused";
    return isRefused ? "answers with an error" : "does not answer";
  } finally {
    store.close();
  }
}
