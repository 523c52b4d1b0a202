// Asks a store for a session under many keys, one after another: what a person does by hand with a client of the store.

import { openStore } from "../../handlers/compose.ts";
import type { Config } from "../../handlers/configuration.ts";
import type { PresetName } from "../../inspector/preset-names.ts";
import { type SessionStore, type StoredValue, StoreError } from "../../inspector/session-store.ts";

/** A value that lies under one of the keys. */
export interface Found {
  /** As SESSION_KEY has it. */
  readonly template: string;
  readonly key: string;
  readonly stored: StoredValue;
  /** Of Redis, the field of the hash. */
  readonly field?: string;
  /** Of Redis, where it is another one than SESSION_STORE's. */
  readonly database?: number;
  /** Of several nodes, the index of the one that has it. */
  readonly node?: number;
  /** Of a SQL server, the preset whose table it lies in. */
  readonly preset?: PresetName;
}

/** What one key got. */
export interface Asked {
  readonly template: string;
  readonly answer: string;
  readonly isFound: boolean;
}

export interface Answers {
  readonly asked: readonly Asked[];
  readonly found: readonly Found[];
  /** Why the store was not asked any further. */
  readonly fault?: StoreError;
}

export interface KeyToAsk {
  readonly template: string;
  readonly key: string;
}

/** The fields of the hashes that frameworks keep sessions in: Magento's and Moodle's. */
const knownFields = ["data", "sessdata"];

/** Look-ups in all, on however many nodes: with more nodes fewer keys are asked. */
const maxLookups = 2_000;
/** Redis has 16 unless it is configured otherwise. */
const maxDatabase = 15;

/** Returns what the keys got, on every node. Ends at the first fault that is no key's own. */
export async function askKeys(
  config: Config,
  keys: readonly KeyToAsk[],
  fields: readonly string[],
): Promise<Answers> {
  const { store } = config;
  const nodes = "nodes" in store ? store.nodes : [];
  if (nodes.length < 2 || !("nodes" in store)) return askOne(config, keys, fields);
  const few = keys.slice(0, Math.ceil(maxLookups / nodes.length));
  const all = await Promise.all(
    nodes.map((node) =>
      askOne({ ...config, store: { ...store, nodes: [node] } as Config["store"] }, few, fields),
    ),
  );
  const found = all.flatMap((answers, node) => answers.found.map((one) => ({ ...one, node })));
  const asked = few.map(({ template }) => answerOfAll(template, all));
  const fault = all.find((answers) => answers.fault !== undefined)?.fault;
  return { asked, found, ...(fault && found.length === 0 && { fault }) };
}

function answerOfAll(template: string, all: readonly Answers[]): Asked {
  const own = all.map(({ asked }) => asked.find((one) => one.template === template));
  const having = own.flatMap((one, node) =>
    one?.isFound === true ? [`node ${node + 1}: ${one.answer}`] : [],
  );
  const [first] = own;
  return having.length > 0
    ? { template, answer: having.join("; "), isFound: true }
    : { template, answer: first?.answer ?? "not asked", isFound: false };
}

/** Returns what the other databases of a Redis server have under these keys. */
export async function askDatabases(
  config: Config,
  keys: readonly KeyToAsk[],
  fields: readonly string[],
): Promise<{ readonly databases: number; readonly found: readonly Found[] }> {
  const { store } = config;
  const found: Found[] = [];
  if (store.kind !== "redis" || store.isCluster || store.nodes.length > 1) return { databases: 0, found };
  let databases = 0;
  for (let database = 0; database <= maxDatabase && found.length === 0; database++) {
    if (database === store.database) continue;
    const few = keys.slice(0, Math.floor(maxLookups / maxDatabase));
    const answers = await askOne({ ...config, store: { ...store, database } }, few, fields);
    if (answers.fault !== undefined) break;
    databases++;
    found.push(...answers.found.map((one) => ({ ...one, database })));
  }
  return { databases, found };
}

/** A table of a SQL server that a preset knows. */
export interface PresetTable {
  readonly preset: PresetName;
  readonly config: Config;
}

/** Returns what the tables of these presets have under the session id. Ends at the first fault that is no table's own. */
export async function askTables(sessionId: string, tables: readonly PresetTable[]): Promise<Answers> {
  const asked: Asked[] = [];
  const found: Found[] = [];
  let denied: StoreError | undefined;
  for (const { preset, config } of tables) {
    const template = `{id} in the table of SESSION_PRESET ${preset}`;
    const store = await openStore(config, () => {});
    try {
      const got = await ask(store, sessionId);
      if (got instanceof StoreError) {
        const { fault, detail = "" } = got;
        const isOfTable =
          detail === "table-not-found" || detail === "column-not-found" || detail === "access-denied";
        if (fault !== "store-refused" || !isOfTable) return { asked, found, fault: got };
        if (detail === "access-denied") denied = got;
        asked.push({ template, answer: detail, isFound: false });
      } else if (got === null) asked.push({ template, answer: "no such row", isFound: false });
      else {
        asked.push({ template, answer: sizeOf(got), isFound: true });
        found.push({ template, key: sessionId, stored: got, preset });
      }
    } finally {
      store.close();
    }
  }
  // A user whom the server lets into no table says nothing of the session: the password may be wrong.
  const isDenied = denied !== undefined && asked.every(({ answer }) => answer === denied?.detail);
  return { asked, found, ...(isDenied && { fault: denied as StoreError }) };
}

async function askOne(
  config: Config,
  keys: readonly KeyToAsk[],
  fields: readonly string[],
): Promise<Answers> {
  // Its session id is the key itself.
  const identity = { ...config, keyOf: (key: string) => key };
  const { field: _, ...withoutField } = identity;
  const store = await openStore(withoutField as Config, () => {});
  const asked: Asked[] = [];
  const found: Found[] = [];
  try {
    for (const { template, key } of keys) {
      const got = await ask(store, key);
      if (got instanceof StoreError) {
        if (!isOfKey(got)) return { asked, found, fault: got };
        const inHash = isOfHash(got) ? await askFields(identity, { template, key }, fields) : [];
        found.push(...inHash);
        asked.push({ template, answer: answerOfHash(got, inHash, fields), isFound: inHash.length > 0 });
      } else if (got === null) asked.push({ template, answer: "no such key", isFound: false });
      else {
        found.push({ template, key, stored: got });
        asked.push({ template, answer: sizeOf(got), isFound: true });
      }
    }
    return { asked, found };
  } finally {
    store.close();
  }
}

async function askFields(config: Config, at: KeyToAsk, fields: readonly string[]): Promise<Found[]> {
  const found: Found[] = [];
  for (const field of [...new Set([...fields, ...knownFields])]) {
    const store = await openStore({ ...config, field }, () => {});
    try {
      const got = await ask(store, at.key);
      if (got !== null && !(got instanceof StoreError)) found.push({ ...at, stored: got, field });
    } finally {
      store.close();
    }
  }
  return found;
}

async function ask(store: SessionStore, key: string): Promise<StoredValue | null | StoreError> {
  try {
    return await store.getData(key);
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
}

/** Whether the fault is of what lies under this key, or of the rights to it, so that the next key may be well. */
function isOfKey({ fault, detail = "" }: StoreError): boolean {
  return fault === "store-refused" && (isOfHashText(detail) || detail === "NOPERM" || detail === "WRONGTYPE");
}

function isOfHash({ detail = "" }: StoreError): boolean {
  return isOfHashText(detail) || detail === "WRONGTYPE";
}

function isOfHashText(detail: string): boolean {
  return detail.startsWith("the key is a hash");
}

function answerOfHash(
  { detail = "" }: StoreError,
  inHash: readonly Found[],
  fields: readonly string[],
): string {
  if (detail === "NOPERM") return "this user may not read it (NOPERM)";
  const [first] = inHash;
  if (first !== undefined) return `a hash, field ${first.field}: ${sizeOf(first.stored)}`;
  const names = [...new Set([...fields, ...knownFields])].join(", ");
  return isOfHashText(detail)
    ? `a hash without a field ${names}: set SESSION_FIELD to its field`
    : "neither a text nor a hash with a session";
}

function sizeOf({ bytes, flags }: StoredValue): string {
  return `${bytes.length} bytes${flags === 0 ? "" : `, flags ${flags}`}`;
}
