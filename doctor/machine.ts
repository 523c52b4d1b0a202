// Who ejabberd and the relay are on this machine, and what ejabberd gives the programs that it starts: the user, the
// environment, the directory.

import { readFileSync, statSync } from "node:fs";
import type { Environment } from "../relay/config.ts";
import { type Account, accountOf, nameOf, readAccounts } from "./accounts.ts";
import type { Finding } from "./finding.ts";
import { findInstallation, type Installation, installationOf } from "./installation.ts";
import { Proc } from "./proc.ts";
import {
  findEjabberds,
  findRelaySockets,
  findSocketHolder,
  type Running,
  type SocketHolder,
} from "./running.ts";
import { hiddenDirectories, readUnit, userOf } from "./units.ts";

/** That of inspectord-relay.service. */
export const usualSocket = "/run/inspectord/relay.sock";

export interface Surroundings {
  readonly environment: Environment;
  readonly directory: string;
  /** The name of the user as whom ejabberd's programs are tried. */
  readonly user: string;
  /**
   * As root, makes this process ejabberd's user for good. From then on the system itself says what that user may do,
   * and nothing that the user wrote runs as root.
   */
  readonly become: () => void;
  /** False where programs would run as root although ejabberd does not. */
  readonly mayRunPrograms: boolean;
  readonly finding: Finding;
}

export interface MachineOptions {
  readonly proc: Proc;
  /** The environment and the user of this process. */
  readonly own: Environment;
  readonly ownUid: number;
  readonly accounts: readonly Account[];
  /** The texts of the units; undefined where there is none. */
  readonly ejabberdUnit: string | undefined;
  readonly relayUnit: string | undefined;
}

export class Machine {
  readonly #options: MachineOptions;
  readonly #ejabberdAccount: Account | undefined;
  readonly #ejabberdUids: ReadonlySet<number>;
  readonly #relayUids: ReadonlySet<number>;
  /** Directories that ejabberd's unit hides from it. */
  readonly hidden: readonly string[];

  constructor(options: MachineOptions) {
    const { ownUid, accounts, ejabberdUnit, relayUnit } = options;
    this.#options = options;
    // A unit without User= leaves the change of user to ejabberdctl.
    const user = ejabberdUnit === undefined ? "root" : userOf(ejabberdUnit);
    this.#ejabberdAccount = accountOf(accounts, user === "root" || user === "0" ? "ejabberd" : user);
    const relayAccount = relayUnit === undefined ? undefined : accountOf(accounts, userOf(relayUnit));
    const uids = (...known: readonly (Account | undefined)[]) =>
      new Set([0, ownUid, ...known.flatMap((account) => (account === undefined ? [] : [account.uid]))]);
    this.#ejabberdUids = uids(this.#ejabberdAccount);
    this.#relayUids = uids(this.#ejabberdAccount, relayAccount);
    this.hidden = hiddenDirectories(ejabberdUnit ?? "");
  }

  /** Returns the believed processes that read this file, which need not serve it yet. `ymlPath` is absolute. */
  ejabberds(ymlPath: string): readonly Running[] {
    return findEjabberds(this.#options.proc, ymlPath, this.#ejabberdUids);
  }

  /** Returns who listens on the socket at this absolute path. */
  socketHolder(path: string): SocketHolder {
    return findSocketHolder(this.#options.proc, path, this.#relayUids);
  }

  /** Returns where ejabberd's code is: that of this process, or that of ejabberdctl. */
  installation(running: Running | undefined): Installation | undefined {
    return running === undefined ? findInstallation() : installationOf(running);
  }

  /** Returns the socket of the relay that runs here, or the one that its unit has. */
  relaySocket(): string {
    return findRelaySockets(this.#options.proc, this.#relayUids)[0] ?? usualSocket;
  }

  /** Whether what this user wrote may say which programs ejabberd runs. */
  isEjabberdsOrRoots(uid: number): boolean {
    return this.#ejabberdUids.has(uid);
  }

  nameOf(uid: number): string {
    return nameOf(this.#options.accounts, uid);
  }

  /** Returns what this ejabberd gives its programs, or what one that starts now would give them. */
  surroundingsOf(running: Running | undefined): Surroundings {
    const { own, ownUid, accounts } = this.#options;
    const check = "ejabberd";
    const account =
      running === undefined ? this.#ejabberdAccount : accounts.find(({ uid }) => uid === running.uid);
    const ownName = nameOf(accounts, ownUid);
    const asOneself = (says: string): Surroundings => ({
      environment: own,
      directory: "/",
      user: ownName,
      become: () => {},
      mayRunPrograms: ownUid !== 0,
      finding: { level: "warn", check, says },
    });
    if (account === undefined) {
      const says = "this machine has no user ejabberd";
      return asOneself(
        ownUid === 0
          ? `${says}: root runs none of its programs`
          : `${says}: everything is tried as ${ownName}`,
      );
    }
    const { name, uid, gid, home } = account;
    if (ownUid !== 0 && ownUid !== uid) {
      return asOneself(
        `everything is tried as ${ownName}: only root and ${name} can see what ${name} may do`,
      );
    }
    const become = () => {
      if (ownUid !== 0 || uid === 0) return;
      setGroups(name, gid);
      process.setgid?.(gid);
      process.setuid?.(uid);
    };
    if (running !== undefined) {
      const { environment, directory, pid } = running;
      const says = `process ${pid} runs as ${name}: everything is tried as ${name}, with its environment`;
      const finding: Finding = { level: "ok", check, says };
      return { environment, directory, user: name, become, mayRunPrograms: true, finding };
    }
    const says = `no ejabberd runs with this file: everything is tried as ${name}, with this shell's environment`;
    return {
      environment: { ...own, HOME: home, USER: name, LOGNAME: name },
      directory: isDirectory(home) ? home : "/",
      user: name,
      become,
      mayRunPrograms: uid !== 0 || ownUid !== 0,
      finding: { level: "warn", check, says },
    };
  }
}

/** Returns this machine. `own` is the environment of this process. */
export function thisMachine(own: Environment): Machine {
  return new Machine({
    proc: new Proc(),
    own,
    ownUid: process.getuid?.() ?? 0,
    accounts: readAccounts(readFileSync("/etc/passwd", "utf8")),
    ejabberdUnit: readUnit("ejabberd.service"),
    relayUnit: readUnit("inspectord-relay.service"),
  });
}

/** Sets all groups of the account, as the system does for its programs. Node's types lack it. */
function setGroups(name: string, gid: number): void {
  (process as { initgroups?: (user: string, group: number) => void }).initgroups?.(name, gid);
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
