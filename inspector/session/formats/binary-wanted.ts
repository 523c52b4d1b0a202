// What is wanted of a session: found while it is checked, and made only then.

import { type Bytes, PhpArray, type PhpKey, type PhpValue } from "../model.ts";
import type { Wanted, WantedName } from "../wanted.ts";
import { session } from "./binary-input.ts";
import { printOf } from "./binary-keys.ts";

/** What is wanted of one array: by their places, the names, their prints, and what is wanted inside each. */
interface Level {
  readonly names: Wanted;
  readonly prints: readonly number[];
  readonly inside: readonly (Level | undefined)[];
}

let lastWanted: Wanted | undefined;
let lastLevel: Level = levelFor([]);

function levelFor(names: Wanted): Level {
  const prints = names.map(({ name }) => {
    session.write(name, "latin1");
    return printOf(0, name.length);
  });
  return { names, prints, inside: names.map(({ inside }) => inside && levelFor(inside)) };
}

/** What was found, in the order of the session: each array before what is wanted inside it. */
const found: WantedName[] = [];
const positions: number[] = [];
const depths: number[] = [];
let count = 0;
let next = 0;

/** What is wanted of the array whose names are looked at, and of those around it. */
const levels: Level[] = [];
let depth = 1;

/** Begins to look for this, at depth 1. It leaves the names' bytes in `session`. */
export function beginSearch(wanted: Wanted | undefined): void {
  if (wanted !== lastWanted) {
    lastLevel = levelFor(wanted ?? []);
    lastWanted = wanted;
  }
  levels[1] = lastLevel;
  depth = 1;
  count = 0;
}

/**
 * Notes the place of this name's value if it is wanted. If not all of it is, and it is a plain array, what is wanted of
 * that is looked for next. Returns the depth of the array whose names are to be looked at.
 */
export function search(
  print: number,
  start: number,
  length: number,
  position: number,
  isArray: boolean,
): number {
  const { names, prints, inside } = levels[depth] as Level;
  for (let place = 0; place < prints.length; place++) {
    const name = names[place] as WantedName;
    if (prints[place] !== print || !isText(name.name, start, length)) continue;
    const level = isArray ? inside[place] : undefined;
    found[count] = name;
    positions[count] = level === undefined ? position : -1;
    depths[count] = depth;
    count++;
    if (level !== undefined) {
      depth++;
      levels[depth] = level;
    }
    break;
  }
  return depth;
}

/** The array whose names were looked at has ended. */
export function leaveArray(): number {
  if (depth > 1) depth--;
  return depth;
}

/** Makes all that was found in the session, or in the array of this depth that is next. */
export function makeFound(
  entries: Map<Bytes, PhpValue> | Map<PhpKey, PhpValue>,
  build: (position: number, wanted?: Wanted) => PhpValue,
  depth = 1,
): void {
  if (depth === 1) next = 0;
  while (next < count && depths[next] === depth) {
    const { name, inside } = found[next] as WantedName;
    const position = positions[next] as number;
    next++;
    if (position >= 0) {
      entries.set(name, build(position, inside));
    } else {
      const array = new PhpArray();
      entries.set(name, array);
      makeFound(array.entries, build, depth + 1);
    }
  }
}

function isText(text: Bytes, start: number, length: number): boolean {
  if (text.length !== length) return false;
  let same = 0;
  while (same < length && text.charCodeAt(same) === session[start + same]) same++;
  return same === length;
}
