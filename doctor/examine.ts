// All of the doctor's looks, in their order: ejabberd.yml, its program, the API, and what these make together.

import { readFileSync, statSync } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import { type Environment, readConfig } from "../relay/config.ts";
import { hiddenDirectories, readUnit, type Surroundings } from "./account.ts";
import { checkApi, type Measured } from "./check-api.ts";
import { checkFiles } from "./check-files.ts";
import { checkPool, checkSettings, externalHosts, type Host } from "./check-settings.ts";
import type { DoctorOptions } from "./doctor-options.ts";
import { type Command, isRelays, readCommand } from "./extauth-command.ts";
import type { Finding, Place } from "./finding.ts";
import { findRelay } from "./running.ts";
import { readSettings, type Settings, settingOf } from "./settings.ts";
import { tryProgram } from "./try-program.ts";
import { maxYmlBytes, YmlFault } from "./yml.ts";

/** ejabberd waits so long for an answer. */
const answerWithinMs = 30_000;
const endWithinMs = 5_000;

export interface ExamineOptions extends DoctorOptions {
  readonly surroundings: Surroundings;
}

/** Gives the findings as they are made. Throws nothing that was foreseen. */
export async function* examine(options: ExamineOptions): AsyncGenerator<Finding> {
  const { relayArgs, burst, login, surroundings } = options;
  const { environment } = surroundings;
  const settings = yield* examineYml(options);
  const hosts = settings === undefined ? [] : externalHosts(settings);
  const programs = settings === undefined ? [] : programsOf(settings, hosts);
  // While it can be seen: it belongs to another user than ejabberd's.
  const targets =
    relayArgs === undefined
      ? programs.map((program) => targetOf(program, surroundings))
      : [{ args: relayArgs, at: undefined, hosts, environment }];
  surroundings.become();
  yield surroundings.finding;
  const isAsking = (host: Host) => programs.some((program) => program.hosts.includes(host));
  for (const { name, at } of hosts.filter((host) => !isAsking(host))) {
    yield { level: "fail", check: "program", at, says: `${name} has no extauth_program` };
  }
  for (const program of programs) yield* examineProgram(program, surroundings);

  const isOfLogin = ({ hosts: own }: Target) => own.some(({ name }) => name === login?.server);
  const targetOfLogin = targets.find(isOfLogin) ?? targets[0];
  for (const target of targets) {
    const { answerSeconds } = yield* examineApi(target, target === targetOfLogin ? login : undefined);
    if (settings === undefined) continue;
    yield* checkPool(settings, target.hosts, { processors: cpus().length, burst, answerSeconds });
  }
}

/** Gives the settings, if they can be read. */
function* examineYml({ ymlPath, surroundings }: ExamineOptions): Generator<Finding, Settings | undefined> {
  const check = "yml";
  if (ymlPath === undefined) {
    yield { level: "warn", check, says: "none is looked at", change: "give --ejabberd-yml" };
    return undefined;
  }
  try {
    const settings = readSettings(ymlPath, surroundings.directory, readText);
    yield* checkSettings(settings);
    return settings;
  } catch (fault) {
    if (!(fault instanceof YmlFault)) throw fault;
    yield { level: "fail", check, at: fault.at, says: fault.message };
    return undefined;
  }
}

interface Program {
  readonly text: string;
  readonly command: Command;
  readonly at: Place;
  readonly hosts: readonly Host[];
}

/** Gives each program once, with the hosts that ask it. */
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
  { user, environment, directory }: Surroundings,
): AsyncGenerator<Finding> {
  const path = environment["PATH"] ?? "";
  const hidden = hiddenDirectories(readUnit() ?? "");
  const files = checkFiles(command, { at, user, path, directory, hidden });
  yield* files;
  if (files.some(({ level, check }) => level === "fail" && check === "socket")) {
    yield { level: "warn", check: "frames", at, says: "not tried: the program would wait for its socket" };
    return;
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
  /** The process that serves the pool by a socket. */
  readonly daemon?: number;
}

function targetOf({ command, at, hosts }: Program, { environment, directory }: Surroundings): Target {
  const { args, socket } = command;
  const daemon = socket === undefined ? undefined : findRelay(resolve(directory, socket));
  if (daemon === undefined) return { args, at, hosts, environment };
  return { args: daemon.args, at, hosts, environment: daemon.environment, daemon: daemon.pid };
}

async function* examineApi(
  { args, at, hosts, environment, daemon }: Target,
  asked: DoctorOptions["login"],
): AsyncGenerator<Finding, Measured> {
  const nothing: Measured = { answerSeconds: undefined };
  if (daemon !== undefined) {
    const says = `process ${daemon} listens: its URL, options and environment are used, no file that it alone may read`;
    yield { level: "ok", check: "relay", says };
  }
  // What the command line gives is taken at its word.
  if (at !== undefined && !isRelays(args)) {
    const says =
      "extauth_program names no URL, and no relay is seen that serves it: the API is not looked at";
    yield { level: "warn", check: "api", at, says, change: "give the relay's URL and options" };
    return nothing;
  }
  const read = readConfig(args, environment);
  if (!("config" in read)) {
    const says = "problem" in read ? read.problem : "it is asked for its help or version";
    yield { level: "fail", check: "options", at, says };
    return nothing;
  }
  const { config } = read;
  let ca: string | undefined;
  try {
    ca = config.caFile === undefined ? undefined : readFileSync(config.caFile, "utf8");
  } catch (error) {
    const says = `--ca-file cannot be read (${(error as NodeJS.ErrnoException).code})`;
    yield { level: "fail", check: "options", at, says };
    return nothing;
  }
  const login = asked && { ...asked, server: asked.server ?? hosts[0]?.name ?? "" };
  if (login?.server === "") {
    yield { level: "fail", check: "login", says: "no host is known", change: "give --user NAME@HOST" };
    return nothing;
  }
  return yield* checkApi({ config, ca, at, hosts, login });
}

/** Throws an error whose code says why there is no such text: who knows what a path leads to. */
function readText(path: string): string {
  const stats = statSync(path);
  if (!stats.isFile()) throw Object.assign(new Error("no file"), { code: "no file" });
  if (stats.size > maxYmlBytes) throw Object.assign(new Error("too large"), { code: "too large" });
  return readFileSync(path, "utf8");
}
