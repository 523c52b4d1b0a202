// `--listen`: one relay for all members of ejabberd's pool. Each is a connection to a unix socket, by a program as
// small as socat, and each is served as if it were the relay's own stdin and stdout.

import { chmodSync, lstatSync, type Stats, unlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Linux: sun_path has 108 bytes, the last of them a zero (unix(7)). */
const maxPathBytes = 107;
/** ejabberd's pools have tens or hundreds of members. Each may have a request to the API in flight. */
export const maxMembers = 4_096;
/** ejabberd and its members belong to the socket's group; nobody else may ask whether a session is live. */
const socketMode = 0o660;

/** The socket cannot be listened on. The message says what to change. */
export class ListenError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ListenError";
  }
}

/** Serves a member until it ends, or until `stop` is aborted and what is in flight is answered. */
export type ServeMember = (member: Socket, stop: AbortSignal) => Promise<unknown>;

export interface Daemon {
  /** Returns how many members are connected. */
  members(): number;
  /** Accepts no further member, stops those that are connected one after another, and resolves when all are gone. */
  stop(): Promise<void>;
}

/** Shutdown is staggered over this many milliseconds: ejabberd retries on another member, and must find one. */
const stopWithinMs = 500;

/**
 * Listens on a unix socket that its owner and group may use. A socket that a dead daemon left is replaced.
 * @throws ListenError if another relay listens there, or the socket cannot be created
 */
export async function listen(path: string, serveMember: ServeMember): Promise<Daemon> {
  if (Buffer.byteLength(path) > maxPathBytes) {
    throw new ListenError(`--listen: the path has more than ${maxPathBytes} bytes: choose a shorter one`);
  }
  await removeStaleSocket(path);
  const members = new Map<Socket, AbortController>();
  // Half open: a member that has nothing more to ask still gets the answer it waits for.
  const server = createServer({ allowHalfOpen: true }, (member) => {
    const stop = new AbortController();
    members.set(member, stop);
    // Such a member is gone: there is nobody to answer.
    member.on("error", () => {});
    member.on("close", () => members.delete(member));
    void serveMember(member, stop.signal).finally(() => member.destroySoon());
  });
  server.maxConnections = maxMembers;
  await open(server, path);
  return {
    members: () => members.size,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const [at, stop] of [...members.values()].entries()) {
          setTimeout(() => stop.abort(), (at * stopWithinMs) / members.size);
        }
      }),
  };
}

async function open(server: Server, path: string): Promise<void> {
  // Otherwise the umask would decide who may connect between bind() and chmod().
  const umask = process.umask(0o777 & ~socketMode);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ path, backlog: 1024 }, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") throw new ListenError("--listen: another relay is listening on the socket");
    throw cannotBeCreated(code);
  } finally {
    process.umask(umask);
  }
  chmodSync(path, socketMode);
}

async function removeStaleSocket(path: string): Promise<void> {
  let found: Stats | undefined;
  try {
    found = lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw cannotBeCreated((error as NodeJS.ErrnoException).code);
  }
  if (found === undefined) return;
  if (!found.isSocket()) throw new ListenError(`--listen: ${path} exists and is not a socket`);
  if (await isListenedOn(path)) throw new ListenError("--listen: another relay is listening on the socket");
  unlinkSync(path);
}

function cannotBeCreated(code: string | undefined): ListenError {
  const advice = "its directory must exist, and this user must be allowed to write there";
  return new ListenError(`--listen: the socket cannot be created (${code}): ${advice}`);
}

function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    // Any other error (such as EACCES) does not prove that the socket is unused, so treat it as in use.
    probe.once("error", ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== "ECONNREFUSED" && code !== "ENOENT"),
    );
  });
}
