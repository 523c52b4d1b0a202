// `--listen`: one relay for all members of ejabberd's pool. Each is a connection to a unix socket, by a program as
// small as socat, and each is served as if it were the relay's own stdin and stdout.

import { chmodSync, lstatSync, type Stats, unlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Linux: sun_path has 108 bytes, the last of them a zero (unix(7)). */
const maxPathBytes = 107;
/** ejabberd's pools are of tens and hundreds; each connection here may have a request to the API under way. */
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

/** Serves a member until it ends, or until it is told to stop and has answered what is under way. */
export type ServeMember = (member: Socket, stop: AbortSignal) => Promise<unknown>;

export interface Daemon {
  /** How many members are connected. */
  members(): number;
  /** Takes no further member, tells those that are there to stop one after another, and ends when all have gone. */
  stop(): Promise<void>;
}

/**
 * Over so many milliseconds the members are told to stop. ejabberd asks another member where one has gone: with all
 * gone at one moment there is none.
 */
const stopWithinMs = 500;

/**
 * Listens on a unix socket that its owner and group may use. A socket that a dead daemon left behind is replaced.
 * Throws ListenError where another one is listening or the path cannot be had.
 */
export async function listen(path: string, serveMember: ServeMember): Promise<Daemon> {
  if (Buffer.byteLength(path) > maxPathBytes) {
    throw new ListenError(`the path of the socket has more than ${maxPathBytes} bytes: choose a shorter one`);
  }
  await removeStaleSocket(path);
  const members = new Map<Socket, AbortController>();
  // Half open: a member that has nothing more to ask still gets the answer it waits for.
  const server = createServer({ allowHalfOpen: true }, (member) => {
    const stop = new AbortController();
    members.set(member, stop);
    // Such a member is gone; what it asked is answered to nobody.
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
  // Between bind() and chmod() the socket would be open to whoever the umask lets in.
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
    if (code === "EADDRINUSE") throw new ListenError("another relay is listening on the socket");
    throw cannotBeMade(code);
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
    throw cannotBeMade((error as NodeJS.ErrnoException).code);
  }
  if (found === undefined) return;
  if (!found.isSocket())
    throw new ListenError("there is something else than a socket at the path of the socket");
  if (await isListenedOn(path)) throw new ListenError("another relay is listening on the socket");
  unlinkSync(path);
}

function cannotBeMade(code: string | undefined): ListenError {
  const advice = "its directory must exist, and this user must be allowed to write there";
  return new ListenError(`the socket cannot be made (${code}): ${advice}`);
}

function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    // Whatever else comes, EACCES among them: who cannot connect cannot know that nobody listens.
    probe.once("error", ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== "ECONNREFUSED" && code !== "ENOENT"),
    );
  });
}
