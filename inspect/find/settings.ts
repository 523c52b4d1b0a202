// The settings of a function that finds and reads one session: only what the table of handlers/variables.ts does not say
// by itself. What is printed was read back as a function reads it, and asked for the session.

import { createInspector, openStore, placementOn } from "../../handlers/compose.ts";
import { type Config, readConfig } from "../../handlers/configuration.ts";
import { type PlacementMode, placementModes } from "../../inspector/placement-modes.ts";
import type { Verdict } from "../../inspector/verdict.ts";

export type Settings = Readonly<Record<string, string>>;

/** Those that another one, or PHP's own, may say already, in the order in which they are left out. */
const optional = [
  "SESSION_FIELD",
  "SESSION_LAYERS",
  "SESSION_SERIALIZE_HANDLER",
  "SESSION_PLACEMENT",
  "SESSION_KEY_PREFIX",
  "SESSION_SID_LENGTH",
  "SESSION_SID_BITS_PER_CHARACTER",
  "AUTHENTICATED_EXPRESSION",
  "USER_EXPRESSION",
];

/** Returns the settings without what makes no difference, or undefined where they are not allowed. */
export async function fewest(settings: Settings, secrets: Settings): Promise<Settings | undefined> {
  const whole = effectOf(await readConfig({ ...settings, ...secrets }));
  // Sessions that are rows of a table have neither.
  const { SESSION_LAYERS: _layers, SESSION_SERIALIZE_HANDLER: _handler, ...ofRows } = settings;
  let left = whole === undefined ? ofRows : settings;
  const wanted = whole ?? effectOf(await readConfig({ ...left, ...secrets }));
  if (wanted === undefined) return undefined;
  for (const name of optional) {
    const { [name]: _, ...without } = left;
    if (!(name in left)) continue;
    if (effectOf(await readConfig({ ...without, ...secrets })) === wanted) left = without;
  }
  return left;
}

const sampleIds = ["0123456789abcdef0123456789abcdef", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef01234567"];

function effectOf(config: Config | { readonly problems: readonly string[] }): string | undefined {
  if ("problems" in config) return undefined;
  const { keyOf, field, sessionId, layers, serializeHandler, placement, expressions } = config;
  const { authenticated, user } = expressions;
  const keys = sampleIds.map(keyOf);
  const isSpread = config.store.kind === "elasticache" || isOnNodes(config);
  const table = config.store.kind === "sql" ? config.store.table : null;
  const place = isSpread ? placement : null;
  return JSON.stringify([
    keys,
    field,
    sessionId.source,
    layers,
    serializeHandler,
    place,
    table,
    authenticated,
    user,
  ]);
}

function isOnNodes({ store }: Config): boolean {
  return store.kind === "memcached" && store.nodes.length > 1;
}

/**
 * Returns the placements by which PHP files the session on the node where it was found, undefined where there is only one
 * node. A key that a save handler of PHP's writes is placed by the handler, any other one by a client.
 */
export async function placementsOf(
  config: Config,
  sessionId: string,
  key: string,
  node: number,
): Promise<readonly PlacementMode[] | undefined> {
  const { store } = config;
  if (!isOnNodes(config) || !("nodes" in store)) return undefined;
  const fitting: PlacementMode[] = [];
  for (const placement of placementModes) {
    const [first] = (await placementOn(store.nodes, { ...config, placement }))(sessionId, key);
    if (first === node && startOf(placement) === writerOf(sessionId, key)) fitting.push(placement);
  }
  return fitting;
}

/** Whose keys these are: of ext-memcached's save handler, of pecl-memcache's, or of a client of the site's own. */
function writerOf(sessionId: string, key: string): string {
  if (key === sessionId) return "pecl";
  return key.startsWith("memc.sess.") ? "handler" : "client";
}

function startOf(placement: PlacementMode): string {
  const [start = ""] = placement.split("-");
  return start === "pecl" || start === "client" ? start : "handler";
}

/** Returns what a function with these settings says of a login with this session. */
export async function tryLogin(
  settings: Settings,
  secrets: Settings,
  sessionId: string,
  localpart: string,
): Promise<Verdict | undefined> {
  const config = await readConfig({ ...settings, ...secrets });
  if ("problems" in config) return undefined;
  const store = await openStore(config, () => {});
  try {
    const inspector = await createInspector(config, store);
    const [server = ""] = config.servedHosts;
    return await inspector.inspect({ op: "auth", user: localpart, server, password: sessionId });
  } finally {
    store.close();
  }
}
