// `npm run inspect`: shows an operator one session. The result goes to stdout and what is wrong to stderr. Neither holds
// the session id, and values only if they are asked for.

import { createInspector, openStore } from "../handlers/compose.ts";
import type { Config } from "../handlers/configuration.ts";
import { type ConfiguredHandler, decoderOf } from "../handlers/decoder.ts";
import { unwrapOf } from "../handlers/unwrap.ts";
import { localpartOfUserName } from "../inspector/localpart.ts";
import { Budget } from "../inspector/session/budget.ts";
import { toDocument } from "../inspector/session/document.ts";
import { decoders } from "../inspector/session/formats/formats.ts";
import { decodeJson } from "../inspector/session/formats/json.ts";
import { maxSessionBytes } from "../inspector/session/limits.ts";
import type { PhpSession } from "../inspector/session/model.ts";
import { UnreadableSessionError } from "../inspector/session/unreadable.ts";
import { type SessionStore, type StoredValue, StoreError } from "../inspector/session-store.ts";
import type { Verdict } from "../inspector/verdict.ts";
import { whoIsLoggedIn } from "../inspector/who.ts";
import { readSessionId } from "../terminal/session-id-input.ts";
import { expressionTree, type TreeLine } from "./expression-tree.ts";
import { findSession, knowsTheStoreAlone, readKnown } from "./find/find.ts";
import { factsOfSearch, sessionFound, settingsToPaste } from "./find/find-report.ts";
import { readInspectConfig } from "./inspect-configuration.ts";
import { type InspectOptions, readInspectOptions, usage } from "./inspect-options.ts";
import { maskLeaf, quoted } from "./leaf.ts";
import { problemOfSessionId } from "./no-session-id.ts";
import { TextOpener } from "./opened-text.ts";
import { printDocument } from "./print-document.ts";
import { type Fact, reportOf } from "./report.ts";

/** memcached's default limit for one value: nothing larger was stored. */
const maxStoredBytes = 2 * maxSessionBytes;

/** What is shown is bounded by the length of what is printed. */
const unlimited = new Budget(Number.POSITIVE_INFINITY);
/** The id of a session that came as bytes, without one. */
const anySessionId = "0".repeat(32);

/** Prohibited in a localpart (RFC 3920, appendix A): the name of no user. */
const noLocalpart = "/";

/** Why there is nothing to print, as a code, and the program's exit code. */
class InspectError extends Error {
  readonly exitCode: number;

  constructor(code: string, exitCode: number) {
    super(code);
    this.exitCode = exitCode;
  }
}

// A reader such as head closes the pipe when it has enough.
process.stdout.on("error", () => {});
try {
  await main(process.argv.slice(2));
} catch (error) {
  // Only the name of any other error: its message could hold a piece of the session.
  console.error(error instanceof InspectError ? error.message : `internal-error: ${(error as Error).name}`);
  process.exitCode = error instanceof InspectError ? error.exitCode : 1;
}

async function main(args: readonly string[]): Promise<void> {
  const options = readInspectOptions(args);
  if (options === "help") {
    console.log(usage);
    return;
  }
  if ("problem" in options) throw new InspectError(`usage: ${options.problem} (--help says more)`, 2);
  if (options.find === true || (isUnspecific(options) && knowsTheStoreAlone())) return find(options);
  const configured = await readInspectConfig(options);
  if ("problems" in configured) {
    throw new InspectError(`bad-configuration: ${configured.problems.join("\n  ")}`, 2);
  }
  const sessionId = options.isRaw ? undefined : await sessionIdOf(options);
  const { config, facts } = await withNodesFound(configured, sessionId);
  const store =
    sessionId === undefined
      ? storeOf({ bytes: await readStdin(), flags: options.flags })
      : await openStore(config, () => {});
  const looked = await look(store, sessionId ?? anySessionId);
  store.close();
  if (options.json) console.log(await jsonOf(looked, config, options));
  else await report(looked, config, options, [...facts, ...(await factsOfPlace(looked, config, sessionId))]);
}

/** Whether the command line says nothing of how a session is read, and a person reads the answer. */
function isUnspecific({ isRaw, json, preset, serializeHandler }: InspectOptions): boolean {
  return !isRaw && !json && preset === undefined && serializeHandler === undefined;
}

/** Finds the session, and prints the settings for it. */
async function find(options: InspectOptions): Promise<void> {
  const known = await readKnown();
  if ("problems" in known) throw new InspectError(`bad-configuration: ${known.problems.join("\n  ")}`, 2);
  const sessionId = await sessionIdOf(options);
  const { config, facts } = await withNodesFound(known.config, sessionId);
  const search = await findSession(sessionId, known, config, Date.now() / 1000, options.user);
  const session = sessionFound(search);
  const tree = session && treeOf(session, options);
  const text = [
    reportOf([...facts, ...factsOfSearch(search, options)], tree ?? [], hasColours()),
    settingsToPaste(search),
  ];
  // A site may keep the id in the session itself.
  console.log(text.filter(Boolean).join("\n\n").replaceAll(sessionId, "<id>"));
  if (search.fault !== undefined) throw new InspectError(search.fault.fault, 1);
  if (search.places.length === 0) throw new InspectError("no-session", 1);
  if (session === undefined) throw new InspectError("unreadable-session", 1);
  orTooLarge(tree);
}

function hasColours(): boolean {
  return process.stdout.isTTY && process.stdout.hasColors();
}

function treeOf(session: PhpSession, { showValues }: InspectOptions): TreeLine[] | undefined {
  return expressionTree(toDocument(session, undefined, unlimited), showValues, new TextOpener());
}

async function sessionIdOf({ sessionFile }: InspectOptions): Promise<string> {
  const read = await readSessionId(sessionFile, {
    input: process.stdin,
    prompt: (text) => process.stderr.write(text),
  });
  if ("problem" in read) throw new InspectError(`usage: ${read.problem}`, 2);
  const problem = problemOfSessionId(read.sessionId);
  if (problem !== undefined) throw new InspectError(`usage: ${problem}`, 2);
  return read.sessionId;
}

/** Returns the configuration with the nodes of an ElastiCache cluster in place of its id, and facts of the cluster. */
async function withNodesFound(
  config: Config,
  sessionId: string | undefined,
): Promise<{ config: Config; facts: Fact[] }> {
  const { store } = config;
  if (store.kind !== "elasticache" || sessionId === undefined) return { config, facts: [] };
  const { factOfCluster, findMemcached } = await import("./cluster-facts.ts");
  const found = await findMemcached(store.clusterId);
  if ("problem" in found) throw new InspectError(`discovery-failed: ${found.problem}`, 1);
  return {
    config: { ...config, store: { kind: "memcached", ...found.nodes } },
    facts: [factOfCluster(found.cluster)],
  };
}

/** Returns a store that has the same for every session id. */
function storeOf(looked: Looked): SessionStore {
  const getData = async () => {
    if (looked instanceof StoreError) throw looked;
    return looked;
  };
  return {
    getData,
    async getMany(sessionIds) {
      const value = await getData();
      return { stored: new Map(sessionIds.map((id) => [id, value])), faults: [] };
    },
    close() {},
  };
}

async function readStdin(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxStoredBytes) throw new InspectError("too-large", 1);
  }
  return Buffer.concat(chunks);
}

type Looked = StoredValue | null | StoreError;

async function look(store: SessionStore, sessionId: string): Promise<Looked> {
  try {
    return await store.getData(sessionId);
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
}

async function jsonOf(looked: Looked, config: Config, options: InspectOptions): Promise<string> {
  if (options.user === undefined) {
    const read = await readBy(config, looked);
    if (read instanceof InspectError) throw read;
    return orTooLarge(printDocument(toDocument(read, undefined, unlimited), options.showValues));
  }
  const { outcome, ...why } = await judge(looked, config, options.user);
  const reason = "reason" in why ? why.reason : "fault" in why ? why.fault : null;
  const user = await userOf(looked, config, options);
  return orTooLarge(printDocument({ verdict: outcome, reason, user }, true));
}

/** Returns what the login of this user would get. `userName` is the site's. */
async function judge(looked: Looked, config: Config, userName: string): Promise<Verdict> {
  const [server = ""] = config.servedHosts;
  const prepared = localpartOfUserName(userName);
  // No session has this localpart, so the verdict is what it is without the user.
  const user = "localpart" in prepared ? prepared.localpart : noLocalpart;
  const inspector = await createInspector(config, storeOf(looked));
  return inspector.inspect({
    op: "auth",
    user,
    server,
    password: anySessionId,
  });
}

/** Returns the site's name of the user who is logged in, masked unless values are shown; null if there is none. */
async function userOf(
  looked: Looked,
  config: Config,
  { showValues }: InspectOptions,
): Promise<string | null> {
  const session = await readBy(config, looked);
  if (session instanceof InspectError) return null;
  const who = whoIsLoggedIn(session, config.expressions, Date.now() / 1000);
  if (!("userName" in who)) return null;
  return showValues ? who.userName : maskLeaf(who.userName);
}

async function readBy(config: Config, looked: Looked): Promise<PhpSession | InspectError> {
  if (looked === null) return new InspectError("no-session", 1);
  if (looked instanceof StoreError) return new InspectError(looked.fault, 1);
  try {
    const [unwrap, decode] = await Promise.all([unwrapOf(config), decoderOf(config)]);
    return decode(unwrap(looked));
  } catch (error) {
    if (error instanceof UnreadableSessionError) return new InspectError(error.code, 1);
    throw error;
  }
}

function orTooLarge<T>(printed: T | undefined): T {
  if (printed === undefined) throw new InspectError("too-large-to-print", 1);
  return printed;
}

async function report(
  looked: Looked,
  config: Config,
  options: InspectOptions,
  factsOfPlaces: readonly Fact[],
): Promise<void> {
  const { serializeHandler } = config;
  const session = await readBy(config, looked);
  const isRead = !(session instanceof InspectError);
  const facts = [...factsOfPlaces];
  if (looked instanceof StoreError && looked.detail !== undefined) {
    facts.push({ about: "why", text: looked.detail, isGood: false });
  }
  if (looked !== null && !(looked instanceof StoreError)) {
    const text = `${serializeHandler}${isRead ? "" : `: ${session.message}`}`;
    facts.push({ about: "read as", text, isGood: isRead });
    facts.push(await factOfHandlers(looked, config));
  }
  if (options.user !== undefined) {
    facts.push(factOfLogin(options.user));
    const { outcome, ...why } = await judge(looked, config, options.user);
    const text = [outcome, ...Object.values(why)].join(" ");
    facts.push({ about: "verdict", text, isGood: outcome === "allowed" });
    const user = await userOf(looked, config, options);
    if (user !== null) {
      facts.push({ about: "user", text: options.showValues ? quoted(user) : user, isGood: true });
    }
  }
  const tree = isRead ? treeOf(session, options) : [];
  console.log(reportOf(facts, tree ?? [], hasColours()));
  if (!isRead) throw session;
  orTooLarge(tree);
}

async function factsOfPlace(looked: Looked, config: Config, sessionId: string | undefined): Promise<Fact[]> {
  if (sessionId === undefined) return [];
  if ("nodes" in config.store) {
    const { findOnNodes } = await import("./node-facts.ts");
    return findOnNodes(config, config.store, sessionId);
  }
  const isThere = looked !== null && !(looked instanceof StoreError);
  return [
    {
      about: "store",
      text: `${config.store.kind} ${isThere ? "has it" : "does not have it"}`,
      isGood: isThere,
    },
  ];
}

/** Says which name the site's user logs in by. */
function factOfLogin(userName: string): Fact {
  const prepared = localpartOfUserName(userName);
  if ("problem" in prepared) {
    const text = `${quoted(userName)} cannot log in: ${prepared.problem}`;
    return { about: "login", text, isGood: false };
  }
  return { about: "login", text: `logs in as ${prepared.localpart}@HOST`, isGood: true };
}

/** Says which handlers can have written these bytes, below the configured layers. */
async function factOfHandlers(stored: StoredValue, { layers }: Config): Promise<Fact> {
  const fitting: string[] = [];
  for (const [name, decode] of Object.entries({ ...decoders, json: decodeJson })) {
    const unwrap = await unwrapOf({ layers, serializeHandler: name as ConfiguredHandler });
    try {
      decode(unwrap(stored));
      fitting.push(name);
    } catch (error) {
      if (!(error instanceof UnreadableSessionError)) throw error;
    }
  }
  return { about: "fits", text: fitting.join(", ") || "no handler", isGood: fitting.length === 1 };
}
