// What /proc says of the processes of this machine (proc(5)): facts only. running.ts decides which to believe.

import { readdirSync, readFileSync, readlinkSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../relay/config.ts";

/** Which process a pid means, and with whose rights it runs. */
export interface Identity {
  readonly pid: number;
  /** Clock ticks since boot. A later process with the same pid has a later one. */
  readonly startTime: string;
  /** Undefined unless the real, effective, saved and file-system ids are the same user. */
  readonly uid: number | undefined;
  /** The path of the program file. */
  readonly program: string;
  /**
   * Whether the program file has a set-user-ID or set-group-ID bit. Such a process can have root's ids, but its
   * arguments and its environment are those of the user who started it.
   */
  readonly isSetId: boolean;
}

/** A TCP port or the path of a unix socket. */
export type Listener = { readonly port: number } | { readonly path: string };

/** More descriptors than this are not read: any user can open as many as the kernel lets one have. */
export const maxDescriptors = 16_384;

const socketLink = /^socket:\[(\d+)\]$/;

export class Proc {
  readonly #root: string;

  /** @param root the directory in which proc(5) is mounted. */
  constructor(root = "/proc") {
    this.#root = root;
  }

  /** Returns the pids in ascending order. */
  pids(): readonly number[] {
    return readdirSync(this.#root)
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** Returns undefined for a process that has ended, a kernel thread, or one that this user may not look into. */
  identity(pid: number): Identity | undefined {
    return orUndefined(() => {
      // The owner of /proc/PID is no proof: a process that is not dumpable is shown as root's.
      const ids = /^Uid:\t(\d+)\t(\d+)\t(\d+)\t(\d+)$/m.exec(this.#text(pid, "status"))?.slice(1).map(Number);
      const [uid] = ids ?? [];
      const isOne = ids?.every((id) => id === uid) === true;
      return {
        pid,
        startTime: this.#startTime(pid),
        uid: isOne ? uid : undefined,
        program: readlinkSync(this.#path(pid, "exe")),
        isSetId: (statSync(this.#path(pid, "exe")).mode & 0o6000) !== 0,
      };
    });
  }

  /** @throws Error if the process has ended or is not to be seen, as all below. */
  words(pid: number): readonly string[] {
    return this.#text(pid, "cmdline").split("\0").slice(0, -1);
  }

  environment(pid: number): Environment {
    const pairs = this.#text(pid, "environ").split("\0");
    return Object.fromEntries(
      pairs
        .filter((pair) => pair.includes("="))
        .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
    );
  }

  directory(pid: number): string {
    return readlinkSync(this.#path(pid, "cwd"));
  }

  /** Returns what the process itself finds at this path; undefined if it finds nothing. */
  statAsSeenBy(pid: number, path: string): Stats | undefined {
    const absolute = path.startsWith("/") ? path : join(this.directory(pid), path);
    return orUndefined(() => statSync(join(this.#path(pid, "root"), absolute)));
  }

  /** Returns the inodes of the sockets that the process holds. */
  sockets(pid: number): ReadonlySet<string> {
    const directory = this.#path(pid, "fd");
    const inodes = new Set<string>();
    for (const name of readdirSync(directory).slice(0, maxDescriptors)) {
      const inode = orUndefined(() => socketLink.exec(readlinkSync(join(directory, name)))?.[1]);
      if (inode !== undefined) inodes.add(inode);
    }
    return inodes;
  }

  /** Returns what listens in the network namespace of this process, by the socket's inode. */
  listeners(pid: number): ReadonlyMap<string, Listener> {
    return new Map([
      ...unixListeners(this.#text(pid, "net/unix")),
      ...["net/tcp", "net/tcp6"].flatMap((name) =>
        tcpListeners(orUndefined(() => this.#text(pid, name)) ?? ""),
      ),
    ]);
  }

  /** Returns a name of the network namespace of this process. */
  network(pid: number): string {
    return readlinkSync(this.#path(pid, "ns/net"));
  }

  #startTime(pid: number): string {
    const stat = this.#text(pid, "stat");
    // "pid (name) state ...": the name may hold anything, and field 22 is the start time.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  }

  #text(pid: number, name: string): string {
    return readFileSync(this.#path(pid, name), "utf8");
  }

  #path(pid: number, name: string): string {
    return join(this.#root, String(pid), name);
  }
}

/**
 * Returns the listening sockets of a table such as /proc/net/unix. The kernel writes paths as they are, with line
 * ends in them, so a path can imitate a line. An inode with two lines is left out: one of them is an imitation.
 */
export function unixListeners(table: string): ReadonlyMap<string, Listener> {
  // Num: RefCount Protocol Flags Type St Inode Path
  const line =
    /^[0-9a-f]+: [0-9A-F]{8} [0-9A-F]{8} ([0-9A-F]{8}) [0-9A-F]{4} [0-9A-F]{2} +(\d+)(?: (.+))?$/gm;
  const seen = new Set<string>();
  const found = new Map<string, Listener>();
  for (const [, flags = "", inode = "", path] of table.matchAll(line)) {
    const isListening = (Number.parseInt(flags, 16) & acceptConnections) !== 0;
    if (seen.has(inode)) found.delete(inode);
    else if (isListening && path !== undefined) found.set(inode, { path });
    seen.add(inode);
  }
  return found;
}

/** SO_ACCEPTCON, <linux/net.h>. */
const acceptConnections = 0x1_0000;

/** Returns the listening sockets of a table such as /proc/net/tcp, by inode. */
function tcpListeners(table: string): [string, Listener][] {
  // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode; state 0A is LISTEN.
  const line = /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F:]+ 0A \S+ \S+ \S+ +\d+ +\d+ (\d+) /gm;
  return [...table.matchAll(line)].map(([, port = "", inode = ""]) => [
    inode,
    { port: Number.parseInt(port, 16) },
  ]);
}

/** Returns undefined if the process has ended meanwhile, or belongs to another user. */
function orUndefined<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
