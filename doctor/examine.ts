// All of the doctor's checks in their order: ejabberd.yml, its program, the API, and what these make together.

import type { Stats } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import { type Environment, readConfig } from "../relay/config.ts";
import { checkApi, type Measured } from "./check-api.ts";
import { checkFiles } from "./check-files.ts";
import { checkPool, checkSettings, externalHosts, type Host } from "./check-settings.ts";
import type { DoctorOptions } from "./doctor-options.ts";
import { type Command, isRelays, readCommand } from "./extauth-command.ts";
import type { Finding, Place } from "./finding.ts";
import type { Machine, Surroundings } from "./machine.ts";
import { macroFeatures } from "./macros.ts";
import { readFileBytes } from "./read-file.ts";
import type { Running } from "./running.ts";
import { readSettings, type Settings, settingOf } from "./settings.ts";
import { tryProgram } from "./try-program.ts";
import { entryOf, maxYmlBytes, textOf, YmlError } from "./yml.ts";

/** How long ejabberd waits for an answer. */
const answerWithinMs = 30_000;
const endWithinMs = 5_000;
const maxCaBytes = 4_194_304;

export interface ExamineOptions extends Omit<DoctorOptions, "login"> {
  readonly login: AskedLogin | undefined;
  readonly machine: Pick<
    Machine,
    "ejabberds" | "socketHolder" | "surroundingsOf" | "isEjabberdsOrRoots" | "nameOf" | "hidden"
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
  const reading = ymlPath === undefined ? [] : machine.ejabberds(resolve(ymlPath));
  const { settings, isSafe } = yield* examineYml(options, machine.surroundingsOf(reading[0]));
  const running = reading.find((one) => settings !== undefined && isServing(one, settings));
  const surroundings = machine.surroundingsOf(running);
  const { environment } = surroundings;
  const hosts = settings === undefined ? [] : externalHosts(settings);
  const programs = settings === undefined ? [] : programsOf(settings, hosts);
  // Before the change of user: only root sees whose process holds a socket.
  const found: Target[] = [];
  for (const program of programs) found.push(yield* targetOf(program, surroundings, machine));
  const targets = relayArgs === undefined ? found : [{ args: relayArgs, at: undefined, hosts, environment }];
  surroundings.become();
  if (running === undefined && reading.length > 0) {
    const says = `process ${reading[0]?.pid} reads this file, but listens on none of its ports: nothing is taken from it`;
    yield { level: "warn", check: "ejabberd", says, change: "restart ejabberd, or look at its log" };
  }
  yield surroundings.finding;
  const isAsking = (host: Host) => programs.some((program) => program.hosts.includes(host));
  for (const { name, at } of hosts.filter((host) => !isAsking(host))) {
    yield { level: "fail", check: "program", at, says: `${name} has no extauth_program` };
  }
  for (const [i, program] of programs.entries()) {
    const doubt = found[i]?.isStrangers
      ? "another user would get the questions"
      : isSafe
        ? undefined
        : "others than root and ejabberd can change what would be run";
    yield* examineProgram(program, surroundings, machine.hidden, doubt);
  }

  const isOfLogin = ({ hosts: own }: Target) => own.some(({ name }) => name === login?.host);
  const targetOfLogin = targets.find(isOfLogin) ?? targets[0];
  for (const target of targets) {
    const { answerSeconds } = yield* examineApi(target, target === targetOfLogin ? login : undefined);
    if (settings === undefined) continue;
    yield* checkPool(settings, target.hosts, { processors: cpus().length, burst, answerSeconds });
  }
}

interface ReadYml {
  /** Undefined unless ejabberd.yml can be read. */
  readonly settings: Settings | undefined;
  /** Whether only root and ejabberd's user can have written the files. */
  readonly isSafe: boolean;
}

function* examineYml(
  { ymlPath, machine }: ExamineOptions,
  surroundings: Surroundings,
): Generator<Finding, ReadYml> {
  const check = "yml";
  if (ymlPath === undefined) {
    yield { level: "warn", check, says: "no ejabberd.yml is looked at", change: "give --ejabberd-yml" };
    return { settings: undefined, isSafe: true };
  }
  const files = new Map<string, Stats>();
  const readBytes = (path: string) => {
    const { bytes, stats } = readFileBytes(path, maxYmlBytes);
    files.set(path, stats);
    return bytes;
  };
  let settings: Settings | undefined;
  try {
    const { directory, environment } = surroundings;
    const features = macroFeatures(undefined);
    settings = readSettings(ymlPath, { directory, environment, features, beside: [], readBytes });
    yield* checkSettings(settings);
  } catch (fault) {
    if (!(fault instanceof YmlError)) throw fault;
    yield { level: "fail", check, at: fault.at, says: fault.message };
  }
  const unsafe = [...files].filter(
    ([, { uid, mode }]) => !machine.isEjabberdsOrRoots(uid) || (mode & 0o002) !== 0,
  );
  for (const [path, { uid, mode }] of unsafe) {
    const isAnybodys = (mode & 0o002) !== 0;
    const says = `${path} can be changed by ${isAnybodys ? "anybody" : machine.nameOf(uid)}, who can thereby run programs as ejabberd`;
    const change = isAnybodys ? `chmod 640 ${path}` : `chown ejabberd ${path}`;
    yield { level: isAnybodys ? "fail" : "warn", check, says, change };
  }
  return { settings, isSafe: unsafe.length === 0 };
}

/** Whether the process listens on one of the file's own listeners. */
function isServing({ listeners }: Running, settings: Settings): boolean {
  return settings.items("listen").some((item) => {
    const port = textOf(entryOf(item, "port")?.value) ?? "";
    return listeners.some((one) => ("port" in one ? String(one.port) === port : `unix:${one.path}` === port));
  });
}

interface Program {
  readonly text: string;
  readonly command: Command;
  readonly at: Place;
  readonly hosts: readonly Host[];
}

/** Returns each program once, with the hosts that ask it. */
function programsOf(settings: Settings, hosts: readonly Host[]): readonly Program[] {
  const programs = new Map<string, Program>();
  for (const host of hosts) {
    const set = settingOf(settings, host.name, "extauth_program");
    if (set === undefined) continue;
    const { text, at } = set;
    const before = programs.get(text) ?? { text, command: readCommand(text), at, hosts: [] };
    programs.set(text, { ...before, hosts: [...before.hosts, host] });
  }
  return [...programs.values()];
}

async function* examineProgram(
  { text, command, at, hosts }: Program,
  { user, environment, directory, mayRunPrograms }: Surroundings,
  hidden: readonly string[],
  doubt: string | undefined,
): AsyncGenerator<Finding> {
  const path = environment["PATH"] ?? "";
  const files = checkFiles(command, { at, user, path, directory, hidden });
  yield* files;
  const notTried = (why: string): Finding => ({
    level: "warn",
    check: "frames",
    at,
    says: `not tried: ${why}`,
  });
  if (!mayRunPrograms) return yield notTried("there is no user ejabberd to run the program as");
  if (doubt !== undefined) return yield notTried(doubt);
  if (files.some(({ level, check }) => level === "fail" && check === "socket")) {
    return yield notTried("the program would wait for its socket");
  }
  const host = hosts[0]?.name ?? "";
  yield* await tryProgram({ command: text, host, environment, directory, at, answerWithinMs, endWithinMs });
}

/** What a relay is given, and by whom it is asked. */
interface Target {
  readonly args: readonly string[];
  readonly at: Place | undefined;
  readonly hosts: readonly Host[];
  readonly environment: Environment;
  /** The process whose arguments and environment these are: the relay that serves the pool by a socket. */
  readonly daemon?: number;
  /** Whether another user has the socket. */
  readonly isStrangers?: true;
}

function* targetOf(
  { command, at, hosts }: Program,
  { environment, directory }: Surroundings,
  machine: ExamineOptions["machine"],
): Generator<Finding, Target> {
  const { args, socket } = command;
  const written = { args, at, hosts, environment };
  if (socket === undefined) return written;
  const path = resolve(directory, socket);
  const holder = machine.socketHolder(path);
  if (holder.kind === "relay" && isRelays(holder.relay.args)) {
    const { pid, args: given, environment: own } = holder.relay;
    return { args: given, at, hosts, environment: own, daemon: pid };
  }
  if (holder.kind === "stranger") {
    const user = holder.uid === undefined ? "more than one user" : machine.nameOf(holder.uid);
    const what =
      holder.pid === undefined
        ? `${path} belongs to ${user}`
        : `process ${holder.pid} of ${user} listens on ${path}`;
    const says = `${what}, who is neither root nor the user of inspectord-relay.service, and gets every session id`;
    yield {
      level: "fail",
      check: "relay",
      at,
      says,
      change: `end it; or if it is your relay, write User=${user} into inspectord-relay.service`,
    };
    return { ...written, isStrangers: true };
  }
  return written;
}

async function* examineApi(
  { args, at, hosts, environment, daemon }: Target,
  asked: AskedLogin | undefined,
): AsyncGenerator<Finding, Measured> {
  const nothing: Measured = { answerSeconds: undefined };
  if (daemon !== undefined) {
    const says = `process ${daemon} listens on the socket: its URL, options and environment are used`;
    yield { level: "ok", check: "relay", says };
  }
  // What the command line gives is taken at its word.
  if (at !== undefined && !isRelays(args)) {
    const says =
      "API check skipped: extauth_program has no URL, and no relay is seen that listens on its socket";
    yield { level: "warn", check: "api", at, says, change: "give the relay's URL and options" };
    return nothing;
  }
  const read = readConfig(args, environment);
  if (!("config" in read)) {
    const says = "problem" in read ? read.problem : "the relay is asked for its help or its version";
    yield { level: "fail", check: "options", at, says };
    return nothing;
  }
  const { config } = read;
  let ca: string | undefined;
  try {
    ca = config.caFile === undefined ? undefined : readFileBytes(config.caFile, maxCaBytes).bytes.toString();
  } catch (error) {
    const says = `--ca-file cannot be read (${(error as NodeJS.ErrnoException).code})`;
    yield { level: "fail", check: "options", at, says };
    return nothing;
  }
  const login = asked && { ...asked, server: asked.host ?? hosts[0]?.name ?? "" };
  if (login?.server === "") {
    yield {
      level: "fail",
      check: "login",
      says: "no host is known to log in to",
      change: "give --host HOST",
    };
    return nothing;
  }
  return yield* checkApi({ config, ca, at, hosts, login, runsPrograms: daemon === undefined });
}
