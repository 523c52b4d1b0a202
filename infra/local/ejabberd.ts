// A real ejabberd in a directory of its own: no systemd, no epmd, own ports, ended by its pid.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ejabberdLibraries } from "./debian.ts";
import { startProcess } from "./process.ts";

export interface Ejabberd {
  readonly pid: number;
  /** All that ejabberd and its external-auth programs wrote. */
  log(): string;
  /** The pids of its external-auth programs, by a word of their command line. */
  programs(word: string): number[];
  stop(): Promise<void>;
}

export interface EjabberdOptions {
  /** Empty, and kept until it is stopped. */
  readonly directory: string;
  /** ejabberd.yml's text. */
  readonly config: string;
  readonly isReady: () => Promise<boolean>;
  /** Directories of further Erlang applications. */
  readonly libraries?: readonly string[];
  /** More of an environment, which ejabberd hands on to its external-auth programs. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts it. Throws with its log when it does not come up. */
export async function startEjabberd(options: EjabberdOptions): Promise<Ejabberd> {
  const { directory, config, isReady, libraries = [], env } = options;
  const inDirectory = (name: string) => join(directory, name);
  mkdirSync(inDirectory("logs"));
  writeFileSync(inDirectory("ejabberd.yml"), config);
  writeFileSync(inDirectory("inetrc"), "");
  const started = await startProcess({
    command: "erl",
    args: [
      ...["+K", "true", "-env", "ERL_CRASH_DUMP_BYTES", "0"],
      ...["-mnesia", "dir", `"${inDirectory("spool")}"`, "-s", "ejabberd", "-noinput"],
    ],
    cwd: directory,
    env: {
      ...process.env,
      ERL_LIBS: [ejabberdLibraries(), ...libraries].join(":"),
      EJABBERD_CONFIG_PATH: inDirectory("ejabberd.yml"),
      EJABBERD_LOG_PATH: inDirectory("logs/ejabberd.log"),
      EJABBERD_PID_PATH: inDirectory("ejabberd.pid"),
      ERL_MAX_PORTS: "32000",
      ERL_INETRC: inDirectory("inetrc"),
      HOME: directory,
      ...env,
    },
    isReady,
  });
  return {
    pid: started.pid,
    log: () => started.output() + readFileSync(inDirectory("logs/ejabberd.log"), "utf8"),
    programs: (word) => descendants(started.pid).filter((pid) => commandLine(pid).includes(word)),
    stop: () => started.stop(),
  };
}

function descendants(pid: number): number[] {
  const children = readdirSync("/proc")
    .map(Number)
    .filter((other) => Number.isInteger(other) && parentOf(other) === pid);
  return [...children, ...children.flatMap(descendants)];
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // pid (name) state parent ...; the name may hold anything.
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
