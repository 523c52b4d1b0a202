// session.serialize_handler=msgpack: the whole session as one map in MessagePack, with the marks by which
// PHP's msgpack extension tells PHP's own types. A mark is a pair whose key is nil, which no PHP array has;
// it counts as a pair of its map.
//
//   session      = 90 | map-of( [ referenced ] { key value } ) ;
//   value        = nil | boolean | integer | float | string | list | array | object | serializable | enum
//                | reference ;
//   nil          = c0 ;
//   boolean      = c2 | c3 ;                                      (* false, true *)
//   integer      = 00..7f | e0..ff | ( cc | cd | ce | cf | d0 | d1 | d2 | d3 ) number ;
//   float        = cb double | ca float ;
//   string       = a0..bf { byte } | ( d9 | da | db ) length { byte } ;
//   list         = 90..9f { value } | ( dc | dd ) count { value } ;
//   array        = map-of( [ referenced ] key value { key value } ) ;
//   object       = map-of( [ referenced ] class { string value } )
//                | map-of( class nil ( list | array ) ) ;         (* what its __serialize() returned *)
//   serializable = map-of( nil 03 string string ) ;               (* class name, payload *)
//   enum         = map-of( nil 06 string string ) ;               (* class name, case: msgpack 3 *)
//   reference    = map-of( nil ( 02 | 04 | 05 ) 00 integer ) ;    (* an array; an object, twice *)
//   map-of       = 80..8f | ( de | df ) count ;                   (* then the pairs, that many in all *)
//   referenced   = nil 01 ;                                       (* one of PHP's references *)
//   class        = nil string ;
//   key          = integer | string ;
//
// This is what the extension writes by default. It also reads numbers in more bytes than they need, keys given
// twice, texts such as "5" as keys of an array, binary strings, marks in other places, anything behind the session and
// more: refused here. A property stands twice where a class's __sleep() names it twice; the later one counts.
//
// A reference names its target by number: the session is 1, then every list and every map takes one when it
// begins, references included. That is how PHP reads them, and so what they mean; where PHP's writer counts
// otherwise (it gives no number to a repeated `&`), PHP itself reads another target than it wrote. While it
// reads, PHP keeps pointers to where the values lie, and some of them do not stay valid. What PHP reads by a reference
// to such a value is left to chance. So is the session where what is wanted depends on it, and only there:
//  - the session itself;
//  - an array that is still being read, unless it is one of PHP's references;
//  - all that __serialize() returned, once it is handed to __unserialize();
//  - what is inside a property's first value, where the property stands twice;
//  - what lies directly in a table that PHP has to make larger while it fills it: a map of more than 8 pairs
//    whose first value holds a smaller map; an object of more than 7 properties; a list of more than 65536.
//
// Source: msgpack-php 2.2 and 3.0 msgpack_pack.c, msgpack_unpack.c, msgpack/unpack_template.h.

import { maxDepth, maxValues } from "../limits.ts";
import {
  type Bytes,
  isClassNameIn,
  maxInt64,
  minInt64,
  PhpArray,
  PhpEnum,
  type PhpKey,
  PhpObject,
  PhpSerializable,
  type PhpSession,
  type PhpValue,
  phpInteger,
  propertyOf,
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

/** Where the list or map of number n is, at n-1. */
const slots = new Int32Array(maxValues + 1);
let slotCount = 0;

/**
 * The session that PHP's `msgpack` handler wrote as these bytes; no bytes are an empty session: so is a new
 * one stored until its first request ends. Variables named by an int are dropped, as PHP drops them when it
 * reads them.
 * @throws UnreadableSessionError unless every byte belongs to a session that the extension writes
 * Source: PS_SERIALIZER_DECODE_FUNC(msgpack) in msgpack-php msgpack.c.
 */
export function decodeMsgpack(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  return decodeBinary(msgpack, bytes, wanted);
}

const nil = 0xc0;
const mark = {
  referenced: 0x01,
  array: 0x02,
  serializable: 0x03,
  object: 0x04,
  objectAgain: 0x05,
  enum: 0x06,
};
const isString = (type: number) => (type >= 0xa0 && type <= 0xbf) || (type >= 0xd9 && type <= 0xdb);
const isMap = (type: number) => (type >= 0x80 && type <= 0x8f) || type === 0xde || type === 0xdf;
const isList = (type: number) => (type >= 0x90 && type <= 0x9f) || type === 0xdc || type === 0xdd;

/** Of each list and map around the innermost, four numbers: what is left of it and its kind; the rest as in igbinary.ts. */
const around = new Int32Array(4 * (maxDepth + 1));
const maxPrints = 64;
const allPrints = new Int32Array(maxPrints * (maxDepth + 1));

/**
 * Goes over all bytes and makes nothing of them, as in igbinary.ts.
 * @throws UnreadableSessionError unless they are a session
 */
function check(end: number): boolean {
  const bytes = session;
  const numbered = slots;
  const outer = around;
  const prints = allPrints;
  const printsPerMap = maxPrints;
  const most = 0x7fff_ffff;
  const list = 0;
  const array = 1;
  const object = 2;
  let position = 0;
  let type = bytes[0] as number;
  if (type !== 0x90 && !isMap(type)) throw malformed(0);
  beginKeys(end);
  isResolved = false;
  let levelDepth = 1;
  let references = 0;
  let count = 0;
  let values = 1;
  let depth = 0;
  // Items, or pairs, to come in the innermost list or map.
  let left = 0;
  let kind = list;
  let begin = 0;
  let firstPrint = 0;
  let nextPrint = 0;
  let lastInteger = -1;
  // What __serialize() returned has no marks.
  let isReturned = false;
  for (;;) {
    if (type <= 0x7f || type === nil || type === 0xc2 || type === 0xc3 || type >= 0xe0) {
      position++;
    } else if (type >= 0xa0 && type <= 0xbf) {
      position += type - 0x9f;
      if (position > end) throw malformed(end);
    } else if (isMap(type) || isList(type)) {
      numbered[count] = position;
      count++;
      outer[4 * depth] = 4 * left + kind;
      outer[4 * depth + 1] = begin;
      outer[4 * depth + 2] = firstPrint;
      outer[4 * depth + 3] = lastInteger;
      depth++;
      if (depth > maxDepth) throw fail("too-deep", position);
      firstPrint = nextPrint;
      lastInteger = -1;
      left = sizeAt(position, type);
      position = behind;
      kind = isMap(type) ? array : list;
      if (left > end - position) throw malformed(end);
      if (kind === array) {
        if (left === 0) throw malformed(position - 1);
        if (bytes[position] === nil && !isReturned) {
          const isReferenced = bytes[position + 1] === mark.referenced;
          if (isReferenced) {
            position += 2;
            left--;
            if (left === 0 && depth > 1) throw malformed(position - 1);
          }
          if (left > 0 && bytes[position] === nil) {
            type = bytes[position + 1] as number;
            if (depth === 1) throw malformed(position);
            if (isString(type)) {
              position = behindClassName(position + 1);
              left--;
              kind = object;
              isReturned = left === 1 && !isReferenced && bytes[position] === nil;
            } else {
              if (left !== 2 || isReferenced) throw malformed(position + 1);
              if (type !== mark.serializable && type !== mark.enum) references++;
              position = behindMarked(position + 2, type, count);
              left = 0;
            }
          }
        }
        begin = position;
      }
      values += left;
      if (values > maxValues) throw fail("too-many-values", position);
      if (isReturned && kind === object) {
        left = 0;
        position++;
        type = bytes[position] as number;
        if (!isMap(type) && !isList(type)) throw malformed(position);
        continue;
      }
      isReturned = false;
    } else if (type === 0xcb || type === 0xca) {
      position += type === 0xcb ? 9 : 5;
    } else if (isString(type)) {
      const length = sizeAt(position, type);
      position = behindText(behind, length);
    } else {
      integerAt(position);
      position = behind;
    }

    while (left === 0) {
      if (depth === levelDepth) levelDepth = leaveArray();
      depth--;
      if (depth === 0) {
        if (position !== end) throw malformed(position);
        slotCount = count;
        return references > 0;
      }
      if (firstPrint >= 0) nextPrint = firstPrint;
      left = outer[4 * depth] as number;
      kind = left & 3;
      left >>= 2;
      begin = outer[4 * depth + 1] as number;
      firstPrint = outer[4 * depth + 2] as number;
      lastInteger = outer[4 * depth + 3] as number;
    }
    left--;
    if (position >= end) throw malformed(end);
    type = bytes[position] as number;
    if (kind === list) continue;
    const keyStart = position;
    let from = position + 1;
    let length = type - 0xa0;
    let isDoubtful = false;
    if (type >= 0xa0 && type <= 0xbf) {
      position = from + length;
      if (position > end) throw malformed(end);
    } else if (isString(type)) {
      length = sizeAt(position, type);
      from = behind;
      position = behindText(from, length);
    } else {
      length = -1;
      const integer = type <= 0x7f ? type : smallOf(integerAt(position));
      position = type <= 0x7f ? position + 1 : behind;
      isDoubtful = integer <= lastInteger;
      lastInteger = integer;
    }
    if (kind === object) {
      if (length < 0) throw malformed(keyStart);
      if (length > 0 && bytes[from] === 0) checkHiddenName(from, length);
    } else if (length >= 0) {
      // PHP files "5" under 5.
      if (isIntegerKey(from, length)) throw malformed(keyStart);
      const print = printOf(from, length);
      let place = firstPrint;
      while (place >= 0 && place < nextPrint && prints[place] !== print) place++;
      isDoubtful = place !== nextPrint || place - firstPrint === printsPerMap;
      if (!isDoubtful) {
        prints[nextPrint] = print;
        nextPrint++;
      }
      if (depth === levelDepth) levelDepth = search(print, from, length, position, isPlainMap(position));
    }
    if (isDoubtful) {
      lastInteger = most;
      if (firstPrint >= 0) {
        nextPrint = firstPrint;
        firstPrint = ~fileKeys(begin, keyStart);
      }
      fileKey(~firstPrint, keyStart);
    }
    type = bytes[position] as number;
  }
}

/** Where the size, the integer or the value ended that was looked at last. */
let behind = 0;

/** By type from c0 on, how many bytes the number behind it takes. */
const widths = Uint8Array.from([
  ...[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 8, 1, 2, 4, 8],
  ...[1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4],
]);

const widthAt = (type: number) => (type < nil || type >= 0xe0 ? 0 : (widths[type - nil] as number));

/** A length or a count, in as few bytes as it fits into. */
function sizeAt(position: number, type: number): number {
  behind = position + 1;
  if (type < 0xc0) return type >= 0xa0 ? type - 0xa0 : type & 0x0f;
  const width = widths[type - nil] as number;
  const size = sizeIn(position + 1, width);
  behind += width;
  // By its setting msgpack.use_str8_serialization=0 the extension goes without d9.
  const least = width === 4 ? 0x1_0000 : type <= 0xda ? 0x20 : 0x10;
  if (size < least) throw malformed(behind - 1);
  return size;
}

function integerAt(position: number): number | bigint {
  const type = session[position] as number;
  behind = position + 1;
  if (type <= 0x7f) return type;
  if (type >= 0xe0) return type - 0x100;
  behind += widths[type - nil] as number;
  switch (type) {
    case 0xcc:
      return inRange(session[position + 1] as number, 0x80, 0xff);
    case 0xcd:
      return inRange(view.getUint16(position + 1), 0x100, 0xffff);
    case 0xce:
      return inRange(view.getUint32(position + 1), 0x1_0000, 0xffff_ffff);
    // PHP has no larger int and would make a string of it.
    case 0xcf:
      return phpInteger(inRange(view.getBigUint64(position + 1), 0x1_0000_0000n, maxInt64));
    case 0xd0:
      return inRange(view.getInt8(position + 1), -0x80, -0x21);
    case 0xd1:
      return inRange(view.getInt16(position + 1), -0x8000, -0x81);
    case 0xd2:
      return inRange(view.getInt32(position + 1), -0x8000_0000, -0x8001);
    case 0xd3:
      return phpInteger(inRange(view.getBigInt64(position + 1), minInt64, -0x8000_0001n));
    default:
      throw malformed(position);
  }
}

/** The integer, unless it would have had another form. */
function inRange<T extends number | bigint>(integer: T, least: T, most: T): T {
  if (integer < least || integer > most) throw malformed(behind - 1);
  return integer;
}

/** Whether a map without a mark begins here. */
function isPlainMap(position: number): boolean {
  const type = session[position] as number;
  return isMap(type) && session[position + 1 + widthAt(type)] !== nil;
}

/** Behind the string that begins here, whose text is found. */
function behindString(position: number): number {
  const type = session[position] as number;
  if (!isString(type)) throw malformed(position);
  textLength = sizeAt(position, type);
  textStart = behind;
  return behindText(textStart, textLength);
}

function behindClassName(position: number): number {
  const end = behindString(position);
  if (!isClassNameIn(session, textStart, end)) throw malformed(textStart);
  return end;
}

/** Behind what follows a mark that is not a class's, in a map which is the last of so many numbers. */
function behindMarked(position: number, type: number, count: number): number {
  if (type === mark.serializable) return behindString(behindClassName(position));
  if (type === mark.enum) {
    const end = behindClassName(behindClassName(position));
    if (session.subarray(textStart, end).includes(0x5c)) throw malformed(textStart);
    return end;
  }
  if (type !== mark.array && type !== mark.object && type !== mark.objectAgain) throw malformed(position - 1);
  if (session[position] !== 0) throw malformed(position);
  const number = smallOf(integerAt(position + 1));
  if (number < 1 || number > count) throw fail("bad-reference", behind - 1);
  return behind;
}

/** PHP drops what starts with NUL and is no name of a private or protected property, and never writes it. */
function checkHiddenName(start: number, length: number): void {
  if (propertyOf(textAt(start, length)).visibility === "public") throw malformed(start);
}

/** Files an array's keys from `begin` on and before `end`; the number of the map. */
function fileKeys(begin: number, end: number): number {
  const map = newMap();
  spend(end - begin);
  let position = begin;
  while (position < end) {
    fileKey(map, position);
    position = behindValue(behindValue(position));
  }
  return map;
}

function fileKey(map: number, position: number): void {
  const isName = isString(session[position] as number);
  const end = isName ? behindString(position) : behindValue(position);
  if (isName ? isFiled(map, textStart, textLength) : isFiled(map, position, position - end)) {
    throw malformed(position);
  }
}

// From here on the bytes are known to be those of a session.

let textStart = 0;
let textLength = 0;

/** Behind the value, or key, that begins here. */
function behindValue(start: number): number {
  let position = start;
  for (let left = 1; left > 0; left--) {
    const type = session[position] as number;
    if (isMap(type)) left += 2 * sizeAt(position, type);
    else if (isList(type)) left += sizeAt(position, type);
    else if (isString(type)) behind = sizeAt(position, type) + behind;
    else behind = position + 1 + widthAt(type);
    position = behind;
  }
  return position;
}

/** The value that begins here, or what is wanted of it; its end is `behind` then. */
function build(position: number, wanted?: Wanted): PhpValue {
  const type = session[position] as number;
  if (isString(type)) return stringAt(position);
  if (!isMap(type) && !isList(type)) return scalarAt(position, type);
  const known = wanted === undefined ? madeAt(position) : undefined;
  if (known !== undefined) {
    behind = behindValue(position);
    return known;
  }
  const value = begin(position);
  if (value === undefined) {
    const end = behind;
    const target = referenced(position, wanted);
    behind = end;
    return target;
  }
  if (wanted === undefined) keepMade(position, value);
  fill(value, wanted);
  return value;
}

/** What the reference names that is written here. Throws UnreadableSessionError. */
function referenced(position: number, wanted: Wanted | undefined): PhpValue {
  const target = targetOf(position);
  if (target < 0) throw fail("uncertain-reference", position);
  const known = madeAt(target);
  const value = known ?? (begin(target) as PhpValue);
  if (value instanceof PhpArray !== (session[position + 2] === mark.array))
    throw fail("bad-reference", position);
  if (wanted !== undefined) {
    spend(behindValue(target) - target);
    return build(target, wanted);
  }
  if (known === undefined) keepEmpty(target, value);
  return value;
}

function stringAt(position: number): Bytes {
  behind = behindString(position);
  return textAt(textStart, textLength);
}

function scalarAt(position: number, type: number): PhpValue {
  behind = position + 1 + widthAt(type);
  if (type === nil) return null;
  if (type === 0xc2 || type === 0xc3) return type === 0xc3;
  if (type === 0xca) return view.getFloat32(position + 1);
  return type === 0xcb ? view.getFloat64(position + 1) : integerAt(position);
}

/** How many items or pairs are in the list or map that was begun last, from `behind` on. */
let left = 0;
let isOfItems = false;

/** What begins here, with nothing in it yet; undefined for a reference. */
function begin(position: number): PhpArray | PhpObject | PhpEnum | PhpSerializable | undefined {
  const type = session[position] as number;
  left = sizeAt(position, type);
  isOfItems = isList(type);
  spendOnContainer();
  if (isOfItems || session[behind] !== nil) return new PhpArray();
  if (session[behind + 1] === mark.referenced) {
    behind += 2;
    left--;
    if (left === 0 || session[behind] !== nil) return new PhpArray();
  }
  const marked = session[behind + 1] as number;
  if (isString(marked)) {
    const object = new PhpObject(stringAt(behind + 1));
    left--;
    if (left > 0 && session[behind] === nil) {
      // The object is filled from the list or map that its class returned.
      object.keysAreData = true;
      const inner = behind + 1;
      isOfItems = isList(session[inner] as number);
      left = sizeAt(inner, session[inner] as number);
    }
    return object;
  }
  left = 0;
  behind += 2;
  if (marked === mark.serializable) return new PhpSerializable(stringAt(behind), stringAt(behind));
  if (marked === mark.enum) return new PhpEnum(stringAt(behind), stringAt(behind));
  integerAt(behind + 1);
  return undefined;
}

function fillAt(position: number, value: PhpValue): void {
  begin(position);
  fill(value, undefined);
}

/** Puts into it what is wanted of what was begun. */
function fill(value: PhpValue, wanted: Wanted | undefined): void {
  if (!(value instanceof PhpArray || value instanceof PhpObject)) return;
  const hasItems = isOfItems;
  const count = left;
  for (let index = 0; index < count; index++) {
    const key = hasItems ? index : (build(behind) as PhpKey);
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

/** By number, less 1: what PHP's pointer leads to by now, or -1; of references, what it led to when they were read. */
const pointers = new Int32Array(maxValues + 1);
const targets = new Int32Array(maxValues + 1);
let nextSlot = 0;
let lastMapCount = 0;
let isResolved = false;

/** The place of what the reference names that is written here, or -1 where that is left to chance. */
function targetOf(position: number): number {
  if (!isResolved) {
    isResolved = true;
    nextSlot = 0;
    follow(0);
  }
  let low = 0;
  for (let high = slotCount - 1; low < high; ) {
    const middle = (low + high + 1) >> 1;
    if ((slots[middle] as number) <= position) low = middle;
    else high = middle - 1;
  }
  return targets[low] as number;
}

/** PHP makes no larger table in advance, whatever the count says. */
const maxTableInAdvance = 0x1_0000;
/** PHP's smallest table. */
const minTable = 8;

/** Follows PHP's pointers while it reads the value that begins here; its end is `behind` then. */
function follow(position: number): void {
  const type = session[position] as number;
  if (!isMap(type) && !isList(type)) {
    behind = behindValue(position);
    return;
  }
  const slot = nextSlot;
  nextSlot++;
  pointers[slot] = -1;
  let count = sizeAt(position, type);
  let isObject = false;
  if (isMap(type)) {
    lastMapCount = count;
    if (session[behind] === nil && session[behind + 1] === mark.referenced) {
      behind += 2;
      count--;
      if (slot > 0) pointers[slot] = position;
    }
    if (count > 0 && session[behind] === nil) {
      isObject = isString(session[behind + 1] as number);
      if (!isObject) {
        followMarked(position, slot);
        return;
      }
      pointers[slot] = position;
      behind = behindValue(behind + 1);
      count--;
      if (count > 0 && session[behind] === nil) {
        follow(behind + 1);
        pointers.fill(-1, slot + 1, nextSlot);
        return;
      }
    }
  }
  followInside(count, isMap(type), isObject);
  pointers[slot] = position;
}

function followMarked(position: number, slot: number): void {
  const marked = session[position + 2] as number;
  if (marked === mark.serializable || marked === mark.enum) {
    behind = behindValue(position);
    pointers[slot] = position;
  } else {
    targets[slot] = pointers[Number(integerAt(position + 4)) - 1] as number;
    pointers[slot] = targets[slot] as number;
  }
}

function followInside(count: number, hasKeys: boolean, isObject: boolean): void {
  let tableSize = hasKeys ? minTable : maxTableInAdvance;
  const names = isObject ? new Map<Bytes, { from: number; to: number }>() : undefined;
  for (let read = 0; read < count; read++) {
    const name = names === undefined ? "" : stringAt(behind);
    if (hasKeys && !isObject) behind = behindValue(behind);
    const first = nextSlot;
    follow(behind);
    if (hasKeys && read === 0) tableSize = Math.max(minTable, Math.min(lastMapCount, maxTableInAdvance));
    const before = names?.get(name);
    // What the place held before is gone.
    if (before !== undefined) {
      pointers.fill(-1, before.from, before.to);
      if (before.from < before.to && first < nextSlot) pointers[before.from] = pointers[first] as number;
    }
    names?.set(name, { from: first, to: nextSlot });
    // The value that took this number, if one did, will have moved when a reference asks for it. The class name of an
    // object whose class PHP lacks takes a place among its properties.
    const moves = isObject ? count >= minTable : count > tableSize;
    if (moves && first < nextSlot) pointers[first] = -1;
  }
}

const msgpack = { byteBehind: 0xc1, start: 0, check, build, fillAt } as const satisfies BinaryFormat;
