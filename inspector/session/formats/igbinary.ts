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
// behind the session and more: refused here.
//
// An index counts from 0. Strings that are not empty have one numbering, keys and names of classes included.
// Arrays, objects and scalars behind a flag have another: the session is 0 there, arrays and objects take
// their number before what is inside them, and the arrays that hold an object's properties take none. Other
// than with PHP's text formats, a Serializable leaves no doubt about the numbers: its payload has its own.
//
// Source: igbinary 3.2 src/php7/igbinary.c.

import { maxSessionBytes, maxSteps } from "../limits.ts";
import {
  arrayKey,
  type Bytes,
  isClassName,
  maxInt64,
  PhpArray,
  PhpEnum,
  type PhpKey,
  PhpObject,
  type PhpProperty,
  PhpSerializable,
  type PhpSession,
  type PhpValue,
  phpInteger,
  propertyOf,
} from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import { beginWalk, giveUp, readWanted, type Wanted, walked, wantedAt } from "../wanted.ts";
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
import { beginKeys, forgetKeys, goDeeper } from "./binary-walk.ts";
import {
  addString,
  countAt,
  endOfKey,
  endOfString,
  endOfValue,
  type IgbinaryWalker,
  isClassNameOf,
  startOfPairs,
  stringAt,
} from "./igbinary-walk.ts";

interface IgbinaryReader extends IgbinaryWalker {
  /** Otherwise references are known by nothing. */
  readonly isWhole: boolean;
  /** By index, once it was needed: one string is made however often an index names it. */
  readonly texts: Bytes[];
  /** By index, what `propertyOf` makes of the string. */
  readonly properties: PhpProperty[];
  readonly targets: Target[];
  /** The bytes of all keys so far. */
  keyBytes: number;
}

interface Target {
  /** Undefined for the session itself, to which igbinary writes no reference. */
  readonly value: PhpValue | undefined;
  readonly isFlagged: boolean;
}

/**
 * The session that PHP's `igbinary` handler wrote as these bytes; no bytes are an empty session: so is a new
 * one stored until its first request ends. Variables named by an int are dropped, as PHP drops them when it
 * reads them.
 * @throws UnreadableSessionError unless every byte belongs to a session that igbinary writes
 * Source: PS_SERIALIZER_DECODE_FUNC(igbinary) in igbinary src/php7/igbinary.c.
 */
export function decodeIgbinary(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  if (bytes.length > maxSessionBytes) throw new UnreadableSessionError("too-large", maxSessionBytes);
  return readWanted(bytes, wanted, readSession);
}

function readSession(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  const variables = new Map<Bytes, PhpValue>();
  if (bytes.length === 0) return { variables };
  const reader = open(bytes, wanted === undefined);
  if (!reader.isWhole) beginWalk(bytes);
  const version = readUnsigned(reader, 4, 1);
  if (version > 2) throw new UnreadableSessionError("malformed", 0);
  const { entries } = wanted === undefined ? readSessionArray(reader) : readWantedArray(reader, wanted);
  if (reader.position < bytes.length) throw new UnreadableSessionError("malformed", reader.position);
  for (const [key, value] of entries) {
    if (typeof key === "string") variables.set(key, value);
  }
  return { variables };
}

function open(bytes: Uint8Array, isWhole: boolean): IgbinaryReader {
  return {
    bytes,
    text: undefined,
    position: 0,
    depth: 0,
    values: 0,
    isWhole,
    texts: [],
    properties: [],
    targets: [],
    keyBytes: 0,
    strings: 0,
    string: 0,
    textStart: 0,
    textEnd: 0,
    prints: 0,
  };
}

function readSessionArray(reader: IgbinaryReader): PhpArray {
  const type = readByte(reader);
  if (!isArray(type)) throw malformed(reader);
  countValue(reader);
  reader.targets.push({ value: undefined, isFlagged: false });
  return readEntries(reader, new PhpArray(), type);
}

/** Reads what is wanted of an array. It gives up where reading in full might not accept the session. */
function readWantedArray(reader: IgbinaryReader, wanted: Wanted): PhpArray {
  countValue(reader);
  const { bytes, position } = reader;
  const array = new PhpArray();
  const count = countAt(bytes, position);
  const keys = beginKeys(reader);
  goDeeper(reader, position);
  reader.position = startOfPairs(bytes, position);
  for (let read = 0; read < count; read++) {
    reader.position = endOfKey(reader, reader.position, keys);
    const found = wantedAt(wanted, bytes, reader.textStart, reader.textEnd);
    if (found === undefined) reader.position = endOfValue(reader, reader.position);
    else array.entries.set(found.name, readWantedValue(reader, found.inside));
  }
  reader.depth--;
  forgetKeys(reader, keys);
  return array;
}

function readWantedValue(reader: IgbinaryReader, inside: Wanted | undefined): PhpValue {
  const type = walked[reader.position] as number;
  if (isString(type)) {
    countValue(reader);
    reader.position = endOfString(reader, reader.position, type);
    return lastString(reader);
  }
  const isWantedArray = inside !== undefined && isArray(type);
  return isWantedArray ? readWantedArray(reader, inside) : readValue(reader);
}

const flag = 0x25;
const isArray = (type: number) => type >= 0x14 && type <= 0x16;
const isString = (type: number) => type >= 0x0d && type <= 0x13;
const isInteger = (type: number) => (type >= 0x06 && type <= 0x0b) || type === 0x20 || type === 0x21;
const isClass = (type: number) => type >= 0x17 && type <= 0x1c;

// Between a value and one inside it lie two frames of the stack, none of them large: see `maxDepth`.

function readValue(reader: IgbinaryReader): PhpValue {
  countValue(reader);
  const first = readByte(reader);
  const isFlagged = first === flag;
  const type = isFlagged ? readByte(reader) : first;
  if (isArray(type)) return readEntries(reader, openArray(reader, isFlagged), type);
  if (!isClass(type)) return readFlat(reader, type, isFlagged);
  const object = openObject(reader, type);
  return object instanceof PhpObject ? readProperties(reader, object) : object;
}

/** A value that has none inside it. */
function readFlat(reader: IgbinaryReader, type: number, isFlagged: boolean): PhpValue {
  if (type >= 0x01 && type <= 0x03) return readReference(reader, widthOf(type - 0x01), isFlagged);
  if (type >= 0x22 && type <= 0x24) return readObjectHandle(reader, widthOf(type - 0x22));
  const value = readScalar(reader, type);
  if (isFlagged) reader.targets.push({ value, isFlagged });
  return value;
}

function readScalar(reader: IgbinaryReader, type: number): PhpValue {
  if (isString(type)) return readString(reader, type);
  if (isInteger(type)) return readInteger(reader, type);
  switch (type) {
    case 0x00:
      return null;
    case 0x04:
      return false;
    case 0x05:
      return true;
    case 0x0c:
      return readFloat64(reader);
    default:
      throw malformed(reader);
  }
}

/** Types of one kind come in threes: with a number of 1, 2 and 4 bytes. */
function widthOf(place: number): Width {
  return place === 0 ? 1 : place === 1 ? 2 : 4;
}

/** A length, a count or an index in as few bytes as it fits into. */
function readSize(reader: IgbinaryReader, width: Width): number {
  return readUnsigned(reader, width, width === 1 ? 0 : width === 2 ? 0x100 : 0x1_0000);
}

function readInteger(reader: IgbinaryReader, type: number): number | bigint {
  const isNegative = type % 2 === 1;
  if (type >= 0x20) return readInteger64(reader, isNegative);
  const size = readSize(reader, widthOf((type - 0x06) >> 1));
  if (!isNegative) return size;
  if (size === 0) throw malformed(reader);
  return -size;
}

function readInteger64(reader: IgbinaryReader, isNegative: boolean): number | bigint {
  const size = viewOf(reader).getBigUint64(skip(reader, 8));
  // igbinary takes integers beyond 64 bits for 0.
  if (size <= 0xffff_ffffn || size > maxInt64 + (isNegative ? 1n : 0n)) throw malformed(reader);
  return phpInteger(isNegative ? -size : size);
}

function readString(reader: IgbinaryReader, type: number): Bytes {
  if (type === 0x0d) {
    reader.string = 0;
    return "";
  }
  return type <= 0x10 ? readKnownString(reader, type - 0x0e) : readNewString(reader, type - 0x11);
}

function readNewString(reader: IgbinaryReader, place: number): Bytes {
  const length = readSize(reader, widthOf(place));
  if (length === 0) throw malformed(reader);
  const value = readBytes(reader, length);
  addString(reader, reader.position - length, reader.position);
  reader.texts[reader.strings - 1] = value;
  reader.string = reader.strings;
  return value;
}

function readKnownString(reader: IgbinaryReader, place: number): Bytes {
  const index = readSize(reader, widthOf(place));
  if (index >= reader.strings) throw malformed(reader);
  reader.string = index + 1;
  return lastString(reader);
}

/** The reader's last string. */
function lastString(reader: IgbinaryReader): Bytes {
  if (reader.string === 0) return "";
  const index = reader.string - 1;
  let text = reader.texts[index];
  if (text === undefined) {
    text = stringAt(index);
    reader.texts[index] = text;
  }
  return text;
}

/** An array that has its number, and nothing in it yet. */
function openArray(reader: IgbinaryReader, isFlagged: boolean): PhpArray {
  const array = new PhpArray();
  // Even without a flag it can hold a reference to itself.
  reader.targets.push({ value: array, isFlagged });
  return array;
}

/** The least that a key and a value take: an empty string each. */
const minPairBytes = 2;

function readEntries(reader: IgbinaryReader, array: PhpArray, type: number): PhpArray {
  const count = readSize(reader, widthOf(type - 0x14));
  enter(reader, count, minPairBytes);
  for (let read = 0; read < count; read++) {
    const key = readKey(reader, readByte(reader));
    spendOnKey(reader, key);
    // An array of PHP holds no "5" beside 5, and igbinary would make one.
    if (typeof key === "string" && arrayKey(key) !== key) throw malformed(reader);
    if (array.entries.has(key)) throw malformed(reader);
    array.entries.set(key, readValue(reader));
  }
  reader.depth--;
  return array;
}

function readKey(reader: IgbinaryReader, type: number): PhpKey {
  if (isString(type)) return readString(reader, type);
  if (isInteger(type)) return readInteger(reader, type);
  throw malformed(reader);
}

/** An object that has its number: one that is complete, or one before its properties. */
function openObject(reader: IgbinaryReader, type: number): PhpObject | PhpSerializable | PhpEnum {
  const className = type <= 0x19 ? readNewString(reader, type - 0x17) : readKnownString(reader, type - 0x1a);
  if (!isClassNameOf(reader, reader.string)) throw malformed(reader);
  const value = beginObject(reader, className);
  reader.targets.push({ value, isFlagged: false });
  return value;
}

function beginObject(reader: IgbinaryReader, className: Bytes): PhpObject | PhpSerializable | PhpEnum {
  const type = readByte(reader);
  if (isArray(type)) {
    reader.position--;
    return new PhpObject(className);
  }
  if (type === 0x27) return new PhpEnum(className, readCaseName(reader));
  if (type < 0x1d || type > 0x1f) throw malformed(reader);
  const length = readSize(reader, widthOf(type - 0x1d));
  return new PhpSerializable(className, readBytes(reader, length));
}

function readProperties(reader: IgbinaryReader, object: PhpObject): PhpObject {
  const type = readByte(reader);
  const count = readSize(reader, widthOf(type - 0x14));
  enter(reader, count, 1);
  for (let read = 0; read < count; read++) {
    const keyType = readByte(reader);
    if (keyType === 0x00) continue;
    const key = readKey(reader, keyType);
    spendOnKey(reader, key);
    // A property's name is a string. __serialize() can return int keys: 5 and "5" are one here.
    if (typeof key !== "string") object.keysAreData = true;
    const stored = String(key);
    if (object.properties.has(stored)) throw malformed(reader);
    const property = typeof key === "string" ? lastProperty(reader, stored) : propertyOf(stored);
    object.properties.set(stored, property);
    property.value = readValue(reader);
  }
  reader.depth--;
  return object;
}

/** What `propertyOf` gives for the reader's last string. */
function lastProperty(reader: IgbinaryReader, stored: Bytes): PhpProperty {
  const index = reader.string - 1;
  if (index < 0) return propertyOf(stored);
  let property = reader.properties[index];
  if (property === undefined) {
    property = propertyOf(stored);
    reader.properties[index] = property;
  }
  return { ...property };
}

/**
 * An index of two bytes names a key of any length, which may have to be compared with others as long.
 * Throws UnreadableSessionError.
 */
function spendOnKey(reader: IgbinaryReader, key: PhpKey): void {
  if (typeof key !== "string") return;
  reader.keyBytes += key.length;
  if (reader.keyBytes > maxSteps) throw new UnreadableSessionError("too-costly", reader.position);
}

function readCaseName(reader: IgbinaryReader): Bytes {
  const type = readByte(reader);
  if (!isString(type)) throw malformed(reader);
  const name = readString(reader, type);
  spendOnKey(reader, name);
  if (!isClassName(name) || name.includes("\\")) throw malformed(reader);
  return name;
}

/** An array that is shared, or one of PHP's references: then both have the flag. */
function readReference(reader: IgbinaryReader, width: Width, isFlagged: boolean): PhpValue {
  const start = reader.position;
  if (!reader.isWhole) throw giveUp(start);
  const target = reader.targets[readSize(reader, width)];
  const value = target?.value;
  if (value === undefined || target?.isFlagged !== isFlagged || isObject(value)) {
    throw new UnreadableSessionError("bad-reference", start);
  }
  return value;
}

/** A further handle of an object, with a flag or without. */
function readObjectHandle(reader: IgbinaryReader, width: Width): PhpValue {
  const start = reader.position;
  if (!reader.isWhole) throw giveUp(start);
  const value = reader.targets[readSize(reader, width)]?.value;
  if (value === undefined || !isObject(value)) throw new UnreadableSessionError("bad-reference", start);
  return value;
}

function isObject(value: PhpValue): boolean {
  return value instanceof PhpObject || value instanceof PhpEnum || value instanceof PhpSerializable;
}

/** What was just read does not belong there. */
function malformed(reader: IgbinaryReader): UnreadableSessionError {
  return new UnreadableSessionError("malformed", reader.position - 1);
}
