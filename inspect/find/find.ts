// Finds a session whose settings nobody knows yet, and returns the settings that a function needs for it: which key, which
// layers and handler, and who would log in by which expressions.

import { type Config, environmentWith, readConfig } from "../../handlers/configuration.ts";
import { secretVariables, variables } from "../../handlers/variables.ts";
import { localpartOfUserName } from "../../inspector/localpart.ts";
import { presetNames } from "../../inspector/preset-names.ts";
import type { StoreError } from "../../inspector/session-store.ts";
import type { Verdict } from "../../inspector/verdict.ts";
import { hashesWith } from "../../stores/key-hashes.ts";
import { keysByTemplate, readKeyTemplate } from "../../stores/session-key.ts";
import {
  type Asked,
  askDatabases,
  askKeys,
  askTables,
  type Found,
  type KeyToAsk,
  type PresetTable,
} from "./ask-keys.ts";
import { type Fit, type Fits, fitsOf } from "./fitting.ts";
import { keyGuesses, settingOfKey } from "./key-guesses.ts";
import { otherProtocol } from "./other-protocol.ts";
import { type Reading, type Readings, readingsOf } from "./readings.ts";
import { placementsOf, type Settings, tryLogin } from "./settings.ts";

/** One value that was found, and what it is. */
export interface Place {
  readonly found: Found;
  readonly readings: Readings;
  readonly reading?: Reading;
  readonly fits?: Fits;
  /** By which placements of several nodes PHP files it there. */
  readonly placements?: readonly string[];
  /** What a function with the first fit's settings says of its user's login. */
  readonly verdict?: Verdict;
}

export interface Search {
  readonly asked: readonly Asked[];
  /** How many other databases of Redis were asked for the same keys. */
  readonly databases: number;
  /** What is worth most first. */
  readonly places: readonly Place[];
  readonly fault?: StoreError;
  /** What is wrong with the scheme of SESSION_STORE. */
  readonly otherProtocol?: string;
}

/** Values that are looked into: a session lies in one place, a copy or a cache's entry in few others. */
const maxPlaces = 4;

/** What the environment says, as far as a search can use it. */
export interface Known {
  readonly config: Config;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly secrets: Settings;
  /** The tables of presets, where SESSION_STORE names a SQL server and no table. */
  readonly tables: readonly PresetTable[];
}

const needless = {
  AUTHENTICATED_EXPRESSION: "`false`",
  USER_EXPRESSION: "`null`",
  SERVED_HOSTS: "localhost",
  SESSION_KEY_PREFIX: "",
};

/** Returns what is known without the settings that are searched for, or every problem with it. */
export async function readKnown(
  environment: Readonly<Record<string, string | undefined>> = environmentWith({}),
): Promise<Known | { readonly problems: readonly string[] }> {
  const { SESSION_STORE } = environment;
  const names = [...secretVariables].filter((name) => name !== variables.ticketKeys.name);
  const secrets = Object.fromEntries(names.flatMap((name) => pair(name, environment[name])));
  const ofStore = Object.fromEntries(
    pair(variables.storePassword.name, environment["SESSION_STORE_PASSWORD"]),
  );
  const ofLaravel = Object.fromEntries(
    [variables.laravelKey.name, variables.laravelPreviousKeys.name].flatMap((name) =>
      pair(name, environment[name]),
    ),
  );
  const store = Object.fromEntries(pair("SESSION_STORE", SESSION_STORE));
  const config = await readConfig({ ...needless, ...store, ...ofStore, ...ofLaravel });
  if (!("problems" in config)) return { config, environment, secrets, tables: [] };
  const tables = await tablesOf({ ...store, ...ofStore, ...ofLaravel });
  const [first] = tables;
  return first === undefined ? config : { config: first.config, environment, secrets, tables };
}

/** Returns the tables of presets that this SESSION_STORE can have. */
async function tablesOf(store: Settings): Promise<PresetTable[]> {
  if (!/^(?:mysql|postgres):/.test(store["SESSION_STORE"] ?? "")) return [];
  const { SESSION_KEY_PREFIX: _, ...others } = needless;
  const tables: PresetTable[] = [];
  for (const preset of presetNames) {
    const config = await readConfig({ ...others, ...store, SESSION_PRESET: preset });
    if (!("problems" in config)) tables.push({ preset, config });
  }
  return tables;
}

function pair(name: string, value: string | undefined): [string, string][] {
  return value === undefined ? [] : [[name, value]];
}

/** Whether the environment says nothing but where the sessions are: then there is everything to be found. */
export function knowsTheStoreAlone(): boolean {
  const environment = environmentWith({});
  const found = Object.values(variables)
    .filter(({ name }) => environment[name] !== undefined)
    .map(({ name }): string => name);
  const given = [variables.store, variables.servedHosts, variables.stage].map(({ name }): string => name);
  return (
    found.includes(variables.store.name) &&
    found.every((name) => given.includes(name) || secretVariables.includes(name))
  );
}

/**
 * Returns where the session is and how it is read. `config` has the store as it is asked: an ElastiCache cluster's nodes
 * in place of its id. `user` is the site's name of the session's user, where the operator says it.
 */
export async function findSession(
  sessionId: string,
  known: Known,
  config: Config,
  nowSeconds: number,
  user?: string,
): Promise<Search> {
  const { environment } = known;
  const fields = [environment["SESSION_FIELD"] ?? []].flat();
  const keys = keysToAsk(sessionId, known);
  const { tables } = known;
  const answers = await (tables.length > 0 ? askTables(sessionId, tables) : askKeys(config, keys, fields));
  const { asked, fault } = answers;
  if (fault !== undefined) {
    const other = await otherProtocol(config);
    return { asked, databases: 0, places: [], fault, ...(other !== undefined && { otherProtocol: other }) };
  }
  const others =
    answers.found.length > 0 ? { databases: 0, found: [] } : await askDatabases(config, keys, fields);
  const all = [...answers.found, ...others.found].slice(0, maxPlaces);
  const places: Place[] = [];
  for (const found of all) places.push(await placeOf(found, sessionId, known, config, nowSeconds, user));
  return { asked, databases: others.databases, places: places.toSorted((a, b) => worthOf(b) - worthOf(a)) };
}

function keysToAsk(sessionId: string, { config, environment, secrets }: Known): KeyToAsk[] {
  const { SESSION_KEY: key, SESSION_KEY_PREFIX: prefix } = environment;
  const secret = secrets["SESSION_KEY_SECRET"];
  const guesses = keyGuesses(config.store.kind, sessionId.length, { key, prefix, secret });
  return guesses.flatMap((template) => {
    const read = readKeyTemplate(template);
    if (read === undefined || (read.needsSecret && secret === undefined)) return [];
    return [
      {
        template,
        key: keysByTemplate(
          read,
          hashesWith(() => secret ?? ""),
        )(sessionId),
      },
    ];
  });
}

async function placeOf(
  found: Found,
  sessionId: string,
  known: Known,
  config: Config,
  nowSeconds: number,
  user: string | undefined,
): Promise<Place> {
  const readings = readingsOf(found.stored, config.laravelKeys);
  const placements =
    found.node === undefined ? undefined : await placementsOf(config, sessionId, found.key, found.node);
  const place = { found, readings, ...(placements !== undefined && { placements }) };
  let best: Place = place;
  for (const reading of readings.readings) {
    const fits = await fitsOf(reading, {
      kind: config.store.kind,
      sessionId,
      settings: settingsOf(found, known, placements),
      secrets: secretsOf(found, known),
      nowSeconds,
    });
    const read = { ...place, reading, fits };
    if (best.reading === undefined || worthOf(read) > worthOf(best)) best = read;
  }
  return best.fits === undefined ? best : tried(best, ofUserFirst(best.fits, user), sessionId);
}

/** Fits that are tried until one lets its user in. */
const maxTried = 4;

function ofUserFirst(fits: Fits, user: string | undefined): Fits {
  const isOther = ({ userName }: Fit) => Number(userName !== user);
  return user === undefined ? fits : { ...fits, fits: fits.fits.toSorted((a, b) => isOther(a) - isOther(b)) };
}

/** Returns the place with the fits in order: one that lets its user in goes first. */
async function tried(place: Place, fits: Fits, sessionId: string): Promise<Place> {
  let first: Verdict | undefined;
  for (const fit of fits.fits.slice(0, maxTried)) {
    const verdict = await checkLogin(fit, sessionId);
    // A name that cannot log in says nothing of the settings: no other value goes before it.
    if (verdict === undefined && place.reading?.isPartial !== true) return { ...place, fits };
    first ??= verdict;
    if (verdict?.outcome !== "allowed") continue;
    const others = fits.fits.filter((other) => other !== fit);
    return { ...place, fits: { ...fits, fits: [fit, ...others] }, verdict };
  }
  // A part of a session may hide what forbids the login.
  if (place.reading?.isPartial === true) return { ...place, fits: { ...fits, fits: [] } };
  return { ...place, ...(first !== undefined && { verdict: first }) };
}

/** More fits are worth more than none, a reading more than none, a user whose login does not count more than nobody. */
function worthOf({ reading, fits }: Place): number {
  if (reading === undefined || fits === undefined) return 0;
  if (fits.fits.length > 0) return 3;
  return fits.refusing.some(({ hasUser }) => hasUser) ? 2 : 1;
}

/** Returns what a function with these settings says of a login of their user. */
async function checkLogin(fit: Fit, sessionId: string): Promise<Verdict | undefined> {
  const prepared = localpartOfUserName(fit.userName);
  if ("problem" in prepared) return undefined;
  return tryLogin(fit.settings, fit.secrets, sessionId, prepared.localpart);
}

/** SESSION_STORE, the hosts, and all that says where the value is. */
function settingsOf(found: Found, known: Known, placements: readonly string[] | undefined): Settings {
  const { environment } = known;
  const [placement] = placements ?? [];
  return {
    SESSION_STORE: printableStore(environment["SESSION_STORE"] ?? "", found.database),
    SERVED_HOSTS: environment["SERVED_HOSTS"] ?? exampleHost,
    ...(found.preset === undefined ? settingOfKey(found.template) : { SESSION_PRESET: found.preset }),
    ...(found.field !== undefined && { SESSION_FIELD: found.field }),
    ...(placement !== undefined && { SESSION_PLACEMENT: placement }),
  };
}

export const exampleHost = "example.org";

/** Returns the store's URL without its password. */
function printableStore(url: string, database: number | undefined): string {
  const [, scheme = "", access = "", rest = ""] = /^([a-z0-9+]+:\/\/)(?:([^@/]*)@)?(.*)$/s.exec(url) ?? [];
  const [user = ""] = access.split(":");
  const own = `${scheme}${user === "" ? "" : `${user}@`}${rest}`;
  return database === undefined ? own : `${own.replace(/\/\d+$/, "")}/${database}`;
}

function passwordOf(url: string): string | undefined {
  const [, password] = /^[a-z0-9+]+:\/\/[^@/:]*:([^@/]*)@/.exec(url) ?? [];
  return password === undefined ? undefined : decodeURIComponent(password);
}

function secretsOf(found: Found, known: Known): Settings {
  const all = { ...known.secrets };
  const password = passwordOf(known.environment["SESSION_STORE"] ?? "");
  if (password !== undefined) all["SESSION_STORE_PASSWORD"] = password;
  const { SESSION_KEY_SECRET, ...others } = all;
  const isKeyed = found.template.includes("SESSION_KEY_SECRET");
  return { ...others, ...(isKeyed && SESSION_KEY_SECRET !== undefined && { SESSION_KEY_SECRET }) };
}
