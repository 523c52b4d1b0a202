// The function's configuration: environment variables, checked, once a cold start. The only reader of
// `process.env` on this side. A problem names its variable and what is allowed there, never the value:
// the address of a store may hold a password.

import { plainPathOf } from "../inspector/expressions/plain-path.ts";
import { type PlacementMode, placementModes } from "../inspector/placement-modes.ts";
import { isPresetName, type Preset, presets } from "../inspector/presets.ts";
import { type LaravelKey, laravelKeyForm, readLaravelKey } from "../inspector/session/layers/laravel-key.ts";
import type { IsUserPolicy } from "../inspector/session-inspector.ts";
import type { WhoExpressions } from "../inspector/who.ts";
import { readStoreUrl, type StoreUrl, storeUrlForms } from "../stores/store-url.ts";
import { type ConfiguredHandler, configuredHandlers } from "./decoder.ts";
import { type ReadParameter, withSecrets } from "./secrets.ts";

export interface Config {
  readonly store: StoreUrl;
  readonly placement: PlacementMode;
  /** Copies of a session beyond the first. */
  readonly replicas: number;
  readonly keyPrefix: string;
  readonly serializeHandler: ConfiguredHandler;
  /** Where it is there, only sessions that Laravel encrypted by it are read. */
  readonly laravelKey?: LaravelKey;
  readonly expressions: WhoExpressions;
  readonly servedHosts: ReadonlySet<string>;
  readonly isUserPolicy: IsUserPolicy;
  readonly namesDifferByCase: boolean;
}

const phpHandlers = configuredHandlers.filter((name) => name !== "laravel");

type Environment = Readonly<Record<string, string | undefined>>;

/** memcached's keys have at most 250 bytes, and a session id has 22 at least. */
const maxPrefixBytes = 228;

/**
 * Gives PHP's own prefix: of `files`, of phpredis' save handler, of aws-sdk-php's for a session named PHPSESSID, of
 * ext-memcached's save handler (2.x, and 3.1 on), and of pecl-memcache's, which has none. Whoever writes with a
 * \Memcached client chose one: that cannot be guessed.
 */
function defaultPrefix(store: StoreUrl["kind"], placement: string): string | undefined {
  if (store === "files") return "sess_";
  if (store === "redis") return "PHPREDIS_SESSION:";
  if (store === "dynamodb") return "PHPSESSID_";
  if (placement.startsWith("client-")) return undefined;
  return placement.startsWith("pecl-") ? "" : "memc.sess.key.";
}

/**
 * Gives the configuration, frozen, or every problem with it: with what evaluates expressions that are no plain paths,
 * loaded where there is one. Throws nothing.
 */
export async function readConfig(
  environment: Environment = process.env,
): Promise<Config | { readonly problems: string[] }> {
  const problems: string[] = [];

  /** Gives the variable's text, or the fallback where it is missing; a problem where it is not as allowed. */
  const read = (name: string, allowed: string, isAllowed: (text: string) => boolean, fallback?: string) => {
    const text = environment[name] ?? fallback;
    if (text !== undefined && isAllowed(text)) return text;
    problems.push(`${name} is ${text === undefined ? "missing" : "wrong"}: it must be ${allowed}`);
    return "";
  };
  let search: WhoExpressions["search"];
  const readExpression = async (name: string, gives: string, fallback?: string) => {
    const allowed = `a JMESPath expression that gives ${gives}`;
    const expression = read(name, allowed, (text) => text.trim() !== "", fallback);
    // A plain path is an expression without a doubt. So is nothing, which has been told of.
    if (expression === "" || plainPathOf(expression) !== undefined) return expression;
    const { problemOfExpression, Search } = await import("../inspector/expressions/search.ts");
    search = Search;
    const problem = problemOfExpression(expression);
    if (problem !== undefined) problems.push(`${name}: ${problem}`);
    return expression;
  };

  const url = readStoreUrl(read("SESSION_STORE", storeUrlForms, (text) => readStoreUrl(text) !== undefined));
  const password =
    environment["SESSION_STORE_PASSWORD"] === undefined
      ? undefined
      : read(
          "SESSION_STORE_PASSWORD",
          "Redis' password, beside a redis:// or rediss:// SESSION_STORE without one",
          (text) =>
            text !== "" && (url === undefined || (url.kind === "redis" && url.password === undefined)),
        );
  const store = url?.kind === "redis" && password !== undefined ? { ...url, password: () => password } : url;
  if (store?.kind === "redis" && store.user !== undefined && store.password === undefined) {
    problems.push("SESSION_STORE_PASSWORD is missing: SESSION_STORE names a user without a password");
  }
  // Each of a preset's settings gives way to the variable of its own.
  // The nodes that are found are memcached's.
  const layout = store?.kind === "elasticache" ? "memcached" : store?.kind;
  const presetName =
    environment["SESSION_PRESET"] === undefined
      ? ""
      : read("SESSION_PRESET", `one of ${Object.keys(presets).join(", ")}`, isPresetName);
  const preset: Preset | undefined = isPresetName(presetName) ? presets[presetName] : undefined;
  const placement = read(
    "SESSION_PLACEMENT",
    `one of ${placementModes.join(", ")}`,
    (text) => placementModes.some((mode) => mode === text),
    preset?.placement ?? "ketama",
  );
  const replicas = read(
    "SESSION_REPLICAS",
    "the number of further copies of a session, 0 to 9",
    (text) => /^[0-9]$/.test(text),
    "0",
  );
  const keyPrefix = read(
    "SESSION_KEY_PREFIX",
    `printable ASCII without spaces and slashes, at most ${maxPrefixBytes} characters`,
    (text) => /^[!-.0-~]*$/.test(text) && text.length <= maxPrefixBytes,
    layout === undefined ? "" : (preset?.keyPrefix[layout] ?? defaultPrefix(layout, placement)),
  );
  const serializeHandler = read(
    "SESSION_SERIALIZE_HANDLER",
    `PHP's session.serialize_handler (${phpHandlers.join(", ")}), or laravel`,
    (text) => configuredHandlers.some((name) => name === text),
    preset?.serializeHandler ?? "php",
  );
  const laravelKey =
    environment["LARAVEL_APP_KEY"] === undefined
      ? undefined
      : readLaravelKey(read("LARAVEL_APP_KEY", laravelKeyForm, (text) => readLaravelKey(text) !== undefined));
  const authenticated = await readExpression(
    "AUTHENTICATED_EXPRESSION",
    "true for a user who is logged in",
    preset?.expressions.authenticated,
  );
  const user = await readExpression("USER_EXPRESSION", "the site's user name", preset?.expressions.user);
  const allowedHosts =
    environment["HOSTS_EXPRESSION"] === undefined
      ? undefined
      : await readExpression("HOSTS_EXPRESSION", "the hosts that the user may log in to");
  const hosts = read(
    "SERVED_HOSTS",
    "the XMPP hosts of this site's users, lower case, separated by commas",
    (text) => splitList(text).every(isHost),
  );
  const isUserPolicy = read(
    "ISUSER_POLICY",
    "all or none",
    (text) => text === "all" || text === "none",
    "all",
  );
  const nameCase = read(
    "USER_NAME_CASE",
    "insensitive, if names that differ in case only are one account on the site, or sensitive",
    (text) => text === "insensitive" || text === "sensitive",
    "insensitive",
  );
  read("STAGE", stageForm, isStage, localStage);
  if (problems.length > 0 || store === undefined) return { problems };
  return Object.freeze({
    store,
    placement: placement as PlacementMode,
    replicas: Number(replicas),
    keyPrefix,
    serializeHandler: serializeHandler as ConfiguredHandler,
    ...(laravelKey && { laravelKey }),
    expressions: Object.freeze({
      authenticated,
      user,
      ...(allowedHosts !== undefined && { hosts: allowedHosts }),
      ...(search && { search }),
    }),
    servedHosts: new Set(splitList(hosts)),
    isUserPolicy: isUserPolicy as IsUserPolicy,
    namesDifferByCase: nameCase === "sensitive",
  });
}

const localStage = "local";
const stageForm = "letters, digits, hyphens and underscores, at most 64";

function isStage(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,64}$/.test(text);
}

/** Gives the stage of the deployment, whatever is wrong with the rest: the metrics that say so have one, too. */
export function readStage({ STAGE }: Environment = process.env): string {
  return STAGE !== undefined && isStage(STAGE) ? STAGE : localStage;
}

/** Gives the configuration where secrets may be SSM's. Throws SecretError where SSM does not give one. */
export async function readConfigWithSecrets(
  readParameter: ReadParameter,
  environment: Environment = process.env,
): ReturnType<typeof readConfig> {
  return readConfig(await withSecrets(environment, readParameter));
}

/** Gives the environment with these variables in place of its own: what a command line says goes first. */
export function environmentWith(variables: Environment): Environment {
  return { ...process.env, ...variables };
}

function splitList(text: string): string[] {
  return text.split(",").map((item) => item.trim());
}

/** Whether ejabberd can pass this as a host: not empty, in lower case, no blanks and no address of a user. */
function isHost(host: string): boolean {
  return host !== "" && host === host.toLowerCase() && !/[\s@/:]/u.test(host);
}
