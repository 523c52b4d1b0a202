// Which running processes are believed: an ejabberd that reads a file, the relay behind a socket.
//
// Any user can start a process with any name, arguments and environment. So nothing is taken from a process unless it
// holds the listening socket in question and belongs to a trusted user; and all that is read of it is read between two
// looks at its identity, so that neither a reused pid nor an exec in between goes unnoticed.

import { type Stats, statSync } from "node:fs";
import type { Environment } from "../relay/config.ts";
import { isRelays, readWords } from "./extauth-command.ts";
import type { Identity, Listener, Proc } from "./proc.ts";

export interface Running {
  readonly pid: number;
  readonly uid: number;
  readonly environment: Environment;
  readonly directory: string;
  /** The program file: Erlang's virtual machine. */
  readonly program: string;
  /** Its arguments, the program's own name not among them. */
  readonly args: readonly string[];
  /** What it listens on. */
  readonly listeners: readonly Listener[];
}

/**
 * Returns the Erlang machines of these users that were told to read this very file. `ymlPath` is absolute. Whether one
 * serves the file's listeners is for the caller to see.
 */
export function findEjabberds(proc: Proc, ymlPath: string, trusted: ReadonlySet<number>): readonly Running[] {
  const file = statOf(ymlPath);
  if (file === undefined) return [];
  return proc.pids().flatMap((pid) =>
    believed(proc, pid, trusted, ({ uid, program }) => {
      if (!/(^|\/)beam[^/]*$/.test(program.replace(/ \(deleted\)$/, ""))) return [];
      const environment = proc.environment(pid);
      const read = environment["EJABBERD_CONFIG_PATH"];
      // A path can mean another file there: in a container, say.
      if (read === undefined || !isSameFile(proc.statAsSeenBy(pid, read), file)) return [];
      const held = proc.sockets(pid);
      const listeners = [...proc.listeners(pid)].filter(([inode]) => held.has(inode)).map(([, one]) => one);
      const directory = proc.directory(pid);
      return [{ pid, uid, environment, directory, program, args: proc.words(pid).slice(1), listeners }];
    }),
  );
}

interface RunningRelay {
  readonly pid: number;
  readonly uid: number;
  /** The URL and the options that it was given. */
  readonly args: readonly string[];
  readonly environment: Environment;
}

/**
 * `relay`: a trusted user's, which holds the socket. `stranger`: the socket is another user's, or such a user's process
 * holds it; `pid` is undefined unless the process was seen. `unseen`: no process was seen that holds it.
 */
export type SocketHolder =
  | { readonly kind: "relay"; readonly relay: RunningRelay }
  | { readonly kind: "stranger"; readonly uid: number | undefined; readonly pid: number | undefined }
  | { readonly kind: "unseen" };

/** Returns who listens on the socket at this absolute path. */
export function findSocketHolder(proc: Proc, path: string, trusted: ReadonlySet<number>): SocketHolder {
  const socket = statOf(path);
  if (socket === undefined || !socket.isSocket()) return { kind: "unseen" };
  // Who bound it: the owner of the file, whatever processes can be seen.
  if (!trusted.has(socket.uid)) return { kind: "stranger", uid: socket.uid, pid: undefined };
  let relay: RunningRelay | undefined;
  const listenersOf = listenersByNetwork(proc);
  for (const pid of proc.pids()) {
    if (!holds(proc, pid, socket, listenersOf)) continue;
    const [found] = believed(proc, pid, trusted, ({ uid }) => {
      const { args } = readWords(proc.words(pid));
      // The pid may mean another process by now.
      if (!holds(proc, pid, socket, listenersOf)) return [];
      return [{ pid, uid, args, environment: proc.environment(pid) }];
    });
    if (found === undefined) {
      const identity = proc.identity(pid);
      if (identity === undefined || !holds(proc, pid, socket, listenersOf)) continue;
      return { kind: "stranger", uid: identity.uid, pid };
    }
    if (relay === undefined || !isRelays(relay.args)) relay = found;
  }
  if (relay === undefined || !isSameFile(statOf(path), socket)) return { kind: "unseen" };
  return { kind: "relay", relay };
}

/** Returns the sockets that relays of these users listen on. */
export function findRelaySockets(proc: Proc, trusted: ReadonlySet<number>): readonly string[] {
  return proc.pids().flatMap((pid) =>
    believed(proc, pid, trusted, () => {
      const { args } = readWords(proc.words(pid));
      if (!isRelays(args) || !args.some((arg) => arg.startsWith("--listen"))) return [];
      const held = proc.sockets(pid);
      return [...proc.listeners(pid)].flatMap(([inode, one]) =>
        held.has(inode) && "path" in one && isThere(proc, pid, one.path) ? [one.path] : [],
      );
    }),
  );
}

/** Whether the path means the same socket here as it does to the process. */
function isThere(proc: Proc, pid: number, path: string): boolean {
  const own = path.startsWith("/") ? statOf(path) : undefined;
  return own?.isSocket() === true && isSameFile(proc.statAsSeenBy(pid, path), own);
}

type ListenersOf = (pid: number) => ReadonlyMap<string, Listener>;

/** The table of a network namespace is the same for all of its processes, and read once. */
function listenersByNetwork(proc: Proc): ListenersOf {
  const tables = new Map<string, ReadonlyMap<string, Listener>>();
  return (pid) => {
    const network = proc.network(pid);
    const table = tables.get(network) ?? proc.listeners(pid);
    tables.set(network, table);
    return table;
  };
}

/** Whether the process holds a listening socket which, as the process itself sees the path, is this file. */
function holds(proc: Proc, pid: number, file: FileId, listenersOf: ListenersOf): boolean {
  try {
    const held = proc.sockets(pid);
    if (held.size === 0) return false;
    return [...listenersOf(pid)].some(
      ([inode, one]) =>
        held.has(inode) && "path" in one && isSameFile(proc.statAsSeenBy(pid, one.path), file),
    );
  } catch {
    // It has ended, or belongs to another user and this one is not root.
    return false;
  }
}

/** Returns what `read` returns if the process is a trusted user's before and after, and otherwise nothing. */
function believed<Found>(
  proc: Proc,
  pid: number,
  trusted: ReadonlySet<number>,
  read: (process: Identity & { readonly uid: number }) => readonly Found[],
): readonly Found[] {
  const before = proc.identity(pid);
  if (before?.uid === undefined || before.isSetId || !trusted.has(before.uid)) return [];
  let found: readonly Found[];
  try {
    found = read({ ...before, uid: before.uid });
  } catch {
    return [];
  }
  const after = proc.identity(pid);
  const isSame =
    after !== undefined &&
    after.uid === before.uid &&
    after.startTime === before.startTime &&
    after.program === before.program &&
    !after.isSetId;
  return isSame ? found : [];
}

interface FileId {
  readonly dev: number;
  readonly ino: number;
}

function isSameFile(one: FileId | undefined, other: FileId): boolean {
  return one !== undefined && one.dev === other.dev && one.ino === other.ino;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
