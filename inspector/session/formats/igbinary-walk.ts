// Walks over values of igbinary of which nothing is made: see binary-walk.ts, and igbinary-handler.ts for the
// format. Flags, references, enums, Serializables and properties without a value make it give up.

import { maxDepth, maxSessionBytes, maxValues } from "../limits.ts";
import { type Bytes, isClassNameIn } from "../model.ts";
import { giveUp, walked } from "../wanted.ts";
import { countValue } from "./binary-input.ts";
import {
  addInteger,
  addPrint,
  behind,
  byteIn,
  type MapKeys,
  printOfKey,
  unsigned64At,
  unsignedAt,
  type Walker,
} from "./binary-walk.ts";

export interface IgbinaryWalker extends Walker {
  /** How many strings there were to which an index can point. */
  strings: number;
  /** The last string: 0 for the empty one, or 1 and more in their order. */
  string: number;
}

/** A string that is not empty takes at least its type, its length and a byte. */
const maxStrings = Math.floor(maxSessionBytes / 3);

/** Where each string begins and ends, and its print once it was a key. For all walkers, as `walked`. */
const starts = new Int32Array(maxStrings + 1);
const ends = new Int32Array(maxStrings + 1);
const prints = new Int32Array(maxStrings + 1);
/** 1 once it was the name of a class. */
const areClassNames = new Uint8Array(maxStrings + 1);

/** The string at this index, which is below `strings`. */
export function stringAt(index: number): Bytes {
  return walked.toString("latin1", starts[index + 1], ends[index + 1]);
}

/** The next string has this place. */
export function addString(walker: IgbinaryWalker, start: number, end: number): void {
  walker.strings++;
  starts[walker.strings] = start;
  ends[walker.strings] = end;
  prints[walker.strings] = 0;
  areClassNames[walker.strings] = 0;
}

/** What is still to come in each array and object around the innermost, and the prints and ints of its keys. */
const itemsAround = new Int32Array(maxDepth + 1);
const firstPrintsAround = new Int32Array(maxDepth + 1);
const lastIntegersAround = new Float64Array(maxDepth + 1);

/**
 * Goes through all that is inside the value in one loop, and spells out there what is met most: V8 puts only so much
 * of the functions that a loop calls into it. It looks for the end after each value, as `walked` goes on behind it.
 */
export function endOfValue(walker: IgbinaryWalker, start: number): number {
  countValue(walker);
  const bytes = walked;
  const end = walker.bytes.length;
  const depthOutside = walker.depth;
  let depth = depthOutside;
  let position = start;
  // Keys and values to come in the innermost array or object, without the one at the position: odd if that is a key.
  let items = 0;
  let nextPrint = walker.prints;
  let firstPrint = nextPrint;
  let lastInteger = Number.NEGATIVE_INFINITY;
  for (;;) {
    if (position >= end) throw giveUp(position);
    const type = bytes[position] as number;
    const isKey = items % 2 === 1;
    if (type >= 0x0d && type <= 0x13) {
      let string: number;
      if (type === 0x0e) {
        string = (bytes[position + 1] as number) + 1;
        if (string > walker.strings) throw giveUp(position);
        position += 2;
      } else if (type === 0x11) {
        const textStart = position + 2;
        position = textStart + (bytes[position + 1] as number);
        if (position === textStart || position > end) throw giveUp(textStart);
        addString(walker, textStart, position);
        string = walker.strings;
      } else {
        position = endOfString(walker, position, type);
        string = walker.string;
      }
      if (isKey) {
        addPrint(firstPrint, nextPrint, printOfString(string), position);
        nextPrint++;
      }
    } else if (isInteger(type)) {
      let integer: number;
      if (type === 0x06) {
        integer = bytes[position + 1] as number;
        position += 2;
      } else {
        integer = integerAt(walker.bytes, position, type);
        position = endOfInteger(position, type);
      }
      if (isKey) {
        if (integer <= lastInteger) throw giveUp(position);
        lastInteger = integer;
      }
    } else if (isKey) {
      throw giveUp(position);
    } else if (type >= 0x14 && type <= 0x1c) {
      if (type >= 0x17) position = endOfClassName(walker, position, type);
      const pairs = countAt(walker.bytes, position);
      position = startOfPairs(walker.bytes, position);
      walker.values += pairs;
      if (walker.values > maxValues) throw giveUp(position);
      itemsAround[depth] = items;
      firstPrintsAround[depth] = firstPrint;
      lastIntegersAround[depth] = lastInteger;
      items = 2 * pairs;
      firstPrint = nextPrint;
      lastInteger = Number.NEGATIVE_INFINITY;
      depth++;
      if (depth > maxDepth) throw giveUp(position);
    } else if (type === 0x00 || type === 0x04 || type === 0x05) {
      position++;
    } else if (type === 0x0c) {
      position += 9;
    } else {
      throw giveUp(position);
    }
    while (items === 0) {
      if (depth === depthOutside) {
        if (position > end) throw giveUp(end);
        return position;
      }
      depth--;
      nextPrint = firstPrint;
      items = itemsAround[depth] as number;
      firstPrint = firstPrintsAround[depth] as number;
      lastInteger = lastIntegersAround[depth] as number;
    }
    items--;
  }
}

/** Behind a key that is none of those before it. */
export function endOfKey(walker: IgbinaryWalker, start: number, keys: MapKeys): number {
  const type = byteIn(walker.bytes, start);
  if (type >= 0x0d && type <= 0x13) {
    const end = endOfString(walker, start, type);
    walker.textStart = starts[walker.string] as number;
    walker.textEnd = ends[walker.string] as number;
    addPrint(keys.firstPrint, walker.prints, printOfString(walker.string), start);
    walker.prints++;
    return end;
  }
  addInteger(walker, keys, integerAt(walker.bytes, start, type));
  return endOfInteger(start, type);
}

function printOfString(string: number): number {
  let print = prints[string] as number;
  if (print === 0) {
    print = printOfKey(walked, starts[string] as number, ends[string] as number);
    prints[string] = print;
  }
  return print;
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

const isInteger = (type: number) => (type >= 0x06 && type <= 0x0b) || type === 0x20 || type === 0x21;

/** Behind an object's class. */
function endOfClassName(walker: IgbinaryWalker, start: number, type: number): number {
  // The types of a class name are those of strings, 6 further on.
  const end = endOfString(walker, start, type <= 0x19 ? type - 0x06 : type - 0x0c);
  if (!isClassNameOf(walker, walker.string)) throw giveUp(start);
  return end;
}

/** Whether this string can be the name of a class: looked at once, however many objects name it. */
export function isClassNameOf({ bytes }: Walker, string: number): boolean {
  if (areClassNames[string] === 1) return true;
  if (!isClassNameIn(bytes, starts[string] as number, ends[string] as number)) return false;
  areClassNames[string] = 1;
  return true;
}

/** Behind a string, which is then the walker's last. */
export function endOfString(walker: IgbinaryWalker, start: number, type: number): number {
  const { bytes } = walker;
  if (type === 0x0d) {
    walker.string = 0;
    return start + 1;
  }
  if (type <= 0x10) {
    walker.string = sizeAt(bytes, start + 1, type - 0x0e) + 1;
    if (walker.string > walker.strings) throw giveUp(start);
    return start + 1 + widthOf(type - 0x0e);
  }
  const length = sizeAt(bytes, start + 1, type - 0x11);
  if (length === 0) throw giveUp(start);
  const textStart = start + 1 + widthOf(type - 0x11);
  const textEnd = behind(bytes, textStart, length);
  addString(walker, textStart, textEnd);
  walker.string = walker.strings;
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
