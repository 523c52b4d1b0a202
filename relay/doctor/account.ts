// Who ejabberd runs as, and what a program that it starts is given: the user, the environment, the directory.

import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import type { Environment } from "../config.ts";
import type { Finding } from "./finding.ts";

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** Gives the account of a line of /etc/passwd (passwd(5)): name:password:uid:gid:comment:home:shell. */
export function readAccount(passwd: string, isAsked: (account: Account) => boolean): Account | undefined {
  return passwd
    .split("\n")
    .map((line) => line.split(":"))
    .filter((fields) => fields.length === 7)
    .map(([name = "", , uid, gid, , home = ""]) => ({ name, uid: Number(uid), gid: Number(gid), home }))
    .find(isAsked);
}

export interface Surroundings {
  readonly environment: Environment;
  readonly directory: string;
  /** By its name; the user that this process runs as from now on. */
  readonly user: string;
  readonly finding: Finding;
}

/**
 * Gives what ejabberd gives its programs: that of the running one, if it reads this file, or else this process's own
 * as near as may be. As root, this process becomes ejabberd's user, for good: from then on the system itself says
 * what that user may do, and nothing that the user wrote is run as root.
 */
export function becomeEjabberd(ymlPath: string | undefined, own: Environment): Surroundings {
  const check = "ejabberd";
  const passwd = readFileSync("/etc/passwd", "utf8");
  const ownUid = process.getuid?.() ?? 0;
  const ownName = readAccount(passwd, ({ uid }) => uid === ownUid)?.name ?? String(ownUid);
  const running = ymlPath === undefined ? undefined : findRunning(ymlPath);
  const account = readAccount(passwd, ({ name, uid }) =>
    running === undefined ? name === "ejabberd" : uid === running.uid,
  );
  if (account === undefined) {
    const says = `there is no user ejabberd here: all is tried as ${ownName}`;
    return { environment: own, directory: "/", user: ownName, finding: { level: "warn", check, says } };
  }
  const { name, uid, gid, home } = account;
  if (ownUid === 0) {
    setGroups(name, gid);
    process.setgid?.(gid);
    process.setuid?.(uid);
  } else if (ownUid !== uid) {
    const says = `all is tried as ${ownName}, and what ${name} may do is not seen: run this as root or as ${name}`;
    return { environment: own, directory: "/", user: ownName, finding: { level: "warn", check, says } };
  }
  if (running !== undefined) {
    const { environment, directory, pid } = running;
    const says = `runs as ${name} (${pid}): its programs are tried with its environment`;
    return { environment, directory, user: name, finding: { level: "ok", check, says } };
  }
  const says = `none is running with this file: its programs are tried as ${name}, with the environment of this shell`;
  const environment = { ...own, HOME: home, USER: name, LOGNAME: name };
  const directory = isDirectory(home) ? home : "/";
  return { environment, directory, user: name, finding: { level: "warn", check, says } };
}

/** All groups of the account, as a program gets them that the system starts as this user; Node's types lack it. */
function setGroups(name: string, gid: number): void {
  (process as { initgroups?: (user: string, group: number) => void }).initgroups?.(name, gid);
}

interface Running {
  readonly pid: number;
  readonly uid: number;
  readonly environment: Environment;
  readonly directory: string;
}

/** Gives the Erlang machine whose EJABBERD_CONFIG_PATH is this file (proc(5)); its own user and root may see that. */
function findRunning(ymlPath: string): Running | undefined {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (!/^beam/.test(readFileSync(`/proc/${name}/comm`, "utf8"))) continue;
      const environment = readEnvironment(readFileSync(`/proc/${name}/environ`, "utf8"));
      if (environment["EJABBERD_CONFIG_PATH"] !== ymlPath) continue;
      const { uid } = statSync(`/proc/${name}`);
      return { pid: Number(name), uid, environment, directory: readlinkSync(`/proc/${name}/cwd`) };
    } catch {
      // It has ended meanwhile, or belongs to somebody else.
    }
  }
  return undefined;
}

function readEnvironment(text: string): Environment {
  const pairs = text.split("\0").map((pair) => [pair.split("=")[0] ?? "", pair.slice(pair.indexOf("=") + 1)]);
  return Object.fromEntries(pairs.filter(([name]) => name !== ""));
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Where systemd keeps units: the first one found goes before the others (systemd.unit(5)). */
const unitDirectories = [
  "/etc/systemd/system",
  "/run/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];

/** Gives the text of ejabberd's unit with what was put beside it, or nothing. */
export function readUnit(): string | undefined {
  for (const directory of unitDirectories) {
    try {
      const unit = readFileSync(`${directory}/ejabberd.service`, "utf8");
      return [unit, ...dropIns(`${unitDirectories[0]}/ejabberd.service.d`)].join("\n");
    } catch {
      // Not there.
    }
  }
  return undefined;
}

function dropIns(directory: string): string[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith(".conf"));
    return names.sort().map((name) => readFileSync(`${directory}/${name}`, "utf8"));
  } catch {
    return [];
  }
}

/** Gives the directories that a unit hides from what it runs (systemd.exec(5): ProtectHome, PrivateTmp). */
export function hiddenDirectories(unit: string): readonly string[] {
  const last = (name: string) =>
    [...unit.matchAll(new RegExp(`^\\s*${name}\\s*=\\s*(\\S+)`, "gm"))].at(-1)?.[1]?.toLowerCase() ?? "no";
  const isOn = (value: string) => ["yes", "true", "on", "1"].includes(value);
  const home = last("ProtectHome");
  return [
    ...(isOn(home) || home === "tmpfs" ? ["/home", "/root", "/run/user"] : []),
    ...(isOn(last("PrivateTmp")) || last("PrivateTmp") === "disconnected" ? ["/tmp", "/var/tmp"] : []),
  ];
}
