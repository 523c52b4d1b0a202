// Reads of PHP's text serialization only what is wanted, and walks over the rest: checked to the last byte like
// all else, but nothing is made of it. See wanted.ts for what that may and may not do, and text-values.ts for the
// grammar and for reading in full.
//
// What walks takes the position and gives the one behind, instead of keeping it in the reader: to store and to
// load it at every byte takes most of the time.

import { maxDepth, maxSessionBytes } from "./limits.ts";
import { type Bytes, isClassName, PhpArray, PhpObject, type PhpValue, propertyOf } from "./model.ts";
import {
  byteAt,
  closeBrace,
  closePairs,
  colon,
  countValue,
  dot,
  letter,
  maxExponentDigits,
  minus,
  nine,
  openBrace,
  openPairs,
  plus,
  quote,
  readClassName,
  readValue,
  semicolon,
  type TextReader,
  textOf,
  zero,
} from "./text-values.ts";
import { giveUp, type Wanted, wantedAt } from "./wanted.ts";

/**
 * Reads the value of the variable whose name stands there, from the reader's position on, if it is wanted; leaves
 * the position behind the value.
 * @throws UnreadableSessionError for what reading in full does not accept, and if not all is wanted for rare forms
 */
export function readVariable(
  reader: TextReader,
  variables: Map<Bytes, PhpValue>,
  start: number,
  end: number,
  wanted: Wanted | undefined,
): void {
  if (wanted === undefined) {
    variables.set(textOf(reader).slice(start, end), readValue(reader));
    return;
  }
  const found = wantedAt(wanted, reader.bytes, start, end);
  if (found === undefined) skipValue(reader);
  else variables.set(found.name, readWantedValue(reader, found.inside));
}

/** Reads what is wanted of the array at the reader's position. Throws as `readVariable`. */
export function readWantedArray(reader: TextReader, wanted: Wanted): PhpArray {
  const array = new PhpArray();
  countValue(reader);
  reader.position = skipByte(reader.bytes, reader.position, letter.a);
  const count = openPairs(reader);
  for (let read = 0; read < count; read++) {
    const { bytes, position } = reader;
    reader.position = endOfKey(bytes, position);
    const end = endOfKeyText(reader, position);
    const found = wantedAt(wanted, bytes, startOfKeyText(bytes, position), end);
    if (found === undefined) skipValue(reader);
    else array.entries.set(found.name, readWantedValue(reader, found.inside));
  }
  closePairs(reader);
  return array;
}

/** Several classes can have properties of one name: all of them are wanted. */
function readWantedObject(reader: TextReader, wanted: Wanted): PhpObject {
  countValue(reader);
  reader.position++;
  const object = new PhpObject(readClassName(reader));
  const count = openPairs(reader);
  for (let read = 0; read < count; read++) {
    const { bytes, position } = reader;
    reader.position = endOfKey(bytes, position);
    const end = endOfKeyText(reader, position);
    const stored = textOf(reader).slice(startOfKeyText(bytes, position), end);
    const property = propertyOf(stored);
    const found = wanted.find(({ name }) => name === property.name);
    if (found === undefined) {
      skipValue(reader);
      continue;
    }
    property.value = readWantedValue(reader, found.inside);
    object.properties.set(stored, property);
  }
  closePairs(reader);
  return object;
}

function readWantedValue(reader: TextReader, inside: Wanted | undefined): PhpValue {
  const type = byteAt(reader.bytes, reader.position);
  if (inside === undefined || (type !== letter.a && type !== letter.O)) return readValue(reader);
  return type === letter.a ? readWantedArray(reader, inside) : readWantedObject(reader, inside);
}

/** Where the name begins in a key that begins here: its digits, or the text between the quotes. */
function startOfKeyText(bytes: Uint8Array, position: number): number {
  return bytes[position] === letter.i ? position + 2 : startOfText(bytes, position);
}

/** Where it ends, if the reader is behind the key. */
function endOfKeyText(reader: TextReader, position: number): number {
  return reader.position - (reader.bytes[position] === letter.i ? 1 : 2);
}

/** Behind the first of a string's quotes. */
function startOfText(bytes: Uint8Array, position: number): number {
  let start = position;
  while (bytes[start] !== quote) start++;
  return start + 1;
}

function skipValue(reader: TextReader): void {
  reader.position = endOfValue(reader, reader.position);
}

function endOfValue(reader: TextReader, start: number): number {
  countValue(reader);
  const { bytes } = reader;
  const next = start + 1;
  switch (byteAt(bytes, start)) {
    case letter.s:
      return skipByte(bytes, endOfText(bytes, next), semicolon);
    case letter.i:
      return endOfInteger(bytes, next);
    case letter.b:
      return endOfBoolean(bytes, next);
    case letter.N:
      return skipByte(bytes, next, semicolon);
    case letter.d:
      return endOfFloat(bytes, next);
    case letter.a:
      return endOfPairs(reader, next);
    case letter.O:
      return endOfPairs(reader, endOfClassName(reader, next));
    default:
      throw giveUp(start);
  }
}

/** From the colon before the count to the brace behind the pairs. */
function endOfPairs(reader: TextReader, start: number): number {
  const { bytes } = reader;
  const first = skipByte(bytes, start, colon);
  const count = countAt(bytes, first);
  let position = skipByte(bytes, skipByte(bytes, first + lengthOf(count), colon), openBrace);
  reader.depth++;
  if (reader.depth > maxDepth) throw giveUp(start);
  for (let read = 0; read < count; read++) position = endOfValue(reader, endOfKey(bytes, position));
  reader.depth--;
  return skipByte(bytes, position, closeBrace);
}

function endOfKey(bytes: Uint8Array, start: number): number {
  const type = byteAt(bytes, start);
  if (type === letter.s) return skipByte(bytes, endOfText(bytes, start + 1), semicolon);
  if (type === letter.i) return endOfInteger(bytes, start + 1);
  throw giveUp(start);
}

/** From the colon before the length to the second quote. */
function endOfText(bytes: Uint8Array, start: number): number {
  const first = skipByte(bytes, start, colon);
  const length = countAt(bytes, first);
  const open = skipByte(bytes, first + lengthOf(length), colon);
  return skipByte(bytes, skipByte(bytes, open, quote) + length, quote);
}

function endOfClassName(reader: TextReader, start: number): number {
  const end = endOfText(reader.bytes, start);
  if (!isClassName(textOf(reader).slice(startOfText(reader.bytes, start), end - 1))) throw giveUp(start);
  return end;
}

function endOfBoolean(bytes: Uint8Array, start: number): number {
  const position = skipByte(bytes, start, colon);
  const digit = byteAt(bytes, position);
  if (digit !== zero && digit !== zero + 1) throw giveUp(position);
  return skipByte(bytes, position + 1, semicolon);
}

/** So many digits fit 64 bits, whatever they are. */
const maxPlainDigits = 18;

function endOfInteger(bytes: Uint8Array, start: number): number {
  let first = skipByte(bytes, start, colon);
  const isNegative = byteAt(bytes, first) === minus;
  if (isNegative) first++;
  const end = endOfDigits(bytes, first);
  if (end - first > maxPlainDigits) throw giveUp(first);
  if (bytes[first] === zero && (isNegative || end - first > 1)) throw giveUp(first);
  return skipByte(bytes, end, semicolon);
}

function endOfFloat(bytes: Uint8Array, start: number): number {
  const first = skipByte(bytes, start, colon);
  let end = endOfDigits(bytes, byteAt(bytes, first) === minus ? first + 1 : first);
  if (byteAt(bytes, end) === dot) end = endOfDigits(bytes, end + 1);
  const exponent = byteAt(bytes, end);
  if (exponent === letter.E || exponent === letter.e) {
    const sign = byteAt(bytes, end + 1);
    const digits = sign === plus || sign === minus ? end + 2 : end + 1;
    end = endOfDigits(bytes, digits);
    if (end - digits > maxExponentDigits) throw giveUp(digits);
  }
  return skipByte(bytes, end, semicolon);
}

/** Behind at least one digit. */
function endOfDigits(bytes: Uint8Array, start: number): number {
  let position = start;
  while (isDigit(byteAt(bytes, position))) position++;
  if (position === start) throw giveUp(start);
  return position;
}

/** The count of which no digit can be left out, so that it tells its own length: a zero too many is left over. */
function countAt(bytes: Uint8Array, start: number): number {
  let digit = byteAt(bytes, start);
  if (!isDigit(digit)) throw giveUp(start);
  let count = digit - zero;
  if (count === 0) return 0;
  for (let position = start + 1; ; position++) {
    digit = byteAt(bytes, position);
    if (!isDigit(digit)) return count;
    count = count * 10 + (digit - zero);
    if (count > maxSessionBytes) throw giveUp(start);
  }
}

function lengthOf(count: number): number {
  let length = 1;
  for (let least = 10; count >= least; least *= 10) length++;
  return length;
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= nine;
}

function skipByte(bytes: Uint8Array, position: number, byte: number): number {
  if (byteAt(bytes, position) !== byte) throw giveUp(position);
  return position + 1;
}
