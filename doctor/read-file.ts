// A file's bytes, whatever a path in somebody's configuration leads to.

import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";

export interface FileBytes {
  readonly bytes: Buffer;
  readonly stats: Stats;
}

/**
 * Returns the bytes of a regular file that has at most `maxBytes`. Does not wait for a pipe.
 *
 * @throws Error whose `code` is the system's, "no file" or "too large".
 */
export function readFileBytes(path: string, maxBytes: number): FileBytes {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw failure("no file");
    // One byte more than allowed: the file can grow meanwhile, and those of /proc have no size.
    const bytes = Buffer.alloc(Math.min(stats.size === 0 ? maxBytes : stats.size, maxBytes) + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(descriptor, bytes, length, bytes.length - length, null);
    }
    if (length > maxBytes) throw failure("too large");
    return { bytes: bytes.subarray(0, length), stats };
  } finally {
    closeSync(descriptor);
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}
