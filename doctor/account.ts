// Who ejabberd runs as, and what a program that it starts is given: the user, the environment, the directory.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { Environment } from "../relay/config.ts";
import type { Finding } from "./finding.ts";
import { findEjabberd, type Running } from "./running.ts";

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** Gives the account of a line of /etc/passwd (passwd(5)): name:password:uid:gid:comment:home:shell. */
function readAccount(passwd: string, isAsked: (account: Account) => boolean): Account | undefined {
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
  /** The name of the user that ejabberd's programs are tried as. */
  readonly user: string;
  /**
   * As root, makes this process ejabberd's user, for good: from then on the system itself says what that user may do,
   * and nothing that the user wrote is run as root.
   */
  readonly become: () => void;
  readonly finding: Finding;
}

/** Gives what the ejabberd that runs with this file gives its programs, or as near as may be. Reads /proc as it is. */
export function findSurroundings(ymlPath: string | undefined, own: Environment): Surroundings {
  return surroundingsOf({
    own,
    ownUid: process.getuid?.() ?? 0,
    passwd: readFileSync("/etc/passwd", "utf8"),
    running: ymlPath === undefined ? undefined : findEjabberd(resolve(ymlPath)),
  });
}

interface SurroundingsOptions {
  /** The environment and the user of this process. */
  readonly own: Environment;
  readonly ownUid: number;
  /** /etc/passwd's text. */
  readonly passwd: string;
  readonly running: Running | undefined;
}

export function surroundingsOf({ own, ownUid, passwd, running }: SurroundingsOptions): Surroundings {
  const check = "ejabberd";
  const ownName = readAccount(passwd, ({ uid }) => uid === ownUid)?.name ?? String(ownUid);
  const account = readAccount(passwd, ({ name, uid }) =>
    running === undefined ? name === "ejabberd" : uid === running.uid,
  );
  const asOneself = (says: string): Surroundings => ({
    environment: own,
    directory: "/",
    user: ownName,
    become: () => {},
    finding: { level: "warn", check, says: `${says}: all is tried as ${ownName}` },
  });
  if (account === undefined) return asOneself("there is no user ejabberd here");
  const { name, uid, gid, home } = account;
  if (ownUid !== 0 && ownUid !== uid)
    return asOneself(`what ${name} may do is seen by root and by ${name} only`);
  const become = () => {
    if (ownUid !== 0 || uid === 0) return;
    setGroups(name, gid);
    process.setgid?.(gid);
    process.setuid?.(uid);
  };
  if (running !== undefined) {
    const { environment, directory, pid } = running;
    const says = `runs as ${name} (process ${pid}): all is tried with its environment`;
    return { environment, directory, user: name, become, finding: { level: "ok", check, says } };
  }
  const says = `no ejabberd runs with this file: all is tried as ${name}, with this shell's environment`;
  const environment = { ...own, HOME: home, USER: name, LOGNAME: name };
  const directory = isDirectory(home) ? home : "/";
  return { environment, directory, user: name, become, finding: { level: "warn", check, says } };
}

/** All groups of the account, as a program gets them that the system starts as this user; Node's types lack it. */
function setGroups(name: string, gid: number): void {
  (process as { initgroups?: (user: string, group: number) => void }).initgroups?.(name, gid);
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
