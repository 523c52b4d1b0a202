// What the expressions can see of a session, so that a reader need not make the rest of it: the names of variables,
// of what is in them, and so on.
//
// A reader that is told so walks over all bytes and makes only what is wanted. It accepts nothing that reading in
// full would not, but need not understand everything: where it meets a reference, a rare form or an error, it gives
// up, and the session is read in full. So whether a session can be read, and if not why, never hangs on what is
// wanted of it.

import { maxSessionBytes } from "./limits.ts";
import type { Bytes, PhpSession } from "./model.ts";
import { UnreadableSessionError } from "./unreadable.ts";

export interface WantedName {
  readonly name: Bytes;
  /** What is wanted of the array or object that has this name: undefined for all. */
  readonly inside: Wanted | undefined;
}

/** Each name once. */
export type Wanted = readonly WantedName[];

/** Gives what these paths want together: each is the names on the way to a value of which all is wanted. */
export function wantedOf(paths: readonly (readonly Bytes[])[]): Wanted {
  const names = new Set(paths.flatMap((path) => path.slice(0, 1)));
  return [...names].map((name) => {
    const rests = paths.filter((path) => path[0] === name).map((path) => path.slice(1));
    return { name, inside: rests.some((rest) => rest.length === 0) ? undefined : wantedOf(rests) };
  });
}

/** Gives the wanted name that these bytes are, or undefined. */
export function wantedAt(
  wanted: Wanted,
  bytes: Uint8Array,
  start: number,
  end: number,
): WantedName | undefined {
  for (const candidate of wanted) {
    const { name } = candidate;
    if (name.length !== end - start) continue;
    let same = 0;
    while (same < name.length && name.charCodeAt(same) === bytes[start + same]) same++;
    if (same === name.length) return candidate;
  }
  return undefined;
}

/** Returns the wanted name that this is, or undefined. */
export function wantedNamed(wanted: Wanted, name: Bytes): WantedName | undefined {
  return wanted.find((candidate) => candidate.name === name);
}

/**
 * The session that `read` reads from these bytes: only what is wanted of it or, where that cannot be done, all.
 * @throws UnreadableSessionError what `read` throws that reads all
 */
export function readWanted(
  bytes: Uint8Array,
  wanted: Wanted | undefined,
  read: (bytes: Uint8Array, wanted?: Wanted) => PhpSession,
): PhpSession {
  if (wanted !== undefined) {
    try {
      return read(bytes, wanted);
    } catch (error) {
      if (!(error instanceof UnreadableSessionError)) throw error;
    }
  }
  return read(bytes);
}

/**
 * A copy of the session that is walked over, a NUL, and room for a look at what is behind it: so a walk need not ask
 * at each byte whether it is there. One for all readers: none begins while another is at work.
 */
export const walked = Buffer.alloc(maxSessionBytes + 16);

/** Puts a session of at most `maxSessionBytes` into `walked`. */
export function beginWalk(bytes: Uint8Array): void {
  walked.set(bytes);
  walked[bytes.length] = 0;
}

/** What a reader throws that gives up: `readWanted` hears it, and nobody else. */
export function giveUp(position: number): UnreadableSessionError {
  return new UnreadableSessionError("malformed", position);
}
