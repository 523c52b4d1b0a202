// What the expressions can see of a session, so that a reader need not make the rest of it: the names of variables,
// of what is in them, and so on.
//
// A reader that is told so checks all bytes and makes only what is wanted. It accepts nothing that reading in full would
// not, with one exception: what is not wanted may refer to a value that is uncertain.

import type { Bytes } from "./model.ts";

export interface WantedName {
  readonly name: Bytes;
  /** What is wanted of the array or object that has this name: undefined for all. */
  readonly inside: Wanted | undefined;
}

/** Each name once. */
export type Wanted = readonly WantedName[];

/** Returns what these paths want together: each is the names on the way to a value of which all is wanted. */
export function wantedOf(paths: readonly (readonly Bytes[])[]): Wanted {
  const names = new Set(paths.flatMap((path) => path.slice(0, 1)));
  return [...names].map((name) => {
    const rests = paths.filter((path) => path[0] === name).map((path) => path.slice(1));
    return { name, inside: rests.some((rest) => rest.length === 0) ? undefined : wantedOf(rests) };
  });
}

/** Returns the wanted name that these bytes are, or undefined. */
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
