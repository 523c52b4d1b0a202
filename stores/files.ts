// Sessions in a directory, as PHP's default save handler `files` puts them: one file a session.
//
// PHP's `files` handler has no expiry when it reads: a session lives until PHP's garbage collector (or the
// system's cron job in its place) removes the file. The same is true here, so that both always agree.
//
// Before it reads a file, PHP opens it for reading and writing, follows no link, and refuses a file that is neither its
// own nor root's: in a directory that others can write to, such as Debian's /var/lib/php/sessions (mode 1733), anybody
// can put a session. This store makes the same checks on the open file, so that nothing changes in between.
//
// Source: php-src ext/session/mod_files.c, ps_files_open() and PS_READ_FUNC(files). PHP 5.5.2 and later check the
// owner.

import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { maxSessionBytes } from "../inspector/session/limits.ts";
import {
  type SessionStore,
  type StoredValue,
  type StoredValues,
  StoreError,
} from "../inspector/session-store.ts";
import { shorterOf, within } from "./deadline.ts";
import type { Report } from "./report.ts";
import type { KeyOf } from "./session-key.ts";
import { systemCodeOf } from "./system-code.ts";

/** The most files open at once: more would only wait, and leave fewer for PHP where a machine allows few. */
const filesAtOnce = 16;

const rootUid = 0;

export interface FilesStoreOptions {
  /** PHP's session.save_path: an absolute path. */
  readonly directory: string;
  /** The user id that PHP runs as; the directory's owner unless given, if nobody else can write there. */
  readonly uid?: number;
  readonly keyOf: KeyOf;
  /** For one getData or getMany in all, in milliseconds: a directory on a network can hang. */
  readonly timeoutMs: number;
  /** Called for each file that stands in a session's place and that PHP would not read. */
  readonly report: Report;
}

/** Why a file in a session's place is not a session of PHP's. */
type ForeignFile = "symbolic-link" | "not-a-regular-file" | "foreign-owner" | "hard-link" | "not-writable";

export class FilesStore implements SessionStore {
  readonly #options: FilesStoreOptions;

  constructor(options: FilesStoreOptions) {
    this.#options = options;
  }

  async getData(sessionId: string): Promise<StoredValue | null> {
    const read = async () => this.#read(sessionId, await this.#phpUid());
    return within(this.#options.timeoutMs, read());
  }

  async getMany(sessionIds: readonly string[], limitMs?: number): Promise<StoredValues> {
    const stored = new Map<string, StoredValue | null>();
    const faults: StoreError[] = [];
    const note = (error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
      faults.push(error);
    };
    const readAll = async () => {
      const ids = [...new Set(sessionIds)];
      const uid = await this.#phpUid();
      for (let i = 0; i < ids.length; i += filesAtOnce) {
        const reading = ids
          .slice(i, i + filesAtOnce)
          .map(async (id) => stored.set(id, await this.#read(id, uid)));
        await Promise.all(reading.map((each) => each.catch(note)));
      }
    };
    await within(shorterOf(this.#options, limitMs), readAll()).catch(note);
    // A file that is read too late must not be added to the result.
    return { stored: new Map(stored), faults: [...faults] };
  }

  close(): void {}

  /**
   * Returns the user id whose files are sessions. The directory is checked each time: its mode can change,
   * and if the directory is gone, a missing file proves nothing.
   * @throws StoreError
   */
  async #phpUid(): Promise<number> {
    const { directory, uid } = this.#options;
    const found = await stat(directory).catch((error) => {
      throw unreachable(error);
    });
    if (!found.isDirectory()) throw new StoreError("store-unreachable", { detail: "ENOTDIR" });
    if (uid !== undefined) return uid;
    if ((found.mode & writableByOthers) !== 0) {
      throw new StoreError("store-untrusted", {
        detail:
          "others can write to the directory: add ?uid=N to SESSION_STORE, N being the uid that PHP runs as",
      });
    }
    return found.uid;
  }

  async #read(sessionId: string, uid: number): Promise<StoredValue | null> {
    const { directory, keyOf, report } = this.#options;
    const found = await readSession(join(directory, keyOf(sessionId)), uid);
    if (typeof found !== "string") return found && { bytes: found, flags: 0 };
    report("warn", "session-file", { outcome: "ignored", code: found });
    return null;
  }
}

const writableByOthers = constants.S_IWGRP | constants.S_IWOTH;

/**
 * Returns the bytes of PHP's file of that name, null if there is no file, or why PHP would not read it.
 * @throws StoreError
 */
async function readSession(path: string, uid: number): Promise<Uint8Array | null | ForeignFile> {
  let file: FileHandle | undefined;
  try {
    // It never waits for the other end of a pipe that lies in the directory.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const found = await file.stat();
    const foreign = foreignFile(found, uid);
    if (foreign !== undefined) return foreign;
    // One byte past the decoder's limit is enough for it to see that the session is too large.
    const bytes = Buffer.alloc(Math.min(found.size, maxSessionBytes + 1));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } catch (error) {
    const code = systemCodeOf(error) ?? "";
    // No file system holds a name that is too long.
    if (code === "ENOENT" || code === "ENAMETOOLONG") return null;
    if (code === "ELOOP") return "symbolic-link";
    // A socket.
    if (code === "ENXIO") return "not-a-regular-file";
    // A file that nobody but its owner may read, who may be anybody.
    const closed = code === "EACCES" ? await lstat(path).catch(() => undefined) : undefined;
    const foreign = closed && foreignFile(closed, uid);
    if (foreign !== undefined) return foreign;
    throw unreachable(error);
  } finally {
    await file?.close();
  }
}

/** Returns why PHP, running as this user, would not read or have written this file; undefined if it would. */
function foreignFile(file: Stats, uid: number): ForeignFile | undefined {
  if (!file.isFile()) return "not-a-regular-file";
  if (file.uid !== uid && file.uid !== rootUid) return "foreign-owner";
  if (file.uid !== uid) {
    // Anybody could have given the name of a session to a file of root's. PHP can open such a file for writing only
    // where everybody can.
    const isOpenToAll = (file.mode & readWriteByAll) === readWriteByAll;
    return file.nlink > 1 && !isOpenToAll ? "hard-link" : undefined;
  }
  const isOpenToOwner = (file.mode & readWriteByOwner) === readWriteByOwner;
  return isOpenToOwner || uid === rootUid ? undefined : "not-writable";
}

const readWriteByOwner = constants.S_IRUSR | constants.S_IWUSR;
const readWriteByAll = constants.S_IROTH | constants.S_IWOTH;

/** Returns the store's fault for an error of the system's. Rethrows any other error: it is a fault of ours. */
function unreachable(error: unknown): StoreError {
  const detail = systemCodeOf(error);
  if (detail === undefined) throw error;
  return new StoreError("store-unreachable", { detail, cause: error });
}
