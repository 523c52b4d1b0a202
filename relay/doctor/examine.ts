// All of the doctor's looks, in their order: ejabberd.yml, its program, the API, and what these make together.

import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { type Environment, readConfig } from "../config.ts";
import { becomeEjabberd, hiddenDirectories, readUnit, type Surroundings } from "./account.ts";
import { checkApi, type Measured } from "./check-api.ts";
import { checkFiles } from "./check-files.ts";
import { checkPool, checkSettings, externalHosts, type Host } from "./check-settings.ts";
import { type Command, isRelays, readCommand } from "./command.ts";
import type { Finding, Place } from "./finding.ts";
import type { DoctorOptions } from "./options.ts";
import { readSettings, type Settings, settingOf } from "./settings.ts";
import { tryProgram } from "./try-program.ts";
import { maxYmlBytes, YmlFault } from "./yml.ts";

/** ejabberd waits so long for an answer. */
const answerWithinMs = 30_000;
const endWithinMs = 5_000;

export interface ExamineOptions extends DoctorOptions {
  /** The environment of this process. */
  readonly environment: Environment;
}

/** Gives the findings as they are made. Throws nothing that was foreseen. */
export async function* examine(options: ExamineOptions): AsyncGenerator<Finding> {
  const { ymlPath, relayArgs, burst } = options;
  let settings: Settings | undefined;
  if (ymlPath === undefined) {
    yield { level: "warn", check: "yml", says: "none is looked at", change: "give --ejabberd-yml" };
  } else {
    try {
      settings = readSettings(ymlPath, readText);
    } catch (fault) {
      if (!(fault instanceof YmlFault)) throw fault;
      yield { level: "fail", check: "yml", at: fault.at, says: fault.message };
    }
  }
  if (settings !== undefined) yield* checkSettings(settings);
  const surroundings = becomeEjabberd(ymlPath, options.environment);
  const programs = settings === undefined ? [] : programsOf(settings);
  if (programs.length > 0) yield surroundings.finding;
  const hosts = settings === undefined ? [] : externalHosts(settings);
  if (settings !== undefined && hosts.some(({ name }) => !settings.of(name, "extauth_program"))) {
    yield { level: "fail", check: "program", at: hosts[0]?.at, says: "a host has no extauth_program" };
  }
  for (const program of programs) {
    yield* checkFiles(program.command, {
      at: program.at,
      user: surroundings.user,
      path: surroundings.environment["PATH"] ?? "",
      directory: surroundings.directory,
      hidden: hiddenDirectories(readUnit() ?? ""),
    });
    yield* await tryProgram({
      command: program.text,
      host: program.hosts[0]?.name ?? "localhost",
      environment: surroundings.environment,
      directory: surroundings.directory,
      at: program.at,
      answerWithinMs,
      endWithinMs,
    });
  }
  if (relayArgs !== undefined) {
    const measured = yield* examineApi({ args: relayArgs, at: undefined, hosts, options, surroundings });
    if (settings !== undefined) yield* poolFindings(settings, hosts, measured, burst);
    return;
  }
  for (const { command, at, hosts: own } of programs) {
    let measured: Measured = { answerSeconds: undefined };
    if (isRelays(command.args)) {
      measured = yield* examineApi({ args: command.args, at, hosts: own, options, surroundings });
    } else {
      const says = "extauth_program names no URL: the API is not looked at";
      yield { level: "warn", check: "api", at, says, change: "give the relay's URL and options" };
    }
    if (settings !== undefined) yield* poolFindings(settings, own, measured, burst);
  }
}

interface Program {
  readonly text: string;
  readonly command: Command;
  readonly at: Place;
  readonly hosts: readonly Host[];
}

/** Gives each program once, with the hosts that ask it. */
function programsOf(settings: Settings): readonly Program[] {
  const programs = new Map<string, Program>();
  for (const host of externalHosts(settings)) {
    const set = settingOf(settings, host.name, "extauth_program");
    if (set === undefined) continue;
    const { text, at } = set;
    const before = programs.get(text) ?? { text, command: readCommand(text), at, hosts: [] };
    programs.set(text, { ...before, hosts: [...before.hosts, host] });
  }
  return [...programs.values()];
}

interface ApiLook {
  readonly args: readonly string[];
  readonly at: Place | undefined;
  readonly hosts: readonly Host[];
  readonly options: DoctorOptions;
  readonly surroundings: Surroundings;
}

async function* examineApi({
  args,
  at,
  hosts,
  options,
  surroundings,
}: ApiLook): AsyncGenerator<Finding, Measured> {
  const nothing: Measured = { answerSeconds: undefined };
  const read = readConfig(args, surroundings.environment);
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
  const { login: asked } = options;
  const login = asked && { ...asked, server: asked.server ?? hosts[0]?.name ?? "" };
  if (login?.server === "") {
    yield { level: "fail", check: "login", says: "no host is known", change: "give --user NAME@HOST" };
    return nothing;
  }
  return yield* checkApi({ config, ca, at, hosts, login });
}

function poolFindings(
  settings: Settings,
  hosts: readonly Host[],
  { answerSeconds }: Measured,
  burst: number | undefined,
): readonly Finding[] {
  return checkPool(settings, hosts, { processors: cpus().length, burst, answerSeconds });
}

/** Not more than is read anyway: who knows what a path leads to. */
function readText(path: string): string {
  const text = readFileSync(path, "utf8");
  return text.length > maxYmlBytes ? text.slice(0, maxYmlBytes + 1) : text;
}
