// Walks over values of msgpack of which nothing is made: see binary-walk.ts, and msgpack-handler.ts for the format.
// All marks but that of an object's class make it give up.

import { isClassName, propertyOf } from "../model.ts";
import { giveUp } from "../wanted.ts";
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

export function endOfValue(walker: Walker, start: number): number {
  countValue(walker);
  const { bytes } = walker;
  const type = byteIn(bytes, start);
  if (isString(type)) return endOfString(walker, start, type);
  if (isMap(type)) return endOfMap(walker, start);
  if ((type >= 0x90 && type <= 0x9f) || type === 0xdc || type === 0xdd) return endOfList(walker, start, type);
  if (type === nil || type === 0xc2 || type === 0xc3) return start + 1;
  if (type === 0xca) return behind(bytes, start + 1, 4);
  if (type === 0xcb) return behind(bytes, start + 1, 8);
  integerAt(bytes, start, type);
  return endOfInteger(start, type);
}

/** Behind a key that is none of those before it. */
export function endOfKey(walker: Walker, start: number, keys: MapKeys): number {
  const type = byteIn(walker.bytes, start);
  if (isString(type)) {
    const end = endOfString(walker, start, type);
    addText(walker, keys);
    return end;
  }
  addInteger(walker, keys, integerAt(walker.bytes, start, type));
  return endOfInteger(start, type);
}

/** Whether a map without a mark begins here. */
export function isPlainMap(bytes: Uint8Array, start: number): boolean {
  return isMap(byteIn(bytes, start)) && byteIn(bytes, startOfPairs(bytes, start)) !== nil;
}

const nil = 0xc0;
const lastMark = 0x06;
const isString = (type: number) => (type >= 0xa0 && type <= 0xbf) || (type >= 0xd9 && type <= 0xdb);
const isMap = (type: number) => (type >= 0x80 && type <= 0x8f) || type === 0xde || type === 0xdf;

function endOfList(walker: Walker, start: number, type: number): number {
  const isShort = type <= 0x9f;
  const count = isShort ? type - 0x90 : sizeAt(walker.bytes, start + 1, type - 0xdb);
  goDeeper(walker, start);
  let position = isShort ? start + 1 : start + 1 + widthOf(type - 0xdb);
  for (let read = 0; read < count; read++) position = endOfValue(walker, position);
  walker.depth--;
  return position;
}

function endOfMap(walker: Walker, start: number): number {
  const { bytes } = walker;
  const count = countAt(bytes, start);
  const first = startOfPairs(bytes, start);
  const isObject = byteIn(bytes, first) === nil;
  const keys = beginKeys(walker);
  goDeeper(walker, start);
  let position = isObject ? endOfClass(walker, first, count) : first;
  for (let read = isObject ? 1 : 0; read < count; read++) {
    const isProperty = isObject && isString(byteIn(bytes, position));
    if (isObject !== isProperty) throw giveUp(position);
    position = endOfKey(walker, position, keys);
    if (isProperty && !isPropertyName(walker)) throw giveUp(position);
    position = endOfValue(walker, position);
  }
  walker.depth--;
  forgetKeys(walker, keys);
  return position;
}

/** Behind an object's class, if neither another mark stands here nor one behind it. */
function endOfClass(walker: Walker, start: number, count: number): number {
  const { bytes } = walker;
  const type = byteIn(bytes, start + 1);
  if (type <= lastMark || !isString(type)) throw giveUp(start);
  const end = endOfString(walker, start + 1, type);
  if (!isClassName(textOf(walker).slice(walker.textStart, walker.textEnd))) throw giveUp(start);
  if (count > 1 && byteIn(bytes, end) === nil) throw giveUp(end);
  return end;
}

/** Whether the last string is one: of those that start with NUL, only private and protected names are. */
function isPropertyName(walker: Walker): boolean {
  const { bytes, textStart, textEnd } = walker;
  if (textStart === textEnd || bytes[textStart] !== 0) return true;
  return propertyOf(textOf(walker).slice(textStart, textEnd)).visibility !== "public";
}

/** How many pairs the map has that begins here: at least one. */
function countAt(bytes: Uint8Array, start: number): number {
  const type = byteIn(bytes, start);
  const count = type <= 0x8f ? type - 0x80 : sizeAt(bytes, start + 1, type - 0xdd);
  if (count === 0) throw giveUp(start);
  return count;
}

/** Behind a map's count. */
function startOfPairs(bytes: Uint8Array, start: number): number {
  const type = byteIn(bytes, start);
  return type <= 0x8f ? start + 1 : start + 1 + widthOf(type - 0xdd);
}

/** Behind a string, whose text is `textStart` to `textEnd`. */
function endOfString(walker: Walker, start: number, type: number): number {
  const { bytes } = walker;
  const isShort = type <= 0xbf;
  const length = isShort ? type - 0xa0 : lengthAt(bytes, start + 1, type);
  walker.textStart = isShort ? start + 1 : start + 1 + widthOf(type - 0xd9);
  walker.textEnd = behind(bytes, walker.textStart, length);
  return walker.textEnd;
}

/** As readStringLength() in msgpack-handler.ts. */
function lengthAt(bytes: Uint8Array, position: number, type: number): number {
  return unsignedAt(bytes, position, widthOf(type - 0xd9), type === 0xdb ? 0x1_0000 : 0x20);
}

function integerAt(bytes: Uint8Array, start: number, type: number): number {
  if (type <= 0x7f) return type;
  if (type >= 0xe0) return type - 0x100;
  if (type === 0xcf) return unsigned64At(bytes, start + 1);
  if (type >= 0xcc && type <= 0xce) {
    return unsignedAt(bytes, start + 1, widthOf(type - 0xcc), leastOf(type - 0xcc));
  }
  if (type < 0xd0 || type > 0xd2) throw giveUp(start);
  const bits = 8 * widthOf(type - 0xd0);
  const number = unsignedAt(bytes, start + 1, bits / 8, 0) - 2 ** bits;
  // Not what is positive, nor what a shorter form holds.
  if (number < -(2 ** (bits - 1)) || number >= (type === 0xd0 ? -0x20 : -(2 ** (bits / 2 - 1))))
    throw giveUp(start);
  return number;
}

function endOfInteger(start: number, type: number): number {
  if (type <= 0x7f || type >= 0xe0) return start + 1;
  return start + 1 + widthOf(type >= 0xd0 ? type - 0xd0 : type - 0xcc);
}

/** A count in 2 or 4 bytes. */
function sizeAt(bytes: Uint8Array, position: number, place: number): number {
  return unsignedAt(bytes, position, widthOf(place), place === 1 ? 0x10 : 0x1_0000);
}

function leastOf(place: number): number {
  return place === 0 ? 0x80 : place === 1 ? 0x100 : 0x1_0000;
}

/** Types of one kind stand in a row: with a number of 1, 2, 4 and 8 bytes. */
function widthOf(place: number): number {
  return 1 << place;
}
