// All of the doctor's checks in their order: ejabberd.yml, what the host's own ejabberd says of it, the way to the relay,
// the API, and what these make together.

import { type Stats, statSync } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import { type Environment, readConfig } from "../relay/config.ts";
import { askEjabberd, type EjabberdAnswers } from "./ask-ejabberd.ts";
import { checkApi, type Measured, nothingMeasured } from "./check-api.ts";
import { checkCertificates } from "./check-certificates.ts";
import { checkAnswers, checkRecommended, checkShadow } from "./check-ejabberd.ts";
import { checkFiles, checkSocket } from "./check-files.ts";
import { checkListeners, checkPasswords } from "./check-listeners.ts";
import { checkLogout, watchOf } from "./check-logout.ts";
import {
  checkAnonymous,
  checkCache,
  checkMethods,
  checkSasl,
  isSocketPath,
  recommendedMethod,
  socketOf,
} from "./check-methods.ts";
import { checkModules } from "./check-modules.ts";
import { checkPool } from "./check-pool.ts";
import { checkValues } from "./check-values.ts";
import type { DoctorOptions } from "./doctor-options.ts";
import { type Command, isRelays, readCommand } from "./extauth-command.ts";
import { distinct, type Finding, type Place } from "./finding.ts";
import { type Host, hasMethod, hostsOf, isOurs, isPooled } from "./hosts.ts";
import { filesOfModules, type Installation } from "./installation.ts";
import { type Machine, type Surroundings, usualSocket } from "./machine.ts";
import { macroFeatures } from "./macros.ts";
import { readFileBytes } from "./read-file.ts";
import type { Running } from "./running.ts";
import { readSettings, type Settings, settingOf } from "./settings.ts";
import { tryProgram, trySocket } from "./try-program.ts";
import { entryOf, maxYmlBytes, textOf, YmlError } from "./yml.ts";

/** How long ejabberd waits for an answer. */
const answerWithinMs = 30_000;
const endWithinMs = 5_000;
const certificateWithinMs = 5_000;
/** Erlang starts slowly on a busy machine. */
const askWithinMs = 60_000;
const maxCaBytes = 4_194_304;

export interface ExamineOptions extends Omit<DoctorOptions, "login"> {
  readonly login: AskedLogin | undefined;
  readonly machine: Pick<
    Machine,
    | "ejabberds"
    | "socketHolder"
    | "relaySocket"
    | "installation"
    | "surroundingsOf"
    | "isEjabberdsOrRoots"
    | "nameOf"
    | "hidden"
  >;
}

/** A login whose verdict is asked for; its host is the first that asks InspectorD where none is named. */
export interface AskedLogin {
  readonly userName: string;
  readonly host: string | undefined;
  readonly session: string;
}

/** Yields the findings as they are made. */
export async function* examine(options: ExamineOptions): AsyncGenerator<Finding> {
  const { relayArgs, ymlPath, burst, login, machine } = options;
  const file = ymlPath === undefined ? undefined : resolve(ymlPath);
  const reading = file === undefined ? [] : machine.ejabberds(file);
  const installation = machine.installation(reading[0]);
  const yml =
    file === undefined ? noYml : readYml(file, machine, machine.surroundingsOf(reading[0]), installation);
  const { settings } = yml;
  const running = reading.find((one) => settings !== undefined && isServing(one, settings));
  const surroundings = machine.surroundingsOf(running);
  const hosts = settings === undefined ? [] : hostsOf(settings);
  // Before the change of user: only root sees which process holds a socket.
  const recommendedSocket = machine.relaySocket();
  const doors = settings === undefined ? [] : doorsOf(settings, hosts, surroundings, machine);
  surroundings.become();

  if (file === undefined) {
    yield {
      level: "warn",
      check: "yml",
      says: "no ejabberd.yml is looked at",
      change: "give --ejabberd-yml",
    };
  }
  yield* yml.findings;
  yield* findingsOfProcess(reading, running, surroundings);
  const answers =
    file === undefined || !yml.isSafe
      ? undefined
      : await ask(file, settings, hosts, installation, surroundings);
  if (file !== undefined) yield* checkAnswers(answers, settings, hosts, file);
  if (!hosts.some(isOurs)) yield* checkRecommended(answers);
  yield* checkShadow(answers, installation);
  if (settings !== undefined && file !== undefined) {
    const recommended = { method: recommendedMethod(answers), socket: recommendedSocket, file };
    yield* checkMethods(settings, hosts, recommended);
    yield* checkConfiguration(settings, hosts, answers);
    const { directory } = surroundings;
    const isRunning = running !== undefined;
    yield* await checkCertificates(settings, servedHosts(hosts), {
      directory,
      isRunning,
      now: new Date(),
      timeoutMs: certificateWithinMs,
    });
  }
  for (const door of doors) yield* examineDoor(door, surroundings, machine.hidden, yml.isSafe);

  const targets =
    relayArgs === undefined ? doors.map(targetOf) : [givenTarget(relayArgs, hosts, surroundings)];
  const isOfLogin = (target: Target) => target.hosts.some(({ name }) => name === login?.host);
  const targetOfLogin = targets.find(isOfLogin) ?? targets[0];
  for (const target of targets) {
    const { answerSeconds, policies } = yield* examineApi(
      target,
      target === targetOfLogin ? login : undefined,
      settings,
    );
    if (settings === undefined) continue;
    yield* checkAnonymous(settings, target.hosts, policies);
    const pooled = target.hosts.filter(isPooled);
    yield* checkPool(settings, pooled, { processors: cpus().length, burst, answerSeconds });
  }
}

/** Returns the hosts of whose settings is spoken: where none asks InspectorD yet, of all. */
function servedHosts(hosts: readonly Host[]): readonly Host[] {
  const own = hosts.filter(isOurs);
  return own.length > 0 ? own : hosts;
}

function checkConfiguration(
  settings: Settings,
  hosts: readonly Host[],
  answers: EjabberdAnswers | undefined,
): readonly Finding[] {
  const meant = servedHosts(hosts);
  return distinct([
    ...checkValues(settings),
    ...checkCache(settings, hosts.filter(isOurs), answers?.uncached),
    ...checkSasl(settings, meant),
    ...checkListeners(settings),
    ...checkPasswords(settings, hosts.filter(isOurs), recommendedMethod(answers)),
    ...checkModules(settings, meant),
    ...checkLogout(settings, meant),
  ]);
}

interface ReadYml {
  /** Undefined unless ejabberd.yml can be read. */
  readonly settings: Settings | undefined;
  /** Whether only root and ejabberd's user can have written the files. */
  readonly isSafe: boolean;
  readonly findings: readonly Finding[];
}

const noYml: ReadYml = { settings: undefined, isSafe: false, findings: [] };

function readYml(
  file: string,
  machine: ExamineOptions["machine"],
  { directory, environment: own }: Surroundings,
  installation: Installation | undefined,
): ReadYml {
  const check = "yml";
  const files = new Map<string, Stats>();
  const readBytes = (path: string) => {
    const { bytes, stats } = readFileBytes(path, maxYmlBytes);
    files.set(path, stats);
    return bytes;
  };
  const environment = { ...own, ...installation?.environment };
  const findings: Finding[] = [];
  let settings: Settings | undefined;
  try {
    settings = readSettings(file, {
      directory,
      environment,
      features: macroFeatures(installation?.version),
      beside: filesOfModules(environment),
      readBytes,
    });
  } catch (error) {
    if (!(error instanceof YmlError)) throw error;
    findings.push({ level: "fail", check, at: error.at, says: error.message });
  }
  const unsafe = [...files].filter(
    ([, { uid, mode }]) => !machine.isEjabberdsOrRoots(uid) || (mode & 0o002) !== 0,
  );
  for (const [path, { uid, mode }] of unsafe) {
    const isAnybodys = (mode & 0o002) !== 0;
    const says = `${path} can be changed by ${isAnybodys ? "anybody" : machine.nameOf(uid)}, who can thereby run programs as ejabberd`;
    const change = isAnybodys ? `chmod 640 ${path}` : `chown ejabberd ${path}`;
    findings.push({ level: isAnybodys ? "fail" : "warn", check, says, change });
  }
  return { settings, isSafe: unsafe.length === 0, findings };
}

function findingsOfProcess(
  reading: readonly Running[],
  running: Running | undefined,
  surroundings: Surroundings,
): readonly Finding[] {
  if (running !== undefined || reading[0] === undefined) return [surroundings.finding];
  const says = `process ${reading[0].pid} reads this file, but listens on none of its ports: nothing is taken from it`;
  const change = "restart ejabberd, or look at its log";
  return [{ level: "warn", check: "ejabberd", says, change }, surroundings.finding];
}

/** Asks the host's own ejabberd, if its code is here and may be run. */
async function ask(
  ymlPath: string,
  settings: Settings | undefined,
  hosts: readonly Host[],
  installation: Installation | undefined,
  { environment, directory, mayRunPrograms }: Surroundings,
): Promise<EjabberdAnswers | undefined> {
  if (installation === undefined || !mayRunPrograms) return undefined;
  // ejabberd would install what is named there.
  if (settings?.everywhere.some(({ name }) => name === "install_contrib_modules") === true) return undefined;
  const names = hosts.flatMap(({ methods }) => methods.map(({ name }) => name));
  const methods = [...new Set([...names, "inspectord", "extguard"])].filter((name) =>
    /^[a-z0-9_]+$/.test(name),
  );
  const ownDirectory =
    statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true ? directory : "/";
  return askEjabberd({
    installation,
    ymlPath,
    methods,
    environment,
    directory: ownDirectory,
    withinMs: askWithinMs,
  });
}

/** Whether the process listens on one of the file's own listeners. */
function isServing({ listeners }: Running, settings: Settings): boolean {
  return settings.items("listen").some((item) => {
    const port = textOf(entryOf(item, "port")?.value) ?? "";
    return listeners.some((one) => ("port" in one ? String(one.port) === port : `unix:${one.path}` === port));
  });
}

/** The way from ejabberd to a relay: a program of extauth, or the socket that the module connects to. */
interface Door {
  /** extauth_program's text; undefined for the module. */
  readonly program: string | undefined;
  readonly command: Command;
  /** The absolute path of the relay's socket, if there is one. */
  readonly socket: string | undefined;
  readonly at: Place;
  readonly hosts: readonly Host[];
  readonly holder: ReturnType<Machine["socketHolder"]>;
  readonly environment: Environment;
  readonly findings: readonly Finding[];
}

/** Returns each way once, with the hosts that take it. */
function doorsOf(
  settings: Settings,
  hosts: readonly Host[],
  { environment, directory }: Surroundings,
  machine: ExamineOptions["machine"],
): readonly Door[] {
  const doors = new Map<string, Door>();
  for (const host of hosts.filter(isOurs)) {
    const set = settingOf(settings, host.name, "extauth_program");
    const isModule = hasMethod(host, "inspectord");
    if (set === undefined && !isModule) continue;
    const text = set?.text ?? usualSocket;
    const command = readCommand(text);
    const named = isModule ? socketOf(text) : command.socket;
    // The module refuses to start, or the pool would run a socket: both are said already.
    if (isModule ? named === undefined : isSocketPath(text, usualSocket)) continue;
    const key = `${isModule} ${text}`;
    const before = doors.get(key);
    if (before !== undefined) {
      doors.set(key, { ...before, hosts: [...before.hosts, host] });
      continue;
    }
    const at = set?.at ?? host.at;
    const socket = named === undefined ? undefined : resolve(directory, named);
    const holder = socket === undefined ? ({ kind: "unseen" } as const) : machine.socketHolder(socket);
    const findings = holder.kind === "stranger" ? [strangerFinding(holder, socket ?? "", at, machine)] : [];
    const program = isModule ? undefined : text;
    doors.set(key, { program, command, socket, at, hosts: [host], holder, environment, findings });
  }
  return [...doors.values()];
}

function strangerFinding(
  { uid, pid }: { readonly uid: number | undefined; readonly pid: number | undefined },
  socket: string,
  at: Place,
  machine: ExamineOptions["machine"],
): Finding {
  const user = uid === undefined ? "more than one user" : machine.nameOf(uid);
  const what =
    pid === undefined ? `${socket} belongs to ${user}` : `process ${pid} of ${user} listens on ${socket}`;
  return {
    level: "fail",
    check: "relay",
    at,
    says: `${what}, who is neither root nor the user of inspectord-relay.service, and gets every session id`,
    change: `end it; or if it is your relay, write User=${user} into inspectord-relay.service`,
  };
}

async function* examineDoor(
  { program, command, socket, at, hosts, holder, findings }: Door,
  { user, environment, directory, mayRunPrograms }: Surroundings,
  hidden: readonly string[],
  isSafe: boolean,
): AsyncGenerator<Finding> {
  yield* findings;
  const path = environment["PATH"] ?? "";
  const options = { at, user, path, directory, hidden };
  const files = program === undefined ? checkSocket(socket ?? "", options) : checkFiles(command, options);
  yield* files;
  const notTried = (why: string): Finding => ({
    level: "warn",
    check: "frames",
    at,
    says: `not tried: ${why}`,
  });
  if (holder.kind === "stranger") return yield notTried("another user would get the questions");
  if (files.some(({ level, check }) => level === "fail" && check === "socket")) {
    return yield notTried("there is no socket to connect to");
  }
  const trial = { host: hosts[0]?.name ?? "", at, answerWithinMs, endWithinMs };
  if (program === undefined) return yield await trySocket(socket ?? "", trial);
  if (!mayRunPrograms) return yield notTried("there is no user ejabberd to run the program as");
  if (!isSafe) return yield notTried("others than root and ejabberd can change what would be run");
  yield await tryProgram({ ...trial, command: program, environment, directory });
}

/** What a relay is given, and by whom it is asked. */
interface Target {
  readonly args: readonly string[];
  readonly at: Place | undefined;
  readonly hosts: readonly Host[];
  readonly environment: Environment;
  /** The process whose arguments and environment these are. */
  readonly daemon?: number;
}

function targetOf({ command, at, hosts, holder, environment }: Door): Target {
  if (holder.kind === "relay" && isRelays(holder.relay.args)) {
    const { pid, args, environment: own } = holder.relay;
    return { args, at, hosts, environment: own, daemon: pid };
  }
  return { args: command.args, at, hosts, environment };
}

function givenTarget(args: readonly string[], hosts: readonly Host[], { environment }: Surroundings): Target {
  return { args, at: undefined, hosts: hosts.filter(isOurs), environment };
}

async function* examineApi(
  { args, at, hosts, environment, daemon }: Target,
  asked: AskedLogin | undefined,
  settings: Settings | undefined,
): AsyncGenerator<Finding, Measured> {
  if (daemon !== undefined) {
    const says = `process ${daemon} listens on the socket: its URL, options and environment are used`;
    yield { level: "ok", check: "relay", says };
  }
  // What the command line gives is taken at its word.
  if (at !== undefined && !isRelays(args)) {
    const says =
      "API check skipped: extauth_program has no URL, and no relay is seen that listens on its socket";
    yield { level: "warn", check: "api", at, says, change: "give the relay's URL and options" };
    return nothingMeasured;
  }
  const read = readConfig(args, environment);
  if (!("config" in read)) {
    const says = "problem" in read ? read.problem : "the relay is asked for its help or its version";
    yield { level: "fail", check: "options", at, says };
    return nothingMeasured;
  }
  const { config } = read;
  let ca: string | undefined;
  try {
    ca = config.caFile === undefined ? undefined : readFileBytes(config.caFile, maxCaBytes).bytes.toString();
  } catch (error) {
    const says = `--ca-file cannot be read (${(error as NodeJS.ErrnoException).code})`;
    yield { level: "fail", check: "options", at, says };
    return nothingMeasured;
  }
  const login = asked && { ...asked, server: asked.host ?? hosts[0]?.name ?? "" };
  if (login?.server === "") {
    yield {
      level: "fail",
      check: "login",
      says: "no host is known to log in to",
      change: "give --host HOST",
    };
    return nothingMeasured;
  }
  const isWatched = settings !== undefined && hosts.some((host) => watchOf(settings, host) !== undefined);
  return yield* checkApi({ config, ca, at, hosts, login, isWatched, runsPrograms: daemon === undefined });
}
