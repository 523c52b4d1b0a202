// What runs on this machine: an ejabberd that reads a file, a relay that listens on a socket (proc(5)).

import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import type { Environment } from "../relay/config.ts";
import { readWords } from "./extauth-command.ts";

export interface Running {
  readonly pid: number;
  readonly uid: number;
  readonly environment: Environment;
  readonly directory: string;
}

/** Gives the Erlang machine whose EJABBERD_CONFIG_PATH is this file; its own user and root may see that. */
export function findEjabberd(ymlPath: string): Running | undefined {
  return find((pid) => {
    if (!/^beam/.test(readFileSync(`/proc/${pid}/comm`, "utf8"))) return undefined;
    const environment = environmentOf(pid);
    if (environment["EJABBERD_CONFIG_PATH"] !== ymlPath) return undefined;
    const { uid } = statSync(`/proc/${pid}`);
    return { pid, uid, environment, directory: readlinkSync(`/proc/${pid}/cwd`) };
  });
}

export interface RunningRelay {
  readonly pid: number;
  /** The URL and the options that it was given. */
  readonly args: readonly string[];
  readonly environment: Environment;
}

/** Gives the relay that was told to listen on this socket; its own user and root may see its environment. */
export function findRelay(socket: string): RunningRelay | undefined {
  return find((pid) => {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    const { args } = readWords(words);
    const isListening = args.some(
      (arg, i) => arg === `--listen=${socket}` || (arg === "--listen" && args[i + 1] === socket),
    );
    return isListening ? { pid, args, environment: environmentOf(pid) } : undefined;
  });
}

function find<Found>(look: (pid: number) => Found | undefined): Found | undefined {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const found = look(Number(name));
      if (found !== undefined) return found;
    } catch {
      // It has ended meanwhile, or belongs to somebody else.
    }
  }
  return undefined;
}

function environmentOf(pid: number): Environment {
  const pairs = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  return Object.fromEntries(
    pairs
      .filter((pair) => pair.includes("="))
      .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  );
}
