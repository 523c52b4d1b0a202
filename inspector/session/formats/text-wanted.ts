// Reads of PHP's text serialization only what is wanted, and walks over the rest: checked to the last byte like
// all else, but nothing is made of it. See wanted.ts for what that may and may not do, and text-values.ts for the
// grammar and for reading in full.
//
// What walks goes over a copy of the bytes with a NUL behind them, which is none of the bytes that can come next: so
// no look at a byte asks first whether it is there, and only to jump over a string asks for the end. The functions
// take the position and give the one behind, instead of keeping it in the reader.

import { maxDepth, maxSessionBytes, maxValues } from "../limits.ts";
import { type Bytes, isClassNameIn, PhpArray, PhpObject, type PhpValue, propertyOf } from "../model.ts";
import { beginWalk, giveUp, type Wanted, walked, wantedAt } from "../wanted.ts";
import {
  closeBrace,
  colon,
  dot,
  lowerA,
  lowerB,
  lowerD,
  lowerE,
  lowerI,
  lowerS,
  minus,
  openBrace,
  plus,
  quote,
  semicolon,
  upperE,
  upperN,
  upperO,
  zero,
} from "./text-bytes.ts";
import {
  closePairs,
  countValue,
  maxExponentDigits,
  openPairs,
  openText,
  readClassName,
  readValue,
  type TextReader,
  textOf,
} from "./text-values.ts";

/**
 * A reader at the start of the bytes, of which this is wanted.
 * @throws UnreadableSessionError if there are more than `maxSessionBytes`
 */
export function openWanted(bytes: Uint8Array, wanted: Wanted | undefined): TextReader {
  const reader = openText(bytes, wanted === undefined);
  if (wanted !== undefined) beginWalk(bytes);
  return reader;
}

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
  reader.position = skipByte(walked, reader.position, lowerA);
  const count = openPairs(reader);
  for (let read = 0; read < count; read++) {
    const { bytes, position } = reader;
    reader.position = endOfKey(walked, position, bytes.length);
    const end = endOfKeyText(reader, position);
    const found = wantedAt(wanted, bytes, startOfKeyText(bytes, position), end);
    if (found === undefined) skipValue(reader);
    else array.entries.set(found.name, readWantedValue(reader, found.inside));
  }
  closePairs(reader);
  return array;
}

/**
 * Several classes can have properties of one name: all of them are wanted. The others are made, too, but for their values,
 * which are null: by the names of all it is told which of them an expression finds.
 */
function readWantedObject(reader: TextReader, wanted: Wanted): PhpObject {
  countValue(reader);
  reader.position++;
  const object = new PhpObject(readClassName(reader));
  const count = openPairs(reader);
  for (let read = 0; read < count; read++) {
    const { bytes, position } = reader;
    reader.position = endOfKey(walked, position, bytes.length);
    const end = endOfKeyText(reader, position);
    const stored = textOf(reader).slice(startOfKeyText(bytes, position), end);
    if (bytes[position] === lowerI) object.keysAreData = true;
    const property = propertyOf(stored);
    const found = wanted.find(({ name }) => name === property.name);
    object.properties.set(stored, property);
    if (found === undefined) skipValue(reader);
    else property.value = readWantedValue(reader, found.inside);
  }
  closePairs(reader);
  return object;
}

function readWantedValue(reader: TextReader, inside: Wanted | undefined): PhpValue {
  const { position } = reader;
  const type = walked[position];
  if (type === lowerS) {
    skipValue(reader);
    return walked.toString("latin1", startOfText(walked, position), reader.position - 2);
  }
  if (inside === undefined || (type !== lowerA && type !== upperO)) return readValue(reader);
  return type === lowerA ? readWantedArray(reader, inside) : readWantedObject(reader, inside);
}

/** Where the name begins in a key that begins here: its digits, or the text between the quotes. */
function startOfKeyText(bytes: Uint8Array, position: number): number {
  return bytes[position] === lowerI ? position + 2 : startOfText(bytes, position);
}

/** Where it ends, if the reader is behind the key. */
function endOfKeyText(reader: TextReader, position: number): number {
  return reader.position - (reader.bytes[position] === lowerI ? 1 : 2);
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

/** What is still to come in each array and object around the innermost: see `items` in endOfValue(). */
const itemsAround = new Int32Array(maxDepth + 1);

/**
 * Goes through all that is inside the value in one loop, and spells out there what is met most: V8 puts only so much
 * of the functions that a loop calls into it, and a call takes longer than a look at a string.
 */
function endOfValue(reader: TextReader, start: number): number {
  countValue(reader);
  const bytes = walked;
  const end = reader.bytes.length;
  const depthOutside = reader.depth;
  let depth = depthOutside;
  let position = start;
  // Keys and values to come in the innermost array or object, without the one at the position: odd if that is a key.
  let items = 0;
  for (;;) {
    const type = bytes[position];
    if (type === lowerS) {
      let length = (bytes[position + 2] as number) - zero;
      if (bytes[position + 1] !== colon || length < 0 || length > 9) throw giveUp(position);
      position += 3;
      // Behind a 0 stands no digit.
      if (length > 0) {
        let digit = (bytes[position] as number) - zero;
        while (digit >= 0 && digit <= 9) {
          length = length * 10 + digit;
          if (length > maxSessionBytes) throw giveUp(position);
          position++;
          digit = (bytes[position] as number) - zero;
        }
      }
      if (bytes[position] !== colon || bytes[position + 1] !== quote) throw giveUp(position);
      position += 2 + length;
      if (position >= end || bytes[position] !== quote || bytes[position + 1] !== semicolon)
        throw giveUp(position);
      position += 2;
    } else if (type === lowerI) {
      if (bytes[position + 1] !== colon) throw giveUp(position);
      let first = position + 2;
      const isNegative = bytes[first] === minus;
      if (isNegative) first++;
      position = first;
      while (isDigit(bytes[position] as number)) position++;
      const digits = position - first;
      if (digits === 0 || digits > maxPlainDigits || bytes[position] !== semicolon) throw giveUp(position);
      if (bytes[first] === zero && (isNegative || digits > 1)) throw giveUp(first);
      position++;
    } else if (items % 2 === 1) {
      throw giveUp(position);
    } else if (type === lowerA || type === upperO) {
      position = type === lowerA ? position + 1 : endOfClassName(bytes, position + 1, end);
      const pairs = countAt(bytes, skipByte(bytes, position, colon));
      position = skipByte(bytes, skipByte(bytes, behindCount, colon), openBrace);
      reader.values += pairs;
      if (reader.values > maxValues) throw giveUp(position);
      itemsAround[depth] = items;
      items = 2 * pairs;
      depth++;
      if (depth > maxDepth) throw giveUp(position);
    } else {
      position = endOfScalar(bytes, type, position + 1);
    }
    while (items === 0) {
      if (depth === depthOutside) return position;
      position = skipByte(bytes, position, closeBrace);
      depth--;
      items = itemsAround[depth] as number;
    }
    items--;
  }
}

function endOfKey(bytes: Uint8Array, start: number, end: number): number {
  const type = bytes[start];
  if (type === lowerS) return endOfString(bytes, start + 1, end);
  if (type === lowerI) return endOfInteger(bytes, start + 1);
  throw giveUp(start);
}

/** From the colon before the length to the semicolon. */
function endOfString(bytes: Uint8Array, start: number, end: number): number {
  return skipByte(bytes, endOfText(bytes, start, end), semicolon);
}

/** From the colon before the length to the second quote. */
function endOfText(bytes: Uint8Array, start: number, end: number): number {
  const length = countAt(bytes, skipByte(bytes, start, colon));
  const close = skipByte(bytes, skipByte(bytes, behindCount, colon), quote) + length;
  if (close >= end) throw giveUp(start);
  return skipByte(bytes, close, quote);
}

function endOfClassName(bytes: Uint8Array, start: number, end: number): number {
  const behind = endOfText(bytes, start, end);
  if (!isClassNameIn(bytes, startOfText(bytes, start), behind - 1)) throw giveUp(start);
  return behind;
}

function endOfScalar(bytes: Uint8Array, type: number | undefined, start: number): number {
  if (type === upperN) return skipByte(bytes, start, semicolon);
  if (type === lowerD) return endOfFloat(bytes, start);
  if (type === lowerB) return endOfBoolean(bytes, start);
  throw giveUp(start);
}

function endOfBoolean(bytes: Uint8Array, start: number): number {
  const position = skipByte(bytes, start, colon);
  if (bytes[position] !== zero && bytes[position] !== zero + 1) throw giveUp(position);
  return skipByte(bytes, position + 1, semicolon);
}

/** So many digits fit 64 bits, whatever they are. */
const maxPlainDigits = 18;

function endOfInteger(bytes: Uint8Array, start: number): number {
  let first = skipByte(bytes, start, colon);
  const isNegative = bytes[first] === minus;
  if (isNegative) first++;
  const end = endOfDigits(bytes, first);
  if (end - first > maxPlainDigits) throw giveUp(first);
  if (bytes[first] === zero && (isNegative || end - first > 1)) throw giveUp(first);
  return skipByte(bytes, end, semicolon);
}

function endOfFloat(bytes: Uint8Array, start: number): number {
  const first = skipByte(bytes, start, colon);
  let end = endOfDigits(bytes, bytes[first] === minus ? first + 1 : first);
  if (bytes[end] === dot) end = endOfDigits(bytes, end + 1);
  if (bytes[end] === upperE || bytes[end] === lowerE) {
    const sign = bytes[end + 1];
    const digits = sign === plus || sign === minus ? end + 2 : end + 1;
    end = endOfDigits(bytes, digits);
    if (end - digits > maxExponentDigits) throw giveUp(digits);
  }
  return skipByte(bytes, end, semicolon);
}

/** Behind at least one digit. */
function endOfDigits(bytes: Uint8Array, start: number): number {
  let position = start;
  while (isDigit(bytes[position] as number)) position++;
  if (position === start) throw giveUp(start);
  return position;
}

/** Where the digits of the last count ended. */
let behindCount = 0;

function countAt(bytes: Uint8Array, start: number): number {
  let digit = bytes[start] as number;
  if (!isDigit(digit)) throw giveUp(start);
  let count = digit - zero;
  let position = start + 1;
  // No digit can be left out: behind a 0 stands none.
  if (count > 0) {
    digit = bytes[position] as number;
    while (isDigit(digit)) {
      count = count * 10 + (digit - zero);
      if (count > maxSessionBytes) throw giveUp(start);
      position++;
      digit = bytes[position] as number;
    }
  }
  behindCount = position;
  return count;
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= zero + 9;
}

function skipByte(bytes: Uint8Array, position: number, byte: number): number {
  if (bytes[position] !== byte) throw giveUp(position);
  return position + 1;
}
