// Walks over values of igbinary of which nothing is made: see binary-walk.ts, and igbinary-handler.ts for the
// format. Flags, references, enums, Serializables and properties without a value make it give up.

import { countValue, textOf } from "./binary-input.ts";
import {
  addInteger,
  addText,
  beginKeys,
  behind,
  byteIn,
  forgetKeys,
  goDeeper,
  type MapKeys,
  unsigned64At,
  unsignedAt,
  type Walker,
} from "./binary-walk.ts";
import { isClassName } from "./model.ts";
import { giveUp } from "./wanted.ts";

export interface IgbinaryWalker extends Walker {
  /** Where the strings begin and end to which an index can point. */
  readonly starts: number[];
  readonly ends: number[];
}

export function endOfValue(walker: IgbinaryWalker, start: number): number {
  countValue(walker);
  const { bytes } = walker;
  const type = byteIn(bytes, start);
  if (isString(type)) return endOfString(walker, start, type);
  if (type >= 0x14 && type <= 0x16) return endOfArray(walker, start);
  if (type >= 0x17 && type <= 0x1c) return endOfObject(walker, start, type);
  if (type === 0x00 || type === 0x04 || type === 0x05) return start + 1;
  if (type === 0x0c) return behind(bytes, start + 1, 8);
  integerAt(bytes, start, type);
  return endOfInteger(start, type);
}

/** Behind a key that is none of those before it. */
export function endOfKey(walker: IgbinaryWalker, start: number, keys: MapKeys): number {
  const type = byteIn(walker.bytes, start);
  if (isString(type)) {
    const end = endOfString(walker, start, type);
    addText(walker, keys);
    return end;
  }
  addInteger(walker, keys, integerAt(walker.bytes, start, type));
  return endOfInteger(start, type);
}

/** How many pairs the array has that begins here. */
export function countAt(bytes: Uint8Array, start: number): number {
  const type = byteIn(bytes, start);
  if (type < 0x14 || type > 0x16) throw giveUp(start);
  return sizeAt(bytes, start + 1, type - 0x14);
}

/** Behind an array's count. */
export function startOfPairs(bytes: Uint8Array, start: number): number {
  return start + 1 + widthOf(byteIn(bytes, start) - 0x14);
}

const isString = (type: number) => type >= 0x0d && type <= 0x13;

function endOfArray(walker: IgbinaryWalker, start: number): number {
  const { bytes } = walker;
  const count = countAt(bytes, start);
  const keys = beginKeys(walker);
  goDeeper(walker, start);
  let position = startOfPairs(bytes, start);
  for (let read = 0; read < count; read++) {
    position = endOfValue(walker, endOfKey(walker, position, keys));
  }
  walker.depth--;
  forgetKeys(walker, keys);
  return position;
}

function endOfObject(walker: IgbinaryWalker, start: number, type: number): number {
  // The types of a class name are those of strings, 6 further on.
  const end = endOfString(walker, start, type <= 0x19 ? type - 0x06 : type - 0x0c);
  if (!isClassName(textOf(walker).slice(walker.textStart, walker.textEnd))) throw giveUp(start);
  return endOfArray(walker, end);
}

/** Behind a string, whose text is `textStart` to `textEnd`. */
function endOfString(walker: IgbinaryWalker, start: number, type: number): number {
  const { bytes, starts, ends } = walker;
  if (type <= 0x10) {
    const index = type === 0x0d ? -1 : sizeAt(bytes, start + 1, type - 0x0e);
    if (index >= starts.length) throw giveUp(start);
    walker.textStart = index < 0 ? start : (starts[index] as number);
    walker.textEnd = index < 0 ? start : (ends[index] as number);
    return index < 0 ? start + 1 : start + 1 + widthOf(type - 0x0e);
  }
  const length = sizeAt(bytes, start + 1, type - 0x11);
  if (length === 0) throw giveUp(start);
  const textStart = start + 1 + widthOf(type - 0x11);
  const textEnd = behind(bytes, textStart, length);
  starts.push(textStart);
  ends.push(textEnd);
  walker.textStart = textStart;
  walker.textEnd = textEnd;
  return textEnd;
}

function integerAt(bytes: Uint8Array, start: number, type: number): number {
  const isNegative = type % 2 === 1;
  let size: number;
  if (type >= 0x06 && type <= 0x0b) size = sizeAt(bytes, start + 1, (type - 0x06) >> 1);
  else if (type === 0x20 || type === 0x21) size = unsigned64At(bytes, start + 1);
  else throw giveUp(start);
  if (isNegative && size === 0) throw giveUp(start);
  return isNegative ? -size : size;
}

function endOfInteger(start: number, type: number): number {
  return start + 1 + (type >= 0x20 ? 8 : widthOf((type - 0x06) >> 1));
}

function sizeAt(bytes: Uint8Array, position: number, place: number): number {
  return unsignedAt(bytes, position, widthOf(place), place === 0 ? 0 : place === 1 ? 0x100 : 0x1_0000);
}

/** Types of one kind come in threes: with a number of 1, 2 and 4 bytes. */
function widthOf(place: number): number {
  return 1 << place;
}
