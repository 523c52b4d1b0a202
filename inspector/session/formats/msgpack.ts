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
// twice, binary strings, marks in other places, anything behind the session and more: refused here.
//
// A reference names its target by number: the session is 1, then every list and every map takes one when it
// begins, references included. That is how PHP reads them, and so what they mean; where PHP's writer counts
// otherwise (it gives no number to a repeated `&`), PHP itself reads another target than it wrote. While it
// reads, PHP keeps pointers to where the values lie, and some of them do not stay valid. A reference to such a
// value makes the session unreadable, for what PHP then reads is left to chance:
//  - the session itself;
//  - an array that is still being read, unless it is one of PHP's references;
//  - all that __serialize() returned, once it is handed to __unserialize();
//  - what lies directly in a table that PHP has to make larger while it fills it: a map of more than 8 pairs
//    whose first value holds a smaller map; an object of more than 7 properties; a list of more than 65536.
//
// Source: msgpack-php 2.2 and 3.0 msgpack_pack.c, msgpack_unpack.c, msgpack/unpack_template.h.

import { maxSessionBytes } from "../limits.ts";
import {
  arrayKey,
  type Bytes,
  isClassName,
  maxInt64,
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
import { type UnreadableCode, UnreadableSessionError } from "../unreadable.ts";
import { giveUp, readWanted, type Wanted, wantedAt } from "../wanted.ts";
import {
  countValue,
  enter,
  readByte,
  readBytes,
  readFloat64,
  readUnsigned,
  skip,
  viewOf,
  type Width,
} from "./binary-input.ts";
import { beginKeys, forgetKeys, type Walker } from "./binary-walk.ts";
import { endOfKey, endOfValue, isPlainMap } from "./msgpack-walk.ts";

interface MsgpackReader extends Walker {
  /** Otherwise no slot can be trusted. */
  readonly isWhole: boolean;
  /** The list or map of number n at n-1; undefined where PHP's pointer cannot be trusted. */
  readonly slots: (PhpValue | undefined)[];
  /** How many pairs the map has that began last: PHP makes the table of an outer map that large. */
  lastMapCount: number;
}

/**
 * The session that PHP's `msgpack` handler wrote as these bytes; no bytes are an empty session: so is a new
 * one stored until its first request ends. Variables named by an int are dropped, as PHP drops them when it
 * reads them.
 * @throws UnreadableSessionError unless every byte belongs to a session that the extension writes
 * Source: PS_SERIALIZER_DECODE_FUNC(msgpack) in msgpack-php msgpack.c.
 */
export function decodeMsgpack(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  if (bytes.length > maxSessionBytes) throw new UnreadableSessionError("too-large", maxSessionBytes);
  return readWanted(bytes, wanted, readSession);
}

function readSession(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  const variables = new Map<Bytes, PhpValue>();
  if (bytes.length === 0) return { variables };
  const reader = open(bytes, wanted === undefined);
  const session = readSessionMap(reader, wanted);
  if (reader.position < bytes.length) throw fail("malformed", reader.position);
  for (const [key, value] of session.entries) {
    if (typeof key === "string") variables.set(key, value);
  }
  return { variables };
}

function open(bytes: Uint8Array, isWhole: boolean): MsgpackReader {
  return {
    bytes,
    text: undefined,
    position: 0,
    depth: 0,
    values: 0,
    isWhole,
    slots: [],
    lastMapCount: 0,
    textStart: 0,
    textEnd: 0,
    prints: 0,
  };
}

function readSessionMap(reader: MsgpackReader, wanted: Wanted | undefined): PhpArray {
  const session = new PhpArray();
  const type = readByte(reader);
  countValue(reader);
  if (type === emptyList) return session;
  const count = readMapCount(reader, type);
  if (count === undefined || count === 0) throw malformed(reader);
  openMap(reader, count);
  const pairs = readReferencedMark(reader) ? count - 1 : count;
  if (wanted === undefined) readEntries(reader, session, pairs);
  else readWantedEntries(reader, session, pairs, wanted);
  reader.depth--;
  return session;
}

/** Reads what is wanted of so many pairs. It gives up where reading in full might not accept the session. */
function readWantedEntries(reader: MsgpackReader, array: PhpArray, count: number, wanted: Wanted): void {
  const { bytes } = reader;
  const keys = beginKeys(reader);
  for (let read = 0; read < count; read++) {
    reader.position = endOfKey(reader, reader.position, keys);
    const found = wantedAt(wanted, bytes, reader.textStart, reader.textEnd);
    if (found === undefined) reader.position = endOfValue(reader, reader.position);
    else array.entries.set(found.name, readWantedValue(reader, found.inside));
  }
  forgetKeys(reader, keys);
}

function readWantedValue(reader: MsgpackReader, inside: Wanted | undefined): PhpValue {
  if (inside === undefined || !isPlainMap(reader.bytes, reader.position)) return readValue(reader);
  countValue(reader);
  const count = readMapCount(reader, readByte(reader)) ?? 0;
  if (count === 0) throw malformed(reader);
  const array = new PhpArray();
  openMap(reader, count);
  readWantedEntries(reader, array, count, inside);
  reader.depth--;
  return array;
}

const nil = 0xc0;
const emptyList = 0x90;
const mark = {
  referenced: 0x01,
  array: 0x02,
  serializable: 0x03,
  object: 0x04,
  objectAgain: 0x05,
  enum: 0x06,
};

// Between a value and one inside it lie three frames of the stack, none of them large: see `maxDepth`.

function readValue(reader: MsgpackReader): PhpValue {
  countValue(reader);
  const type = readByte(reader);
  const pairs = readMapCount(reader, type);
  if (pairs !== undefined) return readMap(reader, pairs);
  const items = readListCount(reader, type);
  return items === undefined ? readScalar(reader, type) : readList(reader, items);
}

function readScalar(reader: MsgpackReader, type: number): PhpValue {
  const length = readStringLength(reader, type);
  if (length !== undefined) return readBytes(reader, length);
  const integer = readInteger(reader, type);
  if (integer !== undefined) return integer;
  switch (type) {
    case nil:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xca:
      return viewOf(reader).getFloat32(skip(reader, 4));
    case 0xcb:
      return readFloat64(reader);
    default:
      throw malformed(reader);
  }
}

// What begins with a byte of another type is left to the caller, as undefined.

function readStringLength(reader: MsgpackReader, type: number): number | undefined {
  if (type >= 0xa0 && type <= 0xbf) return type - 0xa0;
  if (type === 0xd9) return readUnsigned(reader, 1, 0x20);
  // By its setting msgpack.use_str8_serialization=0 the extension goes without d9.
  if (type === 0xda) return readUnsigned(reader, 2, 0x20);
  return type === 0xdb ? readUnsigned(reader, 4, 0x1_0000) : undefined;
}

function readListCount(reader: MsgpackReader, type: number): number | undefined {
  if (type >= 0x90 && type <= 0x9f) return type - 0x90;
  return type === 0xdc || type === 0xdd ? readCount(reader, type === 0xdc ? 2 : 4) : undefined;
}

function readMapCount(reader: MsgpackReader, type: number): number | undefined {
  if (type >= 0x80 && type <= 0x8f) return type - 0x80;
  return type === 0xde || type === 0xdf ? readCount(reader, type === 0xde ? 2 : 4) : undefined;
}

function readCount(reader: MsgpackReader, width: Width): number {
  return readUnsigned(reader, width, width === 2 ? 0x10 : 0x1_0000);
}

function readInteger(reader: MsgpackReader, type: number): number | bigint | undefined {
  if (type <= 0x7f) return type;
  if (type >= 0xe0) return type - 0x100;
  switch (type) {
    case 0xcc:
      return readUnsigned(reader, 1, 0x80);
    case 0xcd:
      return readUnsigned(reader, 2, 0x100);
    case 0xce:
      return readUnsigned(reader, 4, 0x1_0000);
    case 0xcf:
      return readPositive64(reader);
    case 0xd0:
      return notAbove(reader, -0x21, viewOf(reader).getInt8(skip(reader, 1)));
    case 0xd1:
      return notAbove(reader, -0x81, viewOf(reader).getInt16(skip(reader, 2)));
    case 0xd2:
      return notAbove(reader, -0x8001, viewOf(reader).getInt32(skip(reader, 4)));
    case 0xd3:
      return readNegative64(reader);
    default:
      return undefined;
  }
}

/** The negative number, unless it would have had a shorter form. */
function notAbove(reader: MsgpackReader, most: number, number: number): number {
  if (number > most) throw malformed(reader);
  return number;
}

function readPositive64(reader: MsgpackReader): number | bigint {
  const number = viewOf(reader).getBigUint64(skip(reader, 8));
  // PHP has no such int and would make a string of it.
  if (number <= 0xffff_ffffn || number > maxInt64) throw malformed(reader);
  return phpInteger(number);
}

function readNegative64(reader: MsgpackReader): number | bigint {
  const number = viewOf(reader).getBigInt64(skip(reader, 8));
  if (number >= -0x8000_0000n) throw malformed(reader);
  return phpInteger(number);
}

function readString(reader: MsgpackReader): Bytes {
  const length = readStringLength(reader, readByte(reader));
  if (length === undefined) throw malformed(reader);
  return readBytes(reader, length);
}

/** PHP makes no larger table in advance, whatever the count says. */
const maxTableInAdvance = 0x1_0000;

/** PHP's smallest table. */
const minTable = 8;

function readList(reader: MsgpackReader, count: number): PhpArray {
  const list = new PhpArray();
  const index = openSlot(reader);
  enter(reader, count, 1);
  for (let read = 0; read < count; read++) {
    const slot = reader.slots.length;
    list.entries.set(read, readValue(reader));
    if (count > maxTableInAdvance) forgetSlot(reader, slot);
  }
  reader.depth--;
  reader.slots[index] = list;
  return list;
}

function readMap(reader: MsgpackReader, count: number): PhpValue {
  const index = openMap(reader, count);
  const { value, rest, isTarget } = beginMap(reader, count);
  if (isTarget) reader.slots[index] = value;
  if (rest === "returned") readReturned(reader, value as PhpObject);
  else if (rest > 0 && value instanceof PhpArray) readEntries(reader, value, rest);
  else if (rest > 0) readProperties(reader, value as PhpObject, rest);
  reader.depth--;
  reader.slots[index] = value;
  return value;
}

/** The least that a key and a value take. */
const minPairBytes = 2;

/** Takes a number and goes one level deeper. */
function openMap(reader: MsgpackReader, count: number): number {
  reader.lastMapCount = count;
  enter(reader, count, minPairBytes);
  return openSlot(reader);
}

/** What the session is in this place is not known before it is read. */
function openSlot(reader: MsgpackReader): number {
  return reader.slots.push(undefined) - 1;
}

/** What a map is, by its marks. */
interface BegunMap {
  readonly value: PhpValue;
  /** The pairs to be read into it, or that what its class returned is to be read. */
  readonly rest: number | "returned";
  /** Whether a reference inside it can name it. */
  readonly isTarget: boolean;
}

function beginMap(reader: MsgpackReader, count: number): BegunMap {
  if (count === 0) throw malformed(reader);
  const isReferenced = readReferencedMark(reader);
  const rest = isReferenced ? count - 1 : count;
  if (rest === 0) throw malformed(reader);
  if (nextByte(reader) !== nil) return { value: new PhpArray(), rest, isTarget: isReferenced };
  const type = byteAt(reader, reader.position + 1);
  if (type > mark.enum) return beginObject(reader, rest, isReferenced);
  if (count !== 2) throw malformed(reader);
  reader.position += 2;
  return { value: readMarked(reader, type), rest: 0, isTarget: false };
}

/** From the mark with its class on. */
function beginObject(reader: MsgpackReader, pairs: number, isReferenced: boolean): BegunMap {
  reader.position++;
  const value = new PhpObject(readClassName(reader));
  // PHP never writes this mark in one that is referenced, and forgets the array when it reads it.
  if (pairs !== 2 || isReferenced || nextByte(reader) !== nil)
    return { value, rest: pairs - 1, isTarget: true };
  reader.position++;
  return { value, rest: "returned", isTarget: true };
}

/** What the one pair behind such a mark is. */
function readMarked(reader: MsgpackReader, type: number): PhpValue {
  switch (type) {
    case mark.serializable:
      return new PhpSerializable(readClassName(reader), readString(reader));
    case mark.enum:
      return new PhpEnum(readClassName(reader), readCaseName(reader));
    case mark.array:
    case mark.object:
    case mark.objectAgain:
      return readTarget(reader, type !== mark.array);
    default:
      throw malformed(reader);
  }
}

function readReferencedMark(reader: MsgpackReader): boolean {
  if (nextByte(reader) !== nil || byteAt(reader, reader.position + 1) !== mark.referenced) return false;
  reader.position += 2;
  return true;
}

function readEntries(reader: MsgpackReader, array: PhpArray, count: number): PhpArray {
  let tableSize = 0;
  for (let read = 0; read < count; read++) {
    const key = readKey(reader);
    if (array.entries.has(key)) throw malformed(reader);
    const slot = reader.slots.length;
    array.entries.set(key, readValue(reader));
    if (read === 0) tableSize = Math.max(minTable, Math.min(reader.lastMapCount, maxTableInAdvance));
    if (count > tableSize) forgetSlot(reader, slot);
  }
  return array;
}

function readKey(reader: MsgpackReader): PhpKey {
  const type = readByte(reader);
  const length = readStringLength(reader, type);
  if (length !== undefined) return arrayKey(readBytes(reader, length));
  const integer = readInteger(reader, type);
  if (integer === undefined) throw malformed(reader);
  return integer;
}

/** The value that took this number, if one did, will have moved when a reference asks for it. */
function forgetSlot(reader: MsgpackReader, slot: number): void {
  if (slot < reader.slots.length) reader.slots[slot] = undefined;
}

function readProperties(reader: MsgpackReader, object: PhpObject, count: number): void {
  for (let read = 0; read < count; read++) {
    const stored = readString(reader);
    const property = propertyOf(stored);
    // PHP drops what starts with NUL and is no name of a private or protected property, and never writes it.
    if (property.visibility === "public" && stored.startsWith("\0")) throw malformed(reader);
    if (object.properties.has(stored)) throw malformed(reader);
    object.properties.set(stored, property);
    const slot = reader.slots.length;
    property.value = readValue(reader);
    // The class name of an object whose class PHP lacks takes a place among its properties.
    if (count >= minTable) forgetSlot(reader, slot);
  }
}

/** The array that an object's __serialize() returned. */
function readReturned(reader: MsgpackReader, object: PhpObject): void {
  countValue(reader);
  const first = reader.slots.length;
  const type = readByte(reader);
  const pairs = readMapCount(reader, type);
  let array: PhpArray;
  if (pairs === undefined) {
    const items = readListCount(reader, type);
    if (items === undefined) throw malformed(reader);
    array = readList(reader, items);
  } else {
    if (pairs === 0) throw malformed(reader);
    openMap(reader, pairs);
    array = readEntries(reader, new PhpArray(), pairs);
    reader.depth--;
  }
  reader.slots.fill(undefined, first);
  object.keysAreData = true;
  for (const [key, value] of array.entries) {
    const property = propertyOf(String(key));
    property.value = value;
    object.properties.set(String(key), property);
  }
}

function readClassName(reader: MsgpackReader): Bytes {
  const name = readString(reader);
  if (!isClassName(name)) throw malformed(reader);
  return name;
}

function readCaseName(reader: MsgpackReader): Bytes {
  const name = readClassName(reader);
  if (name.includes("\\")) throw malformed(reader);
  return name;
}

function readTarget(reader: MsgpackReader, wantsObject: boolean): PhpValue {
  if (readByte(reader) !== 0) throw malformed(reader);
  const start = reader.position;
  if (!reader.isWhole) throw giveUp(start);
  const number = readInteger(reader, readByte(reader));
  if (typeof number !== "number" || number < 1 || number > reader.slots.length)
    throw fail("bad-reference", start);
  const target = reader.slots[number - 1];
  if (target === undefined) throw fail("uncertain-reference", start);
  if (target instanceof PhpArray === wantsObject) throw fail("bad-reference", start);
  return target;
}

/** What the next byte is, which must be there; the position stays. */
function nextByte(reader: MsgpackReader): number {
  return byteAt(reader, reader.position);
}

function byteAt(reader: MsgpackReader, position: number): number {
  const { bytes } = reader;
  if (position >= bytes.length) throw fail("truncated", bytes.length);
  return bytes[position] as number;
}

/** What was just read does not belong there. */
function malformed(reader: MsgpackReader): UnreadableSessionError {
  return fail("malformed", Math.max(0, reader.position - 1));
}

function fail(code: UnreadableCode, offset: number): UnreadableSessionError {
  return new UnreadableSessionError(code, offset);
}
