// The function's configuration: environment variables -> one frozen object, once a cold start, by the table of
// variables.ts. The only reader of `process.env` on this side. A problem names its variable and what is allowed there,
// never the value: the address of a store may hold a password.

import { plainPathOf } from "../inspector/expressions/plain-path.ts";
import { problemOfNamesIn } from "../inspector/expressions/set-before-login.ts";
import type { PlacementMode } from "../inspector/placement-modes.ts";
import type { Preset } from "../inspector/presets.ts";
import type { LaravelKey } from "../inspector/session/layers/laravel-key.ts";
import type { LayerName } from "../inspector/session/layers/layer-names.ts";
import { sessionIdOf } from "../inspector/session-id.ts";
import type { TicketKeys } from "../inspector/ticket-keys.ts";
import type { WhoExpressions } from "../inspector/who.ts";
import type { IsUserPolicy } from "../protocol/login-answer.ts";
import type { CustomUrl } from "../stores/custom-url.ts";
import { type KeyOf, type KeyTemplate, keysByTemplate, keysWithPrefix } from "../stores/session-key.ts";
import type { AwsIdentity } from "../stores/sql/rds-token.ts";
import type { SqlUrl } from "../stores/sql/sql-url.ts";
import type { StoreUrl, UnreadUrl } from "../stores/store-url.ts";
import type { ConfiguredHandler } from "./decoder.ts";
import { type ReadParameter, withSecrets } from "./secrets.ts";
import { type Variable, variables } from "./variables.ts";

export interface Config {
  readonly store: StoreUrl;
  readonly placement: PlacementMode;
  /** Copies of a session beyond the first. */
  readonly replicas: number;
  readonly keyOf: KeyOf;
  /** The field of a Redis hash that holds the session, where it is not the key's own value. */
  readonly field?: string;
  /** The shape of the site's session ids. */
  readonly sessionId: RegExp;
  /** What stands around a session's bytes, outermost first. */
  readonly layers: readonly LayerName[];
  readonly serializeHandler: ConfiguredHandler;
  /** Where there are any, only sessions that Laravel encrypted by one of them are read. */
  readonly laravelKeys: readonly LaravelKey[];
  readonly expressions: WhoExpressions;
  readonly servedHosts: ReadonlySet<string>;
  readonly isUserPolicy: IsUserPolicy;
  readonly namesDifferByCase: boolean;
  /** Where passwords may be tickets. */
  readonly tickets?: TicketSettings;
}

export interface TicketSettings {
  readonly keys: TicketKeys;
  readonly maxSeconds: number;
  /** Whether a plain session id is refused. */
  readonly areRequired: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Everything that is wrong with a configuration, a sentence each. */
export interface Problems {
  readonly problems: string[];
}

/**
 * Returns the configuration, frozen, or every problem with it. What evaluates expressions that are no plain paths is
 * loaded where there is one. Throws nothing.
 */
export async function readConfig(environment: Environment = process.env): Promise<Config | Problems> {
  const reading = new Reading(environment);
  const preset = await readPreset(reading);
  const store = await readStore(reading, preset);
  const placement = reading.value(variables.placement, preset?.placement);
  const replicas = reading.value(variables.replicas);
  const keyOf = await readKeys(reading, store, preset, placement);
  const field = readField(reading, store, preset);
  // Of a row that is a session there is nothing to say of bytes.
  const isRow = store?.kind === "sql" && store.table.columns !== undefined;
  const serializeHandler = reading.value(
    variables.serializeHandler,
    isRow ? "php_serialize" : preset?.serializeHandler,
  );
  const layers = reading.value(variables.layers, isRow ? "none" : layersOf(store, preset));
  const sessionId = readSessionId(reading, preset);
  const laravelKeys = readLaravelKeys(reading);
  const expressions = await readExpressions(reading, preset);
  const servedHosts = reading.value(variables.servedHosts);
  const isUserPolicy = reading.value(variables.isUserPolicy);
  const nameCase = reading.value(variables.nameCase);
  const tickets = readTickets(reading);
  reading.value(variables.stage);
  const { problems } = reading;
  if (
    problems.length > 0 ||
    store === undefined ||
    placement === undefined ||
    replicas === undefined ||
    keyOf === undefined ||
    layers === undefined ||
    serializeHandler === undefined ||
    expressions === undefined ||
    servedHosts === undefined ||
    isUserPolicy === undefined
  ) {
    return { problems };
  }
  return Object.freeze({
    store,
    placement,
    replicas,
    keyOf,
    ...(field !== undefined && { field }),
    sessionId,
    layers,
    serializeHandler,
    laravelKeys,
    expressions,
    servedHosts: new Set(servedHosts),
    isUserPolicy,
    namesDifferByCase: nameCase === "sensitive",
    ...(tickets && { tickets }),
  });
}

/** The environment as it is read by the table, and what was wrong so far. */
class Reading {
  readonly problems: string[] = [];
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  isSet({ name }: Variable<unknown>): boolean {
    return this.#environment[name] !== undefined;
  }

  /** Returns the variable's value, or the value of the fallback's text; adds a problem where neither is allowed. */
  value<T>(variable: Variable<T>, fallback: string | undefined = variable.fallback): T | undefined {
    const text = this.#environment[variable.name] ?? fallback;
    const value = text === undefined ? undefined : variable.parse(text);
    if (value === undefined) {
      this.problem(
        variable,
        `is ${text === undefined ? "missing" : "wrong"}: it must be ${variable.allowed}`,
      );
    }
    return value;
  }

  valueIfSet<T>(variable: Variable<T>): T | undefined {
    return this.isSet(variable) ? this.value(variable) : undefined;
  }

  problem({ name }: Variable<unknown>, text: string): void {
    this.problems.push(`${name} ${text}`);
  }
}

/** Returns where the sessions are, with the password if a variable has it. */
async function readStore(reading: Reading, preset: Preset | undefined): Promise<StoreUrl | undefined> {
  const { storePassword } = variables;
  const store = reading.value(variables.store);
  const password = reading.valueIfSet(storePassword);
  if (store === undefined) return undefined;
  if ("text" in store) {
    return store.kind === "sql"
      ? readSqlStore(reading, store, preset, password)
      : readCustomStore(reading, store, password);
  }
  if (store.kind !== "redis" || store.password !== undefined) {
    if (password !== undefined)
      reading.problem(storePassword, `is wrong: it must be ${storePassword.allowed}`);
    return store;
  }
  if (password !== undefined) return { ...store, password };
  if (store.user !== undefined && !reading.isSet(storePassword)) {
    reading.problem(storePassword, "is missing: SESSION_STORE names a user without a password");
  }
  return store;
}

async function readSqlStore(
  reading: Reading,
  { text }: UnreadUrl,
  preset: Preset | undefined,
  password: (() => string) | undefined,
): Promise<SqlUrl | undefined> {
  const { readSql } = await import("./sql-store.ts");
  const isSet = (variable: Variable<unknown>) => reading.isSet(variable);
  const { store, problems } = readSql(text, { known: preset?.sql, password, isSet });
  reading.problems.push(...problems);
  return store;
}

async function readCustomStore(
  reading: Reading,
  { text }: UnreadUrl,
  password: (() => string) | undefined,
): Promise<CustomUrl | undefined> {
  const { customUrlForm, readCustomUrl } = await import("../stores/custom-url.ts");
  const store = readCustomUrl(text);
  if (store === undefined) reading.problem(variables.store, `is wrong: it must be ${customUrlForm}`);
  return store && { ...store, ...(password && { password }) };
}

async function readPreset(reading: Reading): Promise<Preset | undefined> {
  const name = reading.valueIfSet(variables.preset);
  return name === undefined ? undefined : (await import("../inspector/presets.ts")).presets[name];
}

/** The kind of store by which a preset has its settings: the nodes that are found are memcached's. */
function layoutOf({ kind }: StoreUrl): string {
  return kind === "elasticache" ? "memcached" : kind;
}

/** Returns what stands around the preset's sessions in this store, as SESSION_LAYERS says it. */
function layersOf(store: StoreUrl | undefined, preset: Preset | undefined): string | undefined {
  return store && preset?.layers?.[layoutOf(store)]?.join(",");
}

/** Returns the shape of the site's session ids: php.ini's if configured, else the preset's or PHP's widest. */
function readSessionId(reading: Reading, preset: Preset | undefined): RegExp {
  const length = reading.valueIfSet(variables.sidLength);
  const bits = reading.valueIfSet(variables.sidBits);
  const settings = { ...(length !== undefined && { length }), ...(bits !== undefined && { bits }) };
  if (preset?.sessionId !== undefined && Object.keys(settings).length === 0) return preset.sessionId;
  return sessionIdOf(settings);
}

/** Returns the key that sessions are encrypted by, and those before it; none where they are not. */
function readLaravelKeys(reading: Reading): readonly LaravelKey[] {
  const key = reading.valueIfSet(variables.laravelKey);
  const previous = reading.valueIfSet(variables.laravelPreviousKeys);
  if (previous === undefined) return key === undefined ? [] : [key];
  const isRight = key !== undefined && previous.every(({ length }) => length === key.length);
  if (!isRight && !(key === undefined && reading.isSet(variables.laravelKey))) {
    reading.problem(
      variables.laravelPreviousKeys,
      `is wrong: it must be ${variables.laravelPreviousKeys.allowed}`,
    );
  }
  return key === undefined ? [] : [key, ...previous];
}

/** Returns the keys of sessions: by SESSION_KEY, by their prefix, or as the preset has them. */
async function readKeys(
  reading: Reading,
  store: StoreUrl | undefined,
  preset: Preset | undefined,
  placement: PlacementMode | undefined,
): Promise<KeyOf | undefined> {
  const { key, keyPrefix, keySecret } = variables;
  const ownKey = reading.isSet(keyPrefix) ? undefined : store && preset?.key?.[layoutOf(store)];
  const isTemplate = reading.isSet(key) || ownKey !== undefined;
  const template = isTemplate ? reading.value(key, ownKey) : undefined;
  const secret = reading.valueIfSet(keySecret);
  if (reading.isSet(keySecret) && template?.needsSecret !== true) {
    reading.problem(
      keySecret,
      "is set, and SESSION_KEY has no {hmac-sha256:SESSION_KEY_SECRET:...} or {hmac-sha3-256:...}: unset it",
    );
  }
  if (!isTemplate) {
    const prefix = reading.value(keyPrefix, prefixOf(store, preset, placement));
    return prefix === undefined ? undefined : keysWithPrefix(prefix);
  }
  if (reading.isSet(keyPrefix)) reading.problem(key, "is set beside SESSION_KEY_PREFIX: unset one of them");
  if (template === undefined) return undefined;
  if (template.needsSecret && !reading.isSet(keySecret)) {
    reading.problem(keySecret, `is missing: it must be ${keySecret.allowed}`);
  }
  const misplaced = problemOfPlacement(template, store, placement);
  if (misplaced !== undefined) reading.problem(key, `is wrong: ${misplaced}`);
  if (!template.isHashed) return keysByTemplate(template, (_, text) => text);
  const { hashesWith } = await import("../stores/key-hashes.ts");
  return keysByTemplate(template, hashesWith(secret ?? (() => "")));
}

/** Returns why sessions under such keys cannot be found in this store: PHP places them by what it has hashed itself. */
function problemOfPlacement(
  { parts, isPrefix }: KeyTemplate,
  store: StoreUrl | undefined,
  placement: PlacementMode | undefined,
): string | undefined {
  if (store?.kind === "files") {
    const hasSlash = parts.some((part) => typeof part === "string" && part.includes("/"));
    return hasSlash ? "a file's name has no slash" : undefined;
  }
  if (isPrefix || store === undefined || placement === undefined) return undefined;
  const isSpread = store.kind === "elasticache" || ("nodes" in store && store.nodes.length > 1);
  if (!isSpread || (store.kind === "redis" && store.isCluster)) return undefined;
  if (store.kind === "redis")
    return "with several servers it must be a prefix and {id}, as phpredis' handler has it";
  return placement.startsWith("client-")
    ? undefined
    : "with several nodes it must be a prefix and {id}, as PHP's save handlers have it, or SESSION_PLACEMENT a client's";
}

/** Returns the field of a hash that holds the session; only Redis has hashes. */
function readField(
  reading: Reading,
  store: StoreUrl | undefined,
  preset: Preset | undefined,
): string | undefined {
  const field = reading.valueIfSet(variables.field);
  if (store === undefined || store.kind === "redis") return field ?? (store && preset?.field?.[store.kind]);
  if (field !== undefined)
    reading.problem(variables.field, "is set, and SESSION_STORE is no Redis: unset it");
  return undefined;
}

/** Returns undefined where no prefix can be known: it has to be written down. */
function prefixOf(
  store: StoreUrl | undefined,
  preset: Preset | undefined,
  placement: PlacementMode | undefined,
): string | undefined {
  // A wrong store or placement has already been reported.
  if (store === undefined || placement === undefined) return "";
  const known = preset?.keyPrefix[layoutOf(store)];
  if (known === null) return undefined;
  return known ?? defaultPrefix(store.kind === "elasticache" ? "memcached" : store.kind, placement);
}

/**
 * Returns PHP's own prefix: of `files`, of phpredis' save handler, of aws-sdk-php's for a session named PHPSESSID, of
 * ext-memcached's save handler (2.x, and 3.1 on), and of pecl-memcache's, which has none. A site with a
 * \Memcached client of its own chose its prefix, which cannot be guessed.
 */
function defaultPrefix(store: StoreUrl["kind"], placement: PlacementMode): string | undefined {
  if (store === "files") return "sess_";
  if (store === "redis") return "PHPREDIS_SESSION:";
  if (store === "dynamodb") return "PHPSESSID_";
  if (store === "sql" || store === "custom") return "";
  if (placement.startsWith("client-")) return undefined;
  return placement.startsWith("pecl-") ? "" : "memc.sess.key.";
}

/** Returns undefined where there are no tickets. */
function readTickets(reading: Reading): TicketSettings | undefined {
  const { ticketKeys } = variables;
  const use = reading.value(variables.tickets);
  const maxSeconds = reading.value(variables.ticketMaxSeconds);
  if (use === "off" && reading.isSet(ticketKeys)) {
    reading.problem(
      ticketKeys,
      "is set, and TICKETS is off: set TICKETS to accepted or required, or unset it",
    );
  }
  if (use === undefined || use === "off") return undefined;
  const keys = reading.value(ticketKeys);
  if (keys === undefined || maxSeconds === undefined) return undefined;
  return { keys, maxSeconds, areRequired: use === "required" };
}

async function readExpressions(
  reading: Reading,
  preset: Preset | undefined,
): Promise<WhoExpressions | undefined> {
  const authenticated = reading.value(variables.authenticated, preset?.expressions.authenticated);
  const user = reading.value(variables.user, preset?.expressions.user);
  const hosts = reading.valueIfSet(variables.hosts);
  let search: WhoExpressions["search"];
  for (const [variable, expression] of [
    [variables.authenticated, authenticated],
    [variables.user, user],
    [variables.hosts, hosts],
  ] as const) {
    if (expression === undefined) continue;
    const trap = problemOfNamesIn(expression);
    if (trap !== undefined) reading.problem(variable, `is wrong: ${trap}`);
    // A plain path is valid by construction.
    if (plainPathOf(expression) !== undefined) continue;
    const { problemOfExpression, Search } = await import("../inspector/expressions/search.ts");
    search = Search;
    const problem = problemOfExpression(expression);
    if (problem !== undefined) reading.problem(variable, `is wrong: ${problem}`);
  }
  if (authenticated === undefined || user === undefined) return undefined;
  return Object.freeze({
    authenticated,
    user,
    ...(hosts !== undefined && { hosts }),
    ...(search && { search }),
  });
}

/** Returns the stage of the deployment, whatever is wrong with the rest: the metrics that say so have one, too. */
export function readStage(environment: Environment = process.env): string {
  const { name, parse, fallback } = variables.stage;
  return parse(environment[name] ?? "") ?? fallback;
}

/** Returns the configuration where secrets may be SSM's. Throws SecretError where SSM does not give one. */
export async function readConfigWithSecrets(
  readParameter: ReadParameter,
  environment: Environment = process.env,
): Promise<Config | Problems> {
  return readConfig(await withSecrets(environment, readParameter));
}

/** Returns who this is to AWS by the variables that Lambda sets, or undefined where they are not set. */
export function readIdentity(environment: Environment = process.env): AwsIdentity | undefined {
  const { AWS_REGION: region, AWS_SESSION_TOKEN: sessionToken } = environment;
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  if (!region || !accessKeyId || !secretAccessKey) return undefined;
  return { region, accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}

/** Returns the environment with these variables in place of its own: what a command line says goes first. */
export function environmentWith(changes: Environment): Environment {
  return { ...process.env, ...changes };
}
