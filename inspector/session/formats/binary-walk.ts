// What igbinary-walk.ts and msgpack-walk.ts share: walking over values of which nothing is made, by functions that
// take the position and give the one behind. See wanted.ts for what that may and may not do.
//
// Both formats refuse a key given twice. To tell that without making the keys, each key of text leaves a print of
// 32 bits, and two equal prints in one map make the walk give up; int keys must ascend, as those of a list do.

import { maxDepth } from "../limits.ts";
import { giveUp } from "../wanted.ts";
import type { BinaryReader } from "./binary-input.ts";

/** A reader of which not all is wanted. */
export interface Walker extends BinaryReader {
  /** Where the text of the last string begins and ends. The end lies before the start if the last key was an int. */
  textStart: number;
  textEnd: number;
  /** How many prints the maps around this place have left so far. */
  prints: number;
}

/** The keys of one map. */
export interface MapKeys {
  readonly firstPrint: number;
  lastInteger: number;
}

/** More keys of text than this in one map are not compared each with each. */
const maxPrintsInMap = 64;

/** For all walkers: none begins while another is at work. */
const allPrints = new Int32Array((maxDepth + 1) * maxPrintsInMap);

/** None yet. */
export function beginKeys(walker: Walker): MapKeys {
  return { firstPrint: walker.prints, lastInteger: Number.NEGATIVE_INFINITY };
}

export function forgetKeys(walker: Walker, keys: MapKeys): void {
  walker.prints = keys.firstPrint;
}

/** What goes in must come out by `walker.depth--`. */
export function goDeeper(walker: Walker, position: number): void {
  walker.depth++;
  if (walker.depth > maxDepth) throw giveUp(position);
}

export function addInteger(walker: Walker, keys: MapKeys, key: number): void {
  if (key <= keys.lastInteger) throw giveUp(walker.textStart);
  keys.lastInteger = key;
  walker.textEnd = walker.textStart - 1;
}

/** The key is the last string. */
export function addText(walker: Walker, { firstPrint }: MapKeys): void {
  const { bytes, textStart, textEnd, prints } = walker;
  addPrint(firstPrint, prints, printOfKey(bytes, textStart, textEnd), textStart);
  walker.prints = prints + 1;
}

/** The print of a key of text: any number but 0. It gives up where PHP might file the key as an int. */
export function printOfKey(bytes: Uint8Array, start: number, end: number): number {
  if (looksLikeInteger(bytes, start, end)) throw giveUp(start);
  let print = end - start;
  for (let place = start; place < end; place++) {
    print = (Math.imul(print, 31) + (bytes[place] as number)) | 0;
  }
  return print === 0 ? 1 : print;
}

/** The place of the next print, in a map whose first has that place. */
export function addPrint(first: number, next: number, print: number, position: number): void {
  if (next - first >= maxPrintsInMap) throw giveUp(position);
  for (let place = first; place < next; place++) if (allPrints[place] === print) throw giveUp(position);
  allPrints[next] = print;
}

const minus = 0x2d;
const zero = 0x30;
const nine = 0x39;

/** Whether PHP might file such a key as an int. */
function looksLikeInteger(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end || (bytes[start] as number) > nine) return false;
  for (let place = bytes[start] === minus ? start + 1 : start; place < end; place++) {
    const byte = bytes[place] as number;
    if (byte < zero || byte > nine) return false;
  }
  return true;
}

export function byteIn(bytes: Uint8Array, position: number): number {
  if (position >= bytes.length) throw giveUp(position);
  return bytes[position] as number;
}

export function behind(bytes: Uint8Array, position: number, length: number): number {
  if (length > bytes.length - position) throw giveUp(position);
  return position + length;
}

/** The number in so many bytes, up to 4, unless a number below `least`, which would have had a shorter form. */
export function unsignedAt(bytes: Uint8Array, position: number, width: number, least: number): number {
  behind(bytes, position, width);
  let number = 0;
  for (let place = position; place < position + width; place++) {
    number = number * 256 + (bytes[place] as number);
  }
  if (number < least) throw giveUp(position);
  return number;
}

/** About the number in 8 bytes: it is beyond 32 bits and within PHP's int. */
export function unsigned64At(bytes: Uint8Array, position: number): number {
  const high = unsignedAt(bytes, position, 4, 1);
  if (high > 0x7fff_ffff) throw giveUp(position);
  return high * 2 ** 32 + unsignedAt(bytes, position + 4, 4, 0);
}
