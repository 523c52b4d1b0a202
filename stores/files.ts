// Sessions in a directory, as PHP's default save handler `files` puts them: one file a session.
//
// PHP's `files` handler has no expiry when it reads: a session lives until PHP's garbage collector (or the
// system's cron job in its place) removes the file. The same is true here, so that both always agree.
// Source: php-src ext/session/mod_files.c.

import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { maxSessionBytes } from "../inspector/session/limits.ts";
import { type SessionStore, type StoredValue, StoreError } from "../inspector/session-store.ts";
import { within } from "./deadline.ts";

/** As many files are open at once, at most: more would only wait, and take from PHP's own on a machine with few. */
const filesAtOnce = 16;

export interface FilesStoreOptions {
  /** PHP's session.save_path: an absolute path. */
  readonly directory: string;
  readonly keyPrefix: string;
  /** For one getData or getMany in all, in milliseconds: a directory on a network can hang. */
  readonly timeoutMs: number;
}

export class FilesStore implements SessionStore {
  readonly #options: FilesStoreOptions;

  constructor(options: FilesStoreOptions) {
    this.#options = options;
  }

  async getData(sessionId: string): Promise<StoredValue | null> {
    return (await this.getMany([sessionId])).get(sessionId) ?? null;
  }

  async getMany(sessionIds: readonly string[]): Promise<ReadonlyMap<string, StoredValue | null>> {
    return within(this.#options.timeoutMs, this.#readAll([...new Set(sessionIds)]));
  }

  async #readAll(sessionIds: readonly string[]): Promise<Map<string, StoredValue | null>> {
    const { directory, keyPrefix } = this.#options;
    const found = new Map<string, StoredValue | null>();
    for (let i = 0; i < sessionIds.length; i += filesAtOnce) {
      await Promise.all(
        sessionIds.slice(i, i + filesAtOnce).map(async (sessionId) => {
          const bytes = await readSession(directory, keyPrefix + sessionId);
          found.set(sessionId, bytes && { bytes, flags: 0 });
        }),
      );
    }
    return found;
  }

  close(): void {}
}

/** Gives the bytes of the regular file of that name, or null where there is none. Throws StoreError. */
async function readSession(directory: string, name: string): Promise<Uint8Array | null> {
  let file: FileHandle | undefined;
  try {
    // Like PHP it follows no link; and it never waits for the other end of a pipe that lies in the directory.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    file = await open(join(directory, name), flags);
    const found = await file.stat();
    if (!found.isFile()) return null;
    // One byte past the decoder's limit is enough for it to see that the session is too large.
    const bytes = Buffer.alloc(Math.min(found.size, maxSessionBytes + 1));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "ENOENT" && (await isDirectory(directory))) return null;
    if (notAFile.has(code)) return null;
    throw new StoreError("store-unreachable");
  } finally {
    await file?.close();
  }
}

/** No file system holds such a name; it is a link; it is a socket. */
const notAFile = new Set(["ENAMETOOLONG", "ELOOP", "ENXIO"]);

async function isDirectory(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() === true;
}
