// Under which keys a session may lie whose settings nobody knows yet: those that PHP's save handlers and the frameworks
// write by themselves. Only the operator's command guesses; the function never does.
//
// A key stands here as SESSION_KEY has it (stores/session-key.ts), so that what is shown of it holds no session id.
//
// Source: the files named in inspector/presets.ts; docs/frameworks.md, docs/sessions.md.

import { type Preset, presets } from "../../inspector/presets.ts";
import { hashesWith } from "../../stores/key-hashes.ts";
import type { StoreUrl } from "../../stores/store-url.ts";

/** One more than any site needs, and few enough that a busy store does not feel them. */
const maxKeyGuesses = 100;

const phpHandlers = ["memc.sess.key.", "memc.sess.", ""];
const phpredis = ["PHPREDIS_SESSION:", "PHPREDIS_CLUSTER_SESSION:"];
const laravel = ["laravel_cache_", "laravel_cache_:", "laravel-cache-", "laravel_cache:", "laravel:"];
const laravelConnections = ["laravel_database_", "laravel-database-"];
const symfony = ["sf_s", "sf2s"];
const cakephp = ["myapp_cake_sessions_", "cake_sessions_", "myapp_cake_session_", "myapp_", "cake_"];
const mediawiki = ["wiki", "my_wiki", "wikidb", "mediawiki"].map((wiki) => `${wiki}:MWSession:`);
const moodle = ["mdl_", "mdl_session_", "session_", "moodle_", "moodle_session_"];
const handMade = ["sess_", "sess:", "session:", "sessions:", "PHPSESSID:", "PHPSESSID_"];

/** The prefixes by kind of store, the likeliest first. What a preset has is added. */
const prefixes: Readonly<Partial<Record<StoreUrl["kind"], readonly string[]>>> = {
  memcached: [...phpHandlers, ...laravel, ...symfony, ...cakephp, ...mediawiki, ...moodle, ...handMade],
  redis: [
    ...phpredis,
    "",
    ...laravelConnections.flatMap((connection) => [connection, ...laravel.map((own) => connection + own)]),
    ...laravel,
    ...symfony,
    ...moodle,
    ...cakephp,
    ...mediawiki,
    ...handMade,
  ],
  dynamodb: ["PHPSESSID_", "", ...laravel],
  files: ["sess_", ""],
};

/** Yii's application ids, of its own templates: their md5 begins the keys of yii\redis\Session. */
const yiiApplications = ["basic", "app", "my-app", "app-frontend", "app-backend"];

const typo3Suffix = "core-session-backend";

/** What the operator's environment says of keys. */
export interface KnownOfKeys {
  readonly key?: string | undefined;
  readonly prefix?: string | undefined;
  readonly secret?: string | undefined;
}

/** Returns the templates of the keys to ask for, the likeliest first: what the operator has set stands before all others. */
export function keyGuesses(kind: StoreUrl["kind"], idLength: number, known: KnownOfKeys): readonly string[] {
  const layout = kind === "elasticache" ? "memcached" : kind;
  const ofPresets = Object.values<Preset>(presets).flatMap(({ keyPrefix, key }) => {
    const prefix = keyPrefix[layout];
    return [typeof prefix === "string" ? `${prefix}{id}` : [], key?.[layout] ?? []].flat();
  });
  const { key: ownKey, prefix: own } = known;
  const keyed = known.secret === undefined ? [] : keyedEnds;
  const ends = ["{id}", ...(layout === "files" ? [] : [...hashedEnds(idLength), ...keyed])];
  const told = [ownKey ?? [], own === undefined ? [] : ends.map((end) => `${own}${end}`)].flat();
  const all = [
    ...told,
    ...(prefixes[layout] ?? [""]).map((prefix) => `${prefix}{id}`),
    ...ofPresets,
    ...hashedKeys(layout, idLength, known),
  ];
  return [...new Set(all)].slice(0, maxKeyGuesses);
}

/** Those that need SESSION_KEY_SECRET: TYPO3's, by its version. */
const keyedEnds = ["{hmac-sha256:SESSION_KEY_SECRET:{id}}", "{hmac-sha3-256:SESSION_KEY_SECRET:{id}}"];

/** Returns the ends of keys that hold a hash of the id, without the prefix that only a site knows. */
function hashedEnds(idLength: number): readonly string[] {
  return [
    String.raw`{md5:["yii\\redis\\Session","{id}"]}`,
    String.raw`{md5:["yii\\web\\CacheSession","{id}"]}`,
    String.raw`{md5:a:2:{open}i:0;s:20:"yii\web\CacheSession";i:1;s:${idLength}:"{id}";{close}}`,
  ];
}

function hashedKeys(layout: string, idLength: number, { secret }: KnownOfKeys): readonly string[] {
  if (layout === "sql") return secret === undefined ? [] : keyedEnds;
  if (layout !== "memcached" && layout !== "redis" && layout !== "custom") return [];
  const hash = hashesWith(() => "");
  const ends = hashedEnds(idLength);
  const yii = ends.flatMap((end) => [
    end,
    ...yiiApplications.map((application) => `${hash("md5", application).slice(0, 5)}${end}`),
  ]);
  // TYPO3's secret is its encryptionKey and a suffix; the key holds the SHA-1 of the former.
  const encryptionKey = secret?.endsWith(typo3Suffix) ? secret.slice(0, -typo3Suffix.length) : undefined;
  const typo3 =
    encryptionKey === undefined
      ? []
      : [`typo3_ses_FE_${hash("sha1", encryptionKey)}_{hmac-sha3-256:SESSION_KEY_SECRET:{id}}`];
  return [...typo3, ...yii];
}

/** Returns the key as it is shown: the place of the id, and no id. */
export function shownKey(template: string): string {
  return template.replaceAll("{id}", "<id>");
}

/** Returns the variable that says this key. */
export function settingOfKey(template: string): Readonly<Record<string, string>> {
  const prefix = template.slice(0, -"{id}".length);
  const isPrefix = template.endsWith("{id}") && !/[{}]/.test(prefix);
  return isPrefix ? { SESSION_KEY_PREFIX: prefix } : { SESSION_KEY: template };
}
