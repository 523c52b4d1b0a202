// PHP's text serialization, one value at a time: the handlers php, php_binary and php_serialize
// are built on it.
//
//   value        = null | boolean | integer | float | string | array | object | serializable | enum
//                | reference ;
//   null         = "N;" ;
//   boolean      = "b:" ( "0" | "1" ) ";" ;
//   integer      = "i:" int ";" ;                                    (* fits 64 bits *)
//   float        = "d:" ( "NAN" | [ "-" ] "INF" | number ) ";" ;
//   string       = "s:" counted ";" ;
//   array        = "a:" count ":{" { key value } "}" ;               (* count pairs *)
//   object       = "O:" counted ":" count ":{" { key value } "}" ;   (* class name, count pairs *)
//   serializable = "C:" counted ":" count ":{" { byte } "}" ;        (* class name, count bytes *)
//   enum         = "E:" counted ";" ;                                (* "Class:Case" *)
//   reference    = ( "R:" | "r:" ) count ";" ;
//   key          = integer | string ;
//   counted      = count ":" '"' { byte } '"' ;                      (* count bytes, whatever they are *)
//   count        = "0" | nonzero { digit } ;
//   int          = "0" | [ "-" ] nonzero { digit } ;
//   number       = [ "-" ] digit { digit } [ "." digit { digit } ]
//                  [ ( "E" | "e" ) [ "+" | "-" ] digit [ digit [ digit ] ] ] ;
//
// This is what serialize() writes. unserialize() also takes signs, leading zeros, `.5`, numbers out of range,
// `S:` strings and other things that no PHP writes: refused here.
//
// References name a value by its slot: 1 for the first value of the session, and so on. Keys take no slot,
// `R:` takes none (it is its target), `r:` takes one (a further handle of an object). Two things make a slot
// uncertain, and a reference to an uncertain slot makes the session unreadable. Putting a marker in its place
// instead would be a truthy or a falsy value of its own, and could turn a test in an expression from no to
// yes.
//  - After `C:`, every slot that follows it. A class that calls serialize() inside its own
//    Serializable::serialize() numbers the values of its payload along with all others, one that makes its
//    payload in another way does not, and the payload does not tell which: `C:3:"Leg":4:{i:1;}` can be
//    either.
//  - A key given twice, which serialize() never writes: the values inside that container so far. PHP lets the
//    slot of the overwritten value stand for the one that overwrites it.
//
// Source: php-src ext/standard/var_unserializer.re (grammar, slots), ext/standard/var.c (what serialize()
// writes).

import { maxDepth, maxSessionBytes, maxValues } from "../limits.ts";
import {
  arrayKey,
  type Bytes,
  isClassName,
  latin1,
  maxInt64,
  minInt64,
  PhpArray,
  PhpEnum,
  type PhpKey,
  PhpObject,
  PhpSerializable,
  type PhpValue,
  propertyOf,
} from "../model.ts";
import { type UnreadableCode, UnreadableSessionError } from "../unreadable.ts";
import {
  closeBrace,
  colon,
  dot,
  lowerA,
  lowerB,
  lowerD,
  lowerE,
  lowerI,
  lowerR,
  lowerS,
  minus,
  nine,
  openBrace,
  plus,
  quote,
  semicolon,
  upperC,
  upperE,
  upperI,
  upperN,
  upperO,
  upperR,
  zero,
} from "./text-bytes.ts";

/** Where a decoder is in the session, and what it has seen. Made by `openText`. */
export interface TextReader {
  readonly bytes: Uint8Array;
  /** The same, one char a byte, once it is needed: strings are slices of it, not copies made one by one. */
  text: Bytes | undefined;
  position: number;
  depth: number;
  values: number;
  /** The value of slot n at n-1; undefined where it is uncertain. */
  readonly slots: (PhpValue | undefined)[];
  /** False where not all is read, and from the first `C:` on: then no further slot is known. */
  slotsAreKnown: boolean;
}

/**
 * A reader at the start of the bytes. Without slots, every reference makes the session unreadable.
 * @throws UnreadableSessionError if there are more than `maxSessionBytes`
 */
export function openText(bytes: Uint8Array, slotsAreKnown = true): TextReader {
  if (bytes.length > maxSessionBytes) throw new UnreadableSessionError("too-large", maxSessionBytes);
  return { bytes, text: undefined, position: 0, depth: 0, values: 0, slots: [], slotsAreKnown };
}

/** All bytes, one char a byte. */
export function textOf(reader: TextReader): Bytes {
  reader.text ??= latin1(reader.bytes);
  return reader.text;
}

/**
 * Reads the value at the reader's position and leaves the position behind it.
 * @throws UnreadableSessionError for anything but a value that serialize() writes
 */
export function readValue(reader: TextReader): PhpValue {
  countValue(reader);
  const type = byteAt(reader.bytes, reader.position);
  reader.position++;
  return readTyped(reader, type);
}

/** One value more. Throws UnreadableSessionError. */
export function countValue(reader: TextReader): void {
  reader.values++;
  if (reader.values > maxValues) throw new UnreadableSessionError("too-many-values", reader.position);
}

/** The value from behind its letter on. */
function readTyped(reader: TextReader, type: number): PhpValue {
  switch (type) {
    case lowerS:
      return inSlot(reader, readString(reader));
    case lowerI:
      return inSlot(reader, readInteger(reader));
    case lowerB:
      return inSlot(reader, readBoolean(reader));
    case lowerD:
      return inSlot(reader, readFloat(reader));
    case lowerA:
      return readArray(reader, inSlot(reader, new PhpArray()));
    case upperO:
      return readObject(reader);
    case upperC:
      return readSerializable(reader);
    case upperE:
      return inSlot(reader, readEnum(reader));
    case upperR:
      return readReference(reader);
    case lowerR:
      return readObjectHandle(reader);
    case upperN:
      expect(reader, semicolon);
      return inSlot(reader, null);
    default:
      throw unexpected(reader, reader.position - 1);
  }
}

/**
 * Reads the array that is a whole session. It has slot 1, to which PHP writes no reference, and which PHP reads
 * as a copy: the slot is uncertain.
 * @throws UnreadableSessionError for anything but an array that serialize() writes
 */
export function readSessionArray(reader: TextReader): PhpArray {
  reader.values++;
  expect(reader, lowerA);
  reader.slots.push(undefined);
  return readArray(reader, new PhpArray());
}

const maxInt64Digits = 19;

/** PHP writes no more, and clamps longer exponents in its own way. */
export const maxExponentDigits = 3;

/** The least that a key and a value take: `i:0;N;`. A larger count than that allows is a lie. */
const minPairBytes = 6;

/** The value, after giving it the next slot. Arrays and objects take theirs before what is inside them. */
function inSlot<T extends PhpValue>(reader: TextReader, value: T): T {
  if (reader.slotsAreKnown) reader.slots.push(value);
  return value;
}

function readBoolean(reader: TextReader): boolean {
  expect(reader, colon);
  const digit = byteAt(reader.bytes, reader.position);
  if (digit !== zero && digit !== zero + 1) throw unexpected(reader, reader.position);
  reader.position++;
  expect(reader, semicolon);
  return digit !== zero;
}

function readInteger(reader: TextReader): number | bigint {
  expect(reader, colon);
  const start = reader.position;
  const negative = byteAt(reader.bytes, start) === minus;
  const first = negative ? start + 1 : start;
  reader.position = first;
  const size = readCount(reader);
  const end = reader.position;
  expect(reader, semicolon);
  if (negative && size === 0) throw fail("malformed", first);
  if (size <= Number.MAX_SAFE_INTEGER) return negative ? -size : size;
  if (end - first > maxInt64Digits) throw fail("malformed", start);
  const value = BigInt(textOf(reader).slice(start, end));
  if (value < minInt64 || value > maxInt64) throw fail("malformed", start);
  return value;
}

function readFloat(reader: TextReader): number {
  expect(reader, colon);
  const start = reader.position;
  const first = byteAt(reader.bytes, start) === minus ? start + 1 : start;
  const lead = byteAt(reader.bytes, first);
  if (lead === upperN || lead === upperI) return readSpecialFloat(reader);
  let end = skipDigits(reader, first);
  if (byteAt(reader.bytes, end) === dot) end = skipDigits(reader, end + 1);
  const exponent = byteAt(reader.bytes, end);
  if (exponent === upperE || exponent === lowerE) {
    const sign = byteAt(reader.bytes, end + 1);
    const digits = sign === plus || sign === minus ? end + 2 : end + 1;
    end = skipDigits(reader, digits);
    if (end - digits > maxExponentDigits) throw fail("malformed", digits);
  }
  reader.position = end;
  expect(reader, semicolon);
  return Number(textOf(reader).slice(start, end));
}

const specialFloats = [
  { text: "NAN;", value: Number.NaN },
  { text: "INF;", value: Number.POSITIVE_INFINITY },
  { text: "-INF;", value: Number.NEGATIVE_INFINITY },
];

function readSpecialFloat(reader: TextReader): number {
  const start = reader.position;
  for (const special of specialFloats) {
    if (textOf(reader).startsWith(special.text, start)) {
      reader.position = start + special.text.length;
      return special.value;
    }
  }
  const rest = textOf(reader).slice(start, start + 5);
  const isBeginning = specialFloats.some((special) => special.text.startsWith(rest));
  throw unexpected(reader, isBeginning ? reader.bytes.length : start);
}

function readString(reader: TextReader): Bytes {
  const value = readCounted(reader);
  expect(reader, semicolon);
  return value;
}

function readCounted(reader: TextReader): Bytes {
  return readEnclosed(reader, quote, quote);
}

/** The bytes between two marks. They are trusted by their count: marks and semicolons among them mean nothing. */
function readEnclosed(reader: TextReader, open: number, close: number): Bytes {
  expect(reader, colon);
  const length = readCount(reader);
  expect(reader, colon);
  expect(reader, open);
  const start = reader.position;
  if (length > reader.bytes.length - start) throw fail("truncated", start);
  reader.position = start + length;
  expect(reader, close);
  return textOf(reader).slice(start, start + length);
}

/** Exact up to 2^53-1; what is larger comes out larger, which is all that the callers need to know. */
function readCount(reader: TextReader): number {
  const start = reader.position;
  let position = start;
  let count = 0;
  let digit = byteAt(reader.bytes, position);
  while (digit >= zero && digit <= nine) {
    count = count * 10 + (digit - zero);
    position++;
    digit = byteAt(reader.bytes, position);
  }
  if (position === start) throw unexpected(reader, start);
  if (position > start + 1 && byteAt(reader.bytes, start) === zero) throw fail("malformed", start);
  reader.position = position;
  return count;
}

function readArray(reader: TextReader, array: PhpArray): PhpArray {
  let innerSlots = reader.slots.length;
  const count = openPairs(reader);
  for (let read = 0; read < count; read++) {
    const key = readKey(reader);
    if (array.entries.has(key)) innerSlots = forgetSlots(reader, innerSlots);
    array.entries.set(key, readValue(reader));
  }
  closePairs(reader);
  return array;
}

function readObject(reader: TextReader): PhpObject {
  const object = inSlot(reader, new PhpObject(readClassName(reader)));
  let innerSlots = reader.slots.length;
  const count = openPairs(reader);
  for (let read = 0; read < count; read++) {
    // A property's name is a string. __serialize() can return int keys: 5 and "5" are one there, too.
    if (byteAt(reader.bytes, reader.position) === lowerI) object.keysAreData = true;
    const stored = String(readKey(reader));
    let property = object.properties.get(stored);
    if (property) innerSlots = forgetSlots(reader, innerSlots);
    else property = propertyOf(stored);
    object.properties.set(stored, property);
    property.value = readValue(reader);
  }
  closePairs(reader);
  return object;
}

/** Reads `count:{` and goes one level deeper. */
export function openPairs(reader: TextReader): number {
  expect(reader, colon);
  const start = reader.position;
  const count = readCount(reader);
  expect(reader, colon);
  expect(reader, openBrace);
  if (count * minPairBytes > reader.bytes.length - reader.position) throw fail("truncated", start);
  reader.depth++;
  if (reader.depth > maxDepth) throw fail("too-deep", start);
  return count;
}

export function closePairs(reader: TextReader): void {
  expect(reader, closeBrace);
  reader.depth--;
}

function readKey(reader: TextReader): PhpKey {
  return readKeyType(reader) === lowerI ? readInteger(reader) : arrayKey(readString(reader));
}

function readKeyType(reader: TextReader): number {
  const type = byteAt(reader.bytes, reader.position);
  if (type !== lowerI && type !== lowerS) throw unexpected(reader, reader.position);
  reader.position++;
  return type;
}

/** Returns where to begin the next time, so that a thousand overwritten keys do not cost a million steps. */
function forgetSlots(reader: TextReader, from: number): number {
  reader.slots.fill(undefined, from);
  return reader.slots.length;
}

function readSerializable(reader: TextReader): PhpSerializable {
  const className = readClassName(reader);
  const payload = readEnclosed(reader, openBrace, closeBrace);
  const value = inSlot(reader, new PhpSerializable(className, payload));
  reader.slotsAreKnown = false;
  return value;
}

export function readClassName(reader: TextReader): Bytes {
  const start = reader.position;
  const name = readCounted(reader);
  if (!isClassName(name)) throw fail("malformed", start);
  return name;
}

function readEnum(reader: TextReader): PhpEnum {
  const start = reader.position;
  const name = readString(reader);
  const separator = name.indexOf(":");
  const className = name.slice(0, separator);
  const caseName = name.slice(separator + 1);
  const isCase = separator > 0 && isClassName(className) && isClassName(caseName);
  if (!isCase || caseName.includes("\\")) throw fail("malformed", start);
  return new PhpEnum(className, caseName);
}

/** `R:`, another name for a value: no new slot. */
function readReference(reader: TextReader): PhpValue {
  return readTarget(reader);
}

/** `r:`, a further handle of an object. PHP writes it for objects only, and reads it for nothing else. */
function readObjectHandle(reader: TextReader): PhpValue {
  const start = reader.position;
  const target = readTarget(reader);
  const isObject =
    target instanceof PhpObject || target instanceof PhpEnum || target instanceof PhpSerializable;
  if (!isObject) throw fail("bad-reference", start);
  return inSlot(reader, target);
}

function readTarget(reader: TextReader): PhpValue {
  expect(reader, colon);
  const start = reader.position;
  const slot = readCount(reader);
  expect(reader, semicolon);
  if (slot < 1) throw fail("bad-reference", start);
  if (slot > reader.slots.length) {
    throw fail(reader.slotsAreKnown ? "bad-reference" : "uncertain-reference", start);
  }
  const target = reader.slots[slot - 1];
  if (target === undefined) throw fail("uncertain-reference", start);
  return target;
}

/** The position behind at least one digit. */
function skipDigits(reader: TextReader, from: number): number {
  let position = from;
  let digit = byteAt(reader.bytes, position);
  while (digit >= zero && digit <= nine) {
    position++;
    digit = byteAt(reader.bytes, position);
  }
  if (position === from) throw unexpected(reader, from);
  return position;
}

/** The byte at this place, or -1 behind the end. It is read twice as fast as a char of the text. */
function byteAt(bytes: Uint8Array, position: number): number {
  return position < bytes.length ? (bytes[position] as number) : -1;
}

function expect(reader: TextReader, byte: number): void {
  if (byteAt(reader.bytes, reader.position) !== byte) throw unexpected(reader, reader.position);
  reader.position++;
}

/** A byte that does not belong there, or none where one should be. */
function unexpected(reader: TextReader, offset: number): UnreadableSessionError {
  const end = reader.bytes.length;
  return offset < end ? fail("malformed", offset) : fail("truncated", end);
}

function fail(code: UnreadableCode, offset: number): UnreadableSessionError {
  return new UnreadableSessionError(code, offset);
}
