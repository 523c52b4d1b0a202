// session.serialize_handler=igbinary: the whole session as one array in the binary format of PHP's igbinary
// extension.
//
//   session      = version array ;                         (* version: 00 00 00 01 or 00 00 00 02 *)
//   value        = [ flag ] plain ;                        (* flag: 25, the value is one of PHP's references *)
//   plain        = scalar | array | object | reference ;
//   scalar       = null | boolean | integer | float | string ;
//   null         = 00 ;
//   boolean      = 04 | 05 ;                               (* false, true *)
//   integer      = ( 06 | 08 | 0a | 20 ) number            (* positive, in 1, 2, 4, 8 bytes *)
//                | ( 07 | 09 | 0b | 21 ) number ;          (* negative *)
//   float        = 0c double ;
//   string       = 0d                                      (* empty *)
//                | ( 0e | 0f | 10 ) index                  (* one that was there before: 1, 2, 4 bytes *)
//                | ( 11 | 12 | 13 ) length { byte } ;
//   array        = ( 14 | 15 | 16 ) count { key value } ;
//   key          = integer | string ;
//   object       = class ( properties | serializable | enum ) ;
//   class        = ( 17 | 18 | 19 ) length { byte } | ( 1a | 1b | 1c ) index ;
//   properties   = ( 14 | 15 | 16 ) count { key value | 00 } ;   (* 00: a typed property without a value *)
//   serializable = ( 1d | 1e | 1f ) length { byte } ;
//   enum         = 27 string ;
//   reference    = ( 01 | 02 | 03 ) index                  (* an array, or a scalar behind a flag *)
//                | ( 22 | 23 | 24 ) index ;                (* an object *)
//
// This is what igbinary writes. It also reads numbers in more bytes than they need, keys given twice, anything
// behind the session and more: refused here. A property stands twice where a class's __sleep() names it twice; the
// later one counts.
//
// An index counts from 0. Strings that are not empty have one numbering, keys and names of classes included.
// Arrays, objects and scalars behind a flag have another: the session is 0 there, arrays and objects take
// their number before what is inside them, and the arrays that hold an object's properties take none. Other
// than with PHP's text formats, a Serializable leaves no doubt about the numbers: its payload has its own.
//
// Source: igbinary 3.2 src/php7/igbinary.c.

import { maxDepth, maxSessionBytes, maxValues } from "../limits.ts";
import {
  type Bytes,
  isClassNameIn,
  maxInt64,
  PhpArray,
  PhpEnum,
  type PhpKey,
  PhpObject,
  PhpSerializable,
  type PhpSession,
  type PhpValue,
  phpInteger,
} from "../model.ts";
import type { Wanted } from "../wanted.ts";
import {
  type BinaryFormat,
  decodeBinary,
  keepEmpty,
  keepMade,
  madeAt,
  propertyFor,
  spendOnContainer,
} from "./binary-build.ts";
import { behindText, fail, malformed, session, sizeIn, spend, textAt, view } from "./binary-input.ts";
import { beginKeys, isFiled, isIntegerKey, newMap, printOf, smallOf } from "./binary-keys.ts";
import { leaveArray, search } from "./binary-wanted.ts";

/** By index, three numbers of each string: where it is, its length, and its print once it was an array's key. */
const strings = new Int32Array(maxSessionBytes + 3);
let stringCount = 0;
/** By index: where the target of a reference is, behind its flag; the complement of that where it has one. */
const targets = new Int32Array(maxValues + 1);

/**
 * The session that PHP's `igbinary` handler wrote as these bytes; no bytes are an empty session: so is a new
 * one stored until its first request ends. Variables named by an int are dropped, as PHP drops them when it
 * reads them.
 * @throws UnreadableSessionError unless every byte belongs to a session that igbinary writes
 * Source: PS_SERIALIZER_DECODE_FUNC(igbinary) in igbinary src/php7/igbinary.c.
 */
export function decodeIgbinary(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  return decodeBinary(igbinary, bytes, wanted);
}

/**
 * Of each array and object around the innermost, four numbers: the pairs to come, or of an object the complement of
 * that; where its first key is; the place of its first print; its last integer.
 */
const around = new Int32Array(4 * (maxDepth + 1));
/** An array with more names than this has them filed. */
const maxPrints = 64;
const allPrints = new Int32Array(maxPrints * (maxDepth + 1));

/**
 * Goes over all bytes and makes nothing of them. One loop, which spells out what is met most and takes what it needs
 * into locals: V8 puts only so much of the functions that a loop calls into it, and reads a module's variables anew.
 * @throws UnreadableSessionError unless they are a session
 */
function check(end: number): boolean {
  const bytes = session;
  const table = strings;
  const numbered = targets;
  const outer = around;
  const prints = allPrints;
  const printsPerMap = maxPrints;
  const most = 0x7fff_ffff;
  let position = 4;
  let type = bytes[4] as number;
  if (view.getInt32(0) < 1 || view.getInt32(0) > 2) throw malformed(end < 4 ? end : 0);
  if (!isArray(type)) throw malformed(4);
  beginKeys(end);
  texts = undefined;
  let levelDepth = 1;
  let references = 0;
  let count = 0;
  let targetCount = 0;
  let values = 1;
  let depth = 0;
  // Pairs to come in the innermost array or object.
  let left = 0;
  let isObject = false;
  let begin = 4;
  // The prints of an array's names. Where its keys are filed: the complement of the map's number.
  let firstPrint = 0;
  let nextPrint = 0;
  // In most arrays they ascend: then none is there twice.
  let lastInteger = -1;
  for (;;) {
    const start = position;
    if (type === 0x25) {
      position++;
      type = bytes[position] as number;
      if (isScalar(type)) {
        numbered[targetCount] = ~position;
        targetCount++;
      }
    }
    if (type === 0x11) {
      const length = bytes[position + 1] as number;
      position += 2;
      table[3 * count] = position;
      table[3 * count + 1] = length;
      table[3 * count + 2] = 0;
      count++;
      position += length;
      if (length === 0 || position > end) throw malformed(position - 1);
    } else if (type === 0x06) {
      position += 2;
    } else if (type === 0x0e) {
      position += 2;
      if ((bytes[position - 1] as number) >= count) throw malformed(position - 1);
    } else if (type === 0x00 || type === 0x04 || type === 0x05) {
      position++;
    } else if (type >= 0x14 && type <= 0x1c) {
      numbered[targetCount] = position > start ? ~position : position;
      targetCount++;
      outer[4 * depth] = isObject ? ~left : left;
      const becomesObject = type >= 0x17;
      if (becomesObject) {
        // The types of a class name are those of strings, 6 and 12 further on.
        const index = indexAt(position, type <= 0x19 ? type - 0x06 : type - 0x0c, count);
        if (index === count) count++;
        checkClassName(index);
        position = behind;
        type = bytes[position] as number;
      }
      if (isArray(type)) {
        outer[4 * depth + 1] = begin;
        outer[4 * depth + 2] = firstPrint;
        outer[4 * depth + 3] = lastInteger;
        depth++;
        if (depth > maxDepth) throw fail("too-deep", position);
        left = sizeAt(position, type - 0x14);
        position = behind;
        if (left > end - position) throw malformed(end);
        values += left;
        if (values > maxValues) throw fail("too-many-values", position);
        isObject = becomesObject;
        begin = position;
        firstPrint = nextPrint;
        lastInteger = -1;
      } else if (type === 0x27) {
        type = bytes[position + 1] as number;
        if (type < 0x0e || type > 0x13) throw malformed(position + 1);
        const index = indexAt(position + 1, type, count);
        if (index === count) count++;
        checkCaseName(index);
        position = behind;
      } else {
        if (type < 0x1d || type > 0x1f) throw malformed(position);
        const length = sizeAt(position, type - 0x1d);
        position = behindText(behind, length);
      }
    } else if (type === 0x0c) {
      position += 9;
    } else if (type >= 0x0d && type <= 0x13) {
      if (indexAt(position, type, count) === count) count++;
      position = behind;
    } else if (isReference(type)) {
      references++;
      checkReference(position, type, targetCount, position > start);
      position = behind;
    } else {
      integerAt(position);
      position = behind;
    }

    // The next key, behind properties without a value.
    for (;;) {
      while (left === 0) {
        if (depth === levelDepth) levelDepth = leaveArray();
        depth--;
        if (depth === 0) {
          if (position !== end) throw malformed(position);
          stringCount = count;
          return references > 0;
        }
        if (firstPrint >= 0) nextPrint = firstPrint;
        left = outer[4 * depth] as number;
        isObject = left < 0;
        if (isObject) left = ~left;
        begin = outer[4 * depth + 1] as number;
        firstPrint = outer[4 * depth + 2] as number;
        lastInteger = outer[4 * depth + 3] as number;
      }
      left--;
      if (position >= end) throw malformed(end);
      type = bytes[position] as number;
      if (type !== 0x00 || !isObject) break;
      position++;
    }
    const keyStart = position;
    let index = -1;
    let isDoubtful = false;
    if (type === 0x0e) {
      index = bytes[position + 1] as number;
      position += 2;
      if (index >= count) throw malformed(position - 1);
    } else if (type === 0x11) {
      const length = bytes[position + 1] as number;
      position += 2;
      table[3 * count] = position;
      table[3 * count + 1] = length;
      table[3 * count + 2] = 0;
      index = count;
      count++;
      position += length;
      if (length === 0 || position > end) throw malformed(position - 1);
    } else if (type >= 0x0d && type <= 0x13) {
      index = indexAt(position, type, count);
      if (index === count) count++;
      position = behind;
      isDoubtful = index < 0 && !isObject;
    } else {
      const integer = type === 0x06 ? (bytes[position + 1] as number) : smallOf(integerAt(position));
      position = type === 0x06 ? position + 2 : behind;
      isDoubtful = integer <= lastInteger;
      lastInteger = integer;
    }
    if (index >= 0 && !isObject) {
      const at = 3 * index;
      let print = table[at + 2] as number;
      if (print === 0) {
        // PHP files "5" under 5.
        if (isIntegerKey(table[at] as number, table[at + 1] as number)) throw malformed(keyStart);
        print = printOf(table[at] as number, table[at + 1] as number);
        table[at + 2] = print;
      }
      let place = firstPrint;
      while (place >= 0 && place < nextPrint && prints[place] !== print) place++;
      isDoubtful = place !== nextPrint || place - firstPrint === printsPerMap;
      if (!isDoubtful) {
        prints[nextPrint] = print;
        nextPrint++;
      }
      if (depth === levelDepth) {
        const isPlain = isArray(bytes[position] as number);
        levelDepth = search(print, table[at] as number, table[at + 1] as number, position, isPlain);
      }
    }
    if (isDoubtful) {
      lastInteger = most;
      if (firstPrint >= 0) {
        nextPrint = firstPrint;
        firstPrint = ~fileKeys(begin, keyStart, isObject);
      }
      fileKey(~firstPrint, keyStart, isObject);
    }
    type = bytes[position] as number;
  }
}

const isArray = (type: number) => type >= 0x14 && type <= 0x16;
const isClass = (type: number) => type >= 0x17 && type <= 0x1c;
const isReference = (type: number) => (type >= 0x01 && type <= 0x03) || (type >= 0x22 && type <= 0x24);
const isScalar = (type: number) =>
  type === 0x00 || (type >= 0x04 && type <= 0x13) || type === 0x20 || type === 0x21;

/** Where the size, the integer or the value ended that was looked at last. */
let behind = 0;

/** A length, a count or an index behind its type, in as few bytes as it fits into: 1, 2 or 4, by its place among types. */
function sizeAt(position: number, place: number): number {
  const size = sizeIn(position + 1, 1 << place);
  behind = position + 1 + (1 << place);
  if (place > 0 && size < (place === 1 ? 0x100 : 0x1_0000)) throw malformed(behind - 1);
  return size;
}

/** The index of the string that begins here, which is a new one or was there before; -1 for the empty one. */
function indexAt(position: number, type: number, next: number): number {
  if (type === 0x0d) {
    behind = position + 1;
    return -1;
  }
  const size = sizeAt(position, type >= 0x11 ? type - 0x11 : type - 0x0e);
  if (type <= 0x10) {
    if (size >= next) throw malformed(behind - 1);
    return size;
  }
  if (size === 0) throw malformed(behind - 1);
  strings[3 * next] = behind;
  strings[3 * next + 1] = size;
  strings[3 * next + 2] = 0;
  behind = behindText(behind, size);
  return next;
}

function checkClassName(index: number): void {
  const start = strings[3 * index] as number;
  const length = strings[3 * index + 1] as number;
  spend(length);
  if (!isClassNameIn(session, start, start + length)) throw malformed(start);
}

function checkCaseName(index: number): void {
  checkClassName(index);
  const start = strings[3 * index] as number;
  const end = start + (strings[3 * index + 1] as number);
  if (session.subarray(start, end).includes(0x5c)) throw malformed(start);
}

function checkReference(position: number, type: number, targetCount: number, isFlagged: boolean): void {
  const isHandle = type >= 0x22;
  const index = sizeAt(position, type - (isHandle ? 0x22 : 0x01));
  if (index === 0 || index >= targetCount) throw fail("bad-reference", behind - 1);
  const target = targets[index] as number;
  if (isClass(session[target < 0 ? ~target : target] as number) !== isHandle)
    throw fail("bad-reference", behind - 1);
  if (!isHandle && isFlagged !== target < 0) throw fail("bad-reference", behind - 1);
}

function integerAt(position: number): number | bigint {
  const type = session[position] as number;
  const isNegative = type % 2 === 1;
  if (type < 0x06 || (type > 0x0b && type !== 0x20 && type !== 0x21)) throw malformed(position);
  if (type < 0x0a) {
    const size = sizeAt(position, (type - 0x06) >> 1);
    if (isNegative && size === 0) throw malformed(behind - 1);
    return isNegative ? -size : size;
  }
  if (type < 0x20) {
    const size = view.getUint32(position + 1);
    behind = position + 5;
    if (size < 0x1_0000) throw malformed(behind - 1);
    return isNegative ? -size : size;
  }
  const size = view.getBigUint64(position + 1);
  behind = position + 9;
  // igbinary takes integers beyond 64 bits for 0.
  if (size <= 0xffff_ffffn || size > maxInt64 + (isNegative ? 1n : 0n)) throw malformed(behind - 1);
  return phpInteger(isNegative ? -size : size);
}

/** Files an array's keys from `begin` on and before `end`, or the integers among an object's; the number of the map. */
function fileKeys(begin: number, end: number, isObject: boolean): number {
  const map = newMap();
  spend(end - begin);
  let position = begin;
  while (position < end) {
    if (isObject && session[position] === 0x00) {
      position++;
    } else {
      fileKey(map, position, isObject);
      position = behindValue(behindValue(position));
    }
  }
  return map;
}

function fileKey(map: number, position: number, isObject: boolean): void {
  const type = session[position] as number;
  if (type >= 0x0d && type <= 0x13) {
    findText(position, type);
    if (!isObject && isFiled(map, textStart, textLength)) throw malformed(position);
  } else if (isFiled(map, position, position - behindValue(position))) throw malformed(position);
}

// From here on the bytes are known to be those of a session.

let textStart = 0;
let textLength = 0;

/** Where the text of the string is; its index, or -1 for one that is written here. */
function findText(position: number, type: number): number {
  if (type === 0x0d) {
    textLength = 0;
    behind = position + 1;
  } else if (type <= 0x10) {
    const index = sizeAt(position, type - 0x0e);
    textStart = strings[3 * index] as number;
    textLength = strings[3 * index + 1] as number;
    return index;
  } else {
    textLength = sizeAt(position, type - 0x11);
    textStart = behind;
    behind += textLength;
  }
  return -1;
}

/** By type, how many bytes it takes without a text; the types of one kind stand in a row, with 1, 2, 4 and 8 bytes. */
const widths = Uint8Array.from({ length: 0x28 }, (_, type) => {
  if (type >= 0x06 && type <= 0x0b) return 1 + (1 << ((type - 0x06) >> 1));
  if (type === 0x0c || type === 0x20 || type === 0x21) return 9;
  const first = [0x01, 0x0e, 0x11, 0x14, 0x17, 0x1a, 0x1d, 0x22].find(
    (from) => type >= from && type < from + 3,
  );
  return first === undefined ? 1 : 1 + (1 << (type - first));
});

const itemsAround = new Int32Array(maxDepth + 1);

/** Behind the value, or key, that begins here. */
function behindValue(start: number): number {
  let position = start;
  let depth = 0;
  // As in `check`.
  let items = 0;
  for (;;) {
    const type = session[position] as number;
    const width = widths[type] as number;
    position += width;
    if (isArray(type)) {
      itemsAround[depth] = items;
      depth++;
      items = 2 * sizeIn(position + 1 - width, width - 1);
    } else if ((type >= 0x11 && type <= 0x19) || (type >= 0x1d && type <= 0x1f)) {
      position += sizeIn(position + 1 - width, width - 1);
    } else if (type === 0x00 && (items & 1) === 1) {
      items--;
    }
    // These stand in front of a value.
    if (type === 0x25 || type === 0x27 || isClass(type)) continue;
    while (items === 0) {
      if (depth === 0) return position;
      depth--;
      items = itemsAround[depth] as number;
    }
    items--;
  }
}

/** By index, the text of a string: one is made, however often an index names it. */
let texts: Bytes[] | undefined;
/** The value that begins here, or what is wanted of it; its end is `behind` then. */
function build(position: number, wanted?: Wanted): PhpValue {
  const type = session[position] as number;
  if (type >= 0x0d && type <= 0x13) return textOf(position, type);
  if (isArray(type) || isClass(type)) {
    const known = wanted === undefined ? madeAt(position) : undefined;
    if (known !== undefined) {
      behind = behindValue(position);
      return known;
    }
    const value = begin(position, type);
    if (wanted === undefined) keepMade(position, value);
    fill(value, wanted);
    return value;
  }
  if (isReference(type)) {
    const target = targets[sizeAt(position, type - (type >= 0x22 ? 0x22 : 0x01))] as number;
    const end = behind;
    const value = referenced(target < 0 ? ~target : target, wanted);
    behind = end;
    return value;
  }
  if (type === 0x25) return build(position + 1, wanted);
  behind = position + (widths[type] as number);
  if (type === 0x00) return null;
  if (type === 0x04 || type === 0x05) return type === 0x05;
  return type === 0x0c ? view.getFloat64(position + 1) : integerAt(position);
}

function referenced(position: number, wanted: Wanted | undefined): PhpValue {
  const type = session[position] as number;
  const hasInside = isArray(type) || isClass(type);
  if (hasInside && wanted !== undefined) {
    spend(behindValue(position) - position);
    return build(position, wanted);
  }
  const known = madeAt(position);
  if (known !== undefined) return known;
  const value = hasInside ? begin(position, type) : build(position);
  if (hasInside) keepEmpty(position, value);
  else keepMade(position, value);
  return value;
}

function fillAt(position: number, value: PhpValue): void {
  begin(position, session[position] as number);
  fill(value, undefined);
}

/** The array or object that begins here, with nothing in it yet; `behind` is where its count is. */
function begin(position: number, type: number): PhpArray | PhpObject | PhpEnum | PhpSerializable {
  behind = position;
  spendOnContainer();
  if (isArray(type)) return new PhpArray();
  const className = textOf(position, type <= 0x19 ? type - 0x06 : type - 0x0c);
  const next = session[behind] as number;
  if (isArray(next)) return new PhpObject(className);
  if (next === 0x27) return new PhpEnum(className, build(behind + 1) as Bytes);
  return new PhpSerializable(className, textOf(behind, next - 0x0c));
}

/** Puts into it what is wanted of what stands at `behind`. */
function fill(value: PhpValue, wanted: Wanted | undefined): void {
  if (!(value instanceof PhpArray || value instanceof PhpObject)) return;
  for (let left = sizeAt(behind, (session[behind] as number) - 0x14); left > 0; left--) {
    if (session[behind] === 0x00) {
      behind++;
      continue;
    }
    const key = build(behind) as PhpKey;
    const property = propertyFor(value, key);
    const name = property === undefined ? key : property.name;
    const found = wanted?.find((candidate) => candidate.name === name);
    if (wanted !== undefined && found === undefined) {
      behind = behindValue(behind);
      continue;
    }
    const inner = build(behind, found?.inside);
    if (property !== undefined) property.value = inner;
    else if (value instanceof PhpArray) value.entries.set(key, inner);
  }
}

/** From this length on, a text that stands here and is named by an index is made once. */
const longText = 64;

/** The text of a string, a class name or a payload, by the type of a string that it has. */
function textOf(position: number, type: number): Bytes {
  let index = findText(position, type);
  if (index < 0 && textLength >= longText) index = indexOfText();
  if (index < 0) return textAt(textStart, textLength);
  texts ??= [];
  const known = texts[index];
  if (known !== undefined) {
    // V8 hashes so long a text by its length alone: whoever looks for it in a Map compares it with all as long.
    if (textLength >= 0x4000) spend(0x400);
    return known;
  }
  const text = textAt(textStart, textLength);
  texts[index] = text;
  return text;
}

/** The index of the text that was found, or -1 for a payload, which has none. */
function indexOfText(): number {
  let low = 0;
  for (let high = stringCount - 1; low < high; ) {
    const middle = (low + high + 1) >> 1;
    if ((strings[3 * middle] as number) <= textStart) low = middle;
    else high = middle - 1;
  }
  return strings[3 * low] === textStart ? low : -1;
}

const igbinary = { byteBehind: 0xff, start: 4, check, build, fillAt } as const satisfies BinaryFormat;
