// What extauth_program names, looked for as the user of this process: programs, scripts, sockets.

import { accessSync, constants, realpathSync, type Stats, statSync } from "node:fs";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";
import type { Command } from "./extauth-command.ts";
import type { Finding, Place } from "./finding.ts";

export interface FilesOptions {
  readonly at: Place | undefined;
  /** The name of the user that this process runs as. */
  readonly user: string;
  /** ejabberd's PATH. */
  readonly path: string;
  readonly directory: string;
  /** Directories that ejabberd's unit hides from it. */
  readonly hidden: readonly string[];
}

export function checkFiles(command: Command, options: FilesOptions): readonly Finding[] {
  const { program, script, socket } = command;
  const { at } = options;
  if (program === undefined)
    return [{ level: "fail", check: "program", at, says: "extauth_program is empty" }];
  const found = [
    ...checkProgram(program, options),
    ...(script === undefined ? [] : checkFile(resolve(options.directory, script), constants.R_OK, options)),
    ...(socket === undefined ? [] : checkSocket(resolve(options.directory, socket), options)),
  ];
  if (found.length > 0) return found;
  return [{ level: "ok", check: "program", says: `${options.user} may run ${script ?? program}` }];
}

function checkProgram(program: string, options: FilesOptions): readonly Finding[] {
  if (program.includes("/")) return checkFile(resolve(options.directory, program), constants.X_OK, options);
  const places = options.path.split(delimiter).filter(isAbsolute);
  if (places.some((place) => may(join(place, program), constants.X_OK))) return [];
  const says = `${program} is in no directory of ejabberd's PATH: write its full path`;
  return [{ level: "fail", check: "program", at: options.at, says }];
}

/** Returns at most one finding: the first fault hides those behind it. */
function checkFile(path: string, mode: number, { at, user, hidden }: FilesOptions): readonly Finding[] {
  const common = { level: "fail", check: "program", at } as const;
  const closed = closedDirectory(path);
  if (closed !== undefined) {
    const says = `${user} may not enter ${closed} (${modeOf(closed)}): ${path} is not seen`;
    return [{ ...common, says, change: `chmod o+x ${closed}, or install it below /opt` }];
  }
  const stats = statOf(path);
  if (stats === undefined) return [{ ...common, says: `${path} is not there` }];
  if (stats.isSocket()) {
    const says = `${path} is a socket, and ejabberd would run it as a program`;
    return [{ ...common, says, change: "write auth_method: [inspectord], or a program that connects to it" }];
  }
  if (!stats.isFile()) return [{ ...common, says: `${path} is no file` }];
  if (!may(path, mode)) {
    const verb = mode === constants.X_OK ? "run" : "read";
    const says = `${user} may not ${verb} ${path} (${modeOf(path)})`;
    return [{ ...common, says, change: `chmod 755 ${path}` }];
  }
  const real = realpathSync(path);
  const hiding = hidden.find((directory) => [path, real].some((one) => one.startsWith(`${directory}/`)));
  if (hiding === undefined) return [];
  const says = `${real} lies below ${hiding}, which ejabberd's systemd unit hides (ProtectHome, PrivateTmp)`;
  return [{ ...common, says, change: "install it below /opt" }];
}

/** Returns what is wrong with the socket of a relay. */
export function checkSocket(path: string, { at, user }: FilesOptions): readonly Finding[] {
  const common = { level: "fail", check: "socket", at } as const;
  const closed = closedDirectory(path);
  const change = `add ${user} to its group (usermod -aG) and restart ejabberd`;
  if (closed !== undefined) {
    return [{ ...common, says: `${user} may not enter ${closed} (${modeOf(closed)})`, change }];
  }
  const stats = statOf(path);
  if (stats === undefined)
    return [{ ...common, says: `${path} is not there`, change: "start the relay (--listen)" }];
  if (!stats.isSocket()) return [{ ...common, says: `${path} is no socket` }];
  if (may(path, constants.R_OK | constants.W_OK)) return [];
  return [{ ...common, says: `${user} may not connect to ${path} (${modeOf(path)})`, change }];
}

/** Returns the first directory above the path that this user may not enter. */
function closedDirectory(path: string): string | undefined {
  const above: string[] = [];
  for (let one = dirname(path); ; one = dirname(one)) {
    above.unshift(one);
    if (one === dirname(one)) break;
  }
  return above.find((directory) => statOf(directory) !== undefined && !may(directory, constants.X_OK));
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function modeOf(path: string): string {
  const stats = statOf(path);
  if (stats === undefined) return "not seen";
  return `mode ${(stats.mode & 0o7777).toString(8).padStart(4, "0")}, uid ${stats.uid}, gid ${stats.gid}`;
}
