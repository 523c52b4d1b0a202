// Configuration -> inspector. Loads what these settings need, and nothing else.

import { inspectLogins } from "../inspector/login-watch.ts";
import { SessionInspector } from "../inspector/session-inspector.ts";
import type { SessionStore } from "../inspector/session-store.ts";
import { unavailable } from "../inspector/verdict.ts";
import { type MemcachedNodes, openMemcached } from "../stores/memcached/open-memcached.ts";
import type { Node, Placement } from "../stores/placement/placement.ts";
import type { Ask } from "./answer-event.ts";
import type { Inspect, IsUserPolicyOf } from "./answer-login.ts";
import type { InspectLogins } from "./answer-logins.ts";
import type { InspectSessions } from "./answer-sessions.ts";
import { type Config, readIdentity, type TicketSettings } from "./configuration.ts";
import { decoderOf } from "./decoder.ts";
import type { Log } from "./function-log.ts";
import { unwrapOf } from "./unwrap.ts";

/**
 * For one look-up with all its attempts, in milliseconds. Each of two attempts has half of it, so a store that takes a
 * second longer than usual still answers; and two requests of the relay fit into a login's ten seconds.
 */
export const storeTimeoutMs = 4_000;

type ConfigOrProblems = Config | { readonly problems: readonly string[] };

/** Returns what answers logins by this configuration; with a wrong one every login is unavailable. */
export function createInspect(config: ConfigOrProblems, log: Log): Promise<Inspect> {
  return asking(config, log, (inspector, request) => inspector.inspect(request));
}

/** Returns the ISUSER_POLICY by host, for the hosts that this configuration serves. */
export function isUserPolicyOf(config: ConfigOrProblems): IsUserPolicyOf {
  if ("problems" in config) return () => undefined;
  return (server) => (config.servedHosts.has(server) ? config.isUserPolicy : undefined);
}

/** Returns the same for questions about many sessions. */
export function createInspectSessions(config: ConfigOrProblems, log: Log): Promise<InspectSessions> {
  return asking(config, log, (inspector, { ids }) => inspector.inspectSessions(ids));
}

/** Returns the same for questions about open connections. */
export function createInspectLogins(config: ConfigOrProblems, log: Log): Promise<InspectLogins> {
  return asking(config, log, (inspector, request, { servedHosts }) =>
    inspectLogins({ inspector, servedHosts, nowMs: () => performance.now() }, request),
  );
}

/** Returns what asks the inspector of this configuration. Logs what is wrong with one: then nothing can be asked. */
async function asking<Request, Outcome>(
  config: ConfigOrProblems,
  log: Log,
  ask: (inspector: SessionInspector, request: Request, config: Config) => ReturnType<Ask<Request, Outcome>>,
): Promise<Ask<Request, Outcome>> {
  if ("problems" in config) return unusable(config.problems, log);
  try {
    const inspector = await createInspector(config, await openStore(config, log));
    return (request) => ask(inspector, request, config);
  } catch (error) {
    // Of a store of the operator's own: custom-store.ts, which is loaded for such a store alone.
    const { problems } = error as { readonly problems?: readonly string[] };
    if (problems === undefined) throw error;
    return unusable(problems, log);
  }
}

function unusable(problems: readonly string[], log: Log) {
  log("error", "bad-configuration", { problems });
  return async () => unavailable("bad-configuration");
}

/** Returns the inspector of this configuration for the sessions in this store. */
export async function createInspector(
  config: Config,
  store: SessionStore,
  nowMs = () => Date.now(),
): Promise<SessionInspector> {
  const { sessionId, expressions, servedHosts, isUserPolicy, namesDifferByCase, tickets } = config;
  return new SessionInspector({
    store,
    sessionId,
    unwrap: await unwrapOf(config),
    decode: await decoderOf(config),
    expressions,
    servedHosts,
    isUserPolicy,
    namesDifferByCase,
    ...(tickets && { tickets: await openTickets(tickets) }),
    nowMs,
  });
}

/** Loads the opener of tickets: a site without tickets does not pay for node:crypto. */
async function openTickets({ keys, maxSeconds, areRequired }: TicketSettings) {
  const { ticketOpener } = await import("../inspector/ticket.ts");
  return { open: ticketOpener(keys, maxSeconds), areRequired };
}

/** Loads only this store's module: a cold start pays for no other. */
export async function openStore(config: Config, log: Log): Promise<SessionStore> {
  const { store, keyOf, field } = config;
  const common = { keyOf, timeoutMs: storeTimeoutMs };
  const nodesInCommon = { ...common, nowMs: () => performance.now() };
  const openNodes = async (found: MemcachedNodes) =>
    openMemcached(found, { ...nodesInCommon, placement: await placementOn(found.nodes, config) });
  switch (store.kind) {
    case "memcached":
      return openNodes(store);
    case "elasticache": {
      const { openDiscovered } = await import("../stores/discovery.ts");
      return openDiscovered(store.clusterId, openNodes, log);
    }
    case "redis": {
      const { openRedis } = await import("../stores/redis/open-redis.ts");
      const placement = await placementOn(store.nodes, config);
      return openRedis(store, field, { ...nodesInCommon, placement });
    }
    case "dynamodb": {
      const { DynamoDbStore } = await import("../stores/dynamodb.ts");
      return new DynamoDbStore({ ...common, ...store, nowMs: () => Date.now() });
    }
    case "sql": {
      const { openSql } = await import("../stores/sql/open-sql.ts");
      return openSql(store, { ...nodesInCommon, timeMs: () => Date.now(), identity: () => readIdentity() });
    }
    case "custom": {
      const { openCustom } = await import("./custom-store.ts");
      return openCustom(store, common);
    }
    case "files": {
      const { FilesStore } = await import("../stores/files.ts");
      return new FilesStore({ ...common, ...store, report: log });
    }
  }
}

/** Loads the placement where there are several nodes. A single node has every session, whatever the placement. */
export async function placementOn(
  nodes: readonly Node[],
  { store, placement, replicas }: Config,
): Promise<Placement> {
  if (nodes.length === 1) return () => [0];
  const { createPlacement, createRedisPlacement } = await import("../stores/placement/placement.ts");
  return store.kind === "redis" ? createRedisPlacement(nodes) : createPlacement(placement, nodes, replicas);
}
