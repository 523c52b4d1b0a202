// PHP's text serialization: the handlers php, php_binary and php_serialize are built on it. Here its grammar is known:
// every byte of a session is checked, and nothing is made of it. text-build.ts makes what is wanted of what was checked.
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
// uncertain:
//  - After `C:`, every slot that follows it. A class that calls serialize() inside its own
//    Serializable::serialize() numbers the values of its payload along with all others, one that makes its
//    payload in another way does not, and the payload does not tell which: `C:3:"Leg":4:{i:1;}` can be
//    either.
//  - A key given twice, which serialize() never writes: the values inside that container so far. PHP lets the
//    slot of the overwritten value stand for the one that overwrites it.
// A value that is wanted and refers to an uncertain slot makes the session unreadable. Putting a marker in its place
// instead would be a truthy or a falsy value of its own, and could turn a test in an expression from no to yes. What is
// not wanted may be uncertain.
//
// The session lies in `input` with a NUL behind it, which no rule of the grammar accepts: reading past the end fails by
// itself, and only lengths need a bounds check.
//
// Source: php-src ext/standard/var_unserializer.re (grammar, slots), ext/standard/var.c (what serialize()
// writes).

import { maxDepth, maxSessionBytes, maxValues } from "../limits.ts";
import { isClassNameIn, maxInt64, minInt64 } from "../model.ts";
import { type UnreadableCode, UnreadableSessionError } from "../unreadable.ts";
import {
  backslash,
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

/** One for all sessions: none is begun while another is read. */
export const input = Buffer.alloc(maxSessionBytes + 16);

let end = 0;

export function sessionEnd(): number {
  return end;
}

/** The values so far, and while a value is checked also those that are still to come in it. */
let values = 0;
/** Those of them that take no slot. */
let withoutSlot = 0;
/** How many slots there have been, where something asks for it. */
let slots = 0;
/** The slots of objects, the only ones that `r:` can name, in their order. */
const objectSlots = new Int32Array(maxValues);
let objects = 0;
const noLimit = maxValues + 1;
/** How many slots there were with the first `C:`: the numbers of these are certain. */
let certainSlots = noLimit;
/** Whether there has been a reference. */
export let hasReferences = false;

/** Begins a session. Throws UnreadableSessionError if it has more than `maxSessionBytes`. */
export function beginText(session: Uint8Array): void {
  if (session.length > maxSessionBytes) throw fail("too-large", maxSessionBytes);
  input.set(session);
  end = session.length;
  input[end] = 0;
  values = 0;
  withoutSlot = 0;
  objects = 0;
  certainSlots = noLimit;
  hasReferences = false;
}

/** The least that a key and a value take: `i:0;N;`. A larger count than that allows is a lie. */
const minPairBytes = 6;

/** So many digits fit 64 bits, whatever they are. */
const maxPlainDigits = 18;

/** What is still to come in each array and object around the innermost: see `items` below. */
const itemsAround = new Int32Array(maxDepth + 1);

/**
 * Checks the value that begins here, inside so many arrays and objects, and returns the position after it. One loop goes
 * through all that is inside it. The common cases are inlined by hand: V8's inlining budget is limited, and a call costs
 * more than skipping a string.
 * @throws UnreadableSessionError
 */
export function checkValue(start: number, outside: number): number {
  countValues(1, start);
  const bytes = input;
  const last = end;
  let depth = outside;
  let position = start;
  // Keys and values to come in the innermost array or object, without the one at the position: odd if that is a key.
  let items = 0;
  for (;;) {
    const type = bytes[position];
    if (type === lowerS) {
      const from = position;
      let length = (bytes[position + 2] as number) - zero;
      if (bytes[position + 1] !== colon || length < 0 || length > 9) throw notAString(from);
      position += 3;
      // After a 0 comes no digit.
      if (length > 0) {
        let digit = (bytes[position] as number) - zero;
        while (digit >= 0 && digit <= 9) {
          length = length * 10 + digit;
          position++;
          digit = (bytes[position] as number) - zero;
        }
      }
      if (bytes[position] !== colon || bytes[position + 1] !== quote) throw notAString(from);
      position += 2 + length;
      if (position >= last || bytes[position] !== quote || bytes[position + 1] !== semicolon)
        throw notAString(from);
      position += 2;
    } else if (type === lowerI) {
      const from = position;
      position += 2;
      if (bytes[position] === minus) position++;
      const first = position;
      while (isDigit(bytes[position] as number)) position++;
      const digits = position - first;
      // What is rare or wrong is looked at once more.
      if (
        bytes[from + 1] !== colon ||
        digits === 0 ||
        digits > maxPlainDigits ||
        bytes[position] !== semicolon ||
        (bytes[first] === zero && (digits > 1 || first > from + 2))
      )
        position = endOfInteger(from + 1);
      else position++;
    } else if ((items & 1) === 1) {
      throw unexpected(position);
    } else if (type === lowerA || type === upperO) {
      if (type === upperO) addObject(slotsAt(outside, depth, items));
      let digits = position + 2;
      let count = 0;
      let digit = (bytes[digits] as number) - zero;
      while (digit >= 0 && digit <= 9) {
        count = count * 10 + digit;
        digits++;
        digit = (bytes[digits] as number) - zero;
      }
      // Anything but a small array is left to openPairs().
      if (
        type === lowerA &&
        bytes[position + 1] === colon &&
        digits > position + 2 &&
        bytes[digits] === colon &&
        bytes[digits + 1] === openBrace &&
        (count > 9 ? bytes[position + 2] !== zero : digits === position + 3) &&
        count * minPairBytes <= last - digits - 2 &&
        depth < maxDepth &&
        values + count <= maxValues
      ) {
        values += count;
        pairs = count;
        position = digits + 2;
      } else position = openPairs(position, depth);
      itemsAround[depth] = items;
      items = 2 * pairs;
      depth++;
    } else if (type === upperN && bytes[position + 1] === semicolon) {
      position += 2;
    } else if (
      type === lowerB &&
      bytes[position + 1] === colon &&
      ((bytes[position + 2] as number) & 0xfe) === zero &&
      bytes[position + 3] === semicolon
    ) {
      position += 4;
    } else if (type === lowerD) {
      position = endOfFloat(position + 1);
    } else {
      slots = slotsAt(outside, depth, items);
      position = endOfRare(type, position + 1);
    }
    while (items === 0) {
      if (depth === outside) return position;
      if (bytes[position] !== closeBrace) throw unexpected(position);
      position++;
      depth--;
      items = itemsAround[depth] as number;
    }
    items--;
  }
}

/** How many pairs the array or object has that was opened last. */
export let pairs = 0;

/** From an array's or object's letter to behind its opening brace. Counts the values in it, and not its slot. */
function openPairs(start: number, depth: number): number {
  const countStart = skipByte(input[start] === upperO ? endOfClassName(start + 1) : start + 1, colon);
  const count = countAt(countStart);
  const position = skipByte(skipByte(behindCount, colon), openBrace);
  if (count * minPairBytes > end - position) throw fail("truncated", countStart);
  if (depth >= maxDepth) throw fail("too-deep", countStart);
  countValues(count, position);
  pairs = count;
  return position;
}

/** Checks the value up to its opening brace; what is inside is checked by the caller, with one depth more. */
export function enterValue(start: number, outside: number): number {
  countValues(1, start);
  if (input[start] === upperO) addObject(values - withoutSlot);
  const position = openPairs(start, outside);
  // The caller has each of them counted when it is there.
  values -= pairs;
  return position;
}

/** The slots so far, with that of the value at this place in the loop. */
function slotsAt(outside: number, depth: number, items: number): number {
  let toCome = items >> 1;
  for (let level = outside + 1; level < depth; level++) toCome += (itemsAround[level] as number) >> 1;
  return values - toCome - withoutSlot;
}

/** The same of the array that is a whole session. */
export function enterSession(): number {
  if (input[0] !== lowerA) throw unexpected(0);
  return enterValue(0, 0);
}

function addObject(slot: number): void {
  objectSlots[objects] = slot;
  objects++;
}

function isObject(slot: number): boolean {
  let low = 0;
  let high = objects - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((objectSlots[middle] as number) < slot) low = middle + 1;
    else high = middle;
  }
  return low < objects && objectSlots[low] === slot;
}

/** What closes an array or object that was entered. */
export function leaveValue(position: number): number {
  return skipByte(position, closeBrace);
}

function countValues(count: number, position: number): void {
  values += count;
  if (values > maxValues) throw fail("too-many-values", position);
}

/** Where the text of the key lies that was checked last: between its quotes, or its digits. */
export let keyTextStart = 0;
export let keyTextEnd = 0;

/** Checks a key and returns the position after it. */
export function checkKey(start: number): number {
  const type = input[start];
  if (type !== lowerS && type !== lowerI) throw unexpected(start);
  const behind = type === lowerS ? endOfString(start + 1) : endOfInteger(start + 1);
  keyTextStart = type === lowerS ? enclosed : start + 2;
  keyTextEnd = type === lowerS ? behind - 2 : behind - 1;
  return behind;
}

/** Which byte of it does not belong there. */
function notAString(start: number): UnreadableSessionError {
  try {
    endOfString(start + 1);
  } catch (error) {
    return error as UnreadableSessionError;
  }
  return fail("malformed", start);
}

function endOfRare(type: number | undefined, start: number): number {
  switch (type) {
    case upperN:
      return skipByte(start, semicolon);
    case lowerB: {
      const position = skipByte(start, colon);
      if (input[position] !== zero && input[position] !== zero + 1) throw unexpected(position);
      return skipByte(position + 1, semicolon);
    }
    case upperC: {
      const behind = endOfEnclosed(endOfClassName(start), openBrace, closeBrace);
      certainSlots = Math.min(certainSlots, slots);
      addObject(slots);
      return behind;
    }
    case upperE:
      addObject(slots);
      return endOfEnum(start);
    case upperR:
    case lowerR:
      return endOfReference(start, type === lowerR);
    default:
      throw unexpected(start - 1);
  }
}

/** PHP writes `r:` for objects only, and reads it for nothing else. */
function endOfReference(start: number, isHandle: boolean): number {
  const countStart = skipByte(start, colon);
  const number = countAt(countStart);
  const behind = skipByte(behindCount, semicolon);
  hasReferences = true;
  slots--;
  if (!isHandle) withoutSlot++;
  if (number < 1 || (number > slots && certainSlots === noLimit)) throw fail("bad-reference", countStart);
  if (isHandle) {
    if (number <= certainSlots && !isObject(number)) throw fail("bad-reference", start);
    addObject(slots + 1);
  }
  return behind;
}

/** Whether the number of a slot is certain, as far as a `C:` before it goes. */
export function isCertain(slot: number): boolean {
  return slot <= certainSlots;
}

function endOfInteger(start: number): number {
  const from = skipByte(start, colon);
  const isNegative = input[from] === minus;
  const first = isNegative ? from + 1 : from;
  const behind = endOfDigits(first);
  const digits = behind - first;
  if (input[first] === zero && (digits > 1 || isNegative)) throw fail("malformed", first);
  if (digits > maxPlainDigits) {
    if (digits > maxPlainDigits + 1) throw fail("malformed", from);
    const value = BigInt(input.toString("latin1", from, behind));
    if (value < minInt64 || value > maxInt64) throw fail("malformed", from);
  }
  return skipByte(behind, semicolon);
}

const specialFloats = ["NAN;", "INF;", "-INF;"];
/** PHP writes no more, and clamps longer exponents in its own way. */
const maxExponentDigits = 3;

function endOfFloat(letterEnd: number): number {
  const start = skipByte(letterEnd, colon);
  const first = input[start] === minus ? start + 1 : start;
  const lead = input[first];
  if (lead === upperN || lead === upperI) {
    const rest = input.toString("latin1", start, Math.min(start + 5, end));
    const found = specialFloats.find((special) => rest.startsWith(special));
    if (found !== undefined) return start + found.length;
    throw unexpected(specialFloats.some((special) => special.startsWith(rest)) ? end : start);
  }
  let position = endOfDigits(first);
  if (input[position] === dot) position = endOfDigits(position + 1);
  if (input[position] === upperE || input[position] === lowerE) {
    const sign = input[position + 1];
    const digits = sign === plus || sign === minus ? position + 2 : position + 1;
    position = endOfDigits(digits);
    if (position - digits > maxExponentDigits) throw fail("malformed", digits);
  }
  return skipByte(position, semicolon);
}

function endOfEnum(start: number): number {
  const behind = endOfEnclosed(start, quote, quote);
  const close = behind - 1;
  const separator = enclosed + input.subarray(enclosed, close).indexOf(colon);
  const isCase =
    separator > enclosed &&
    isClassNameIn(input, enclosed, separator) &&
    isClassNameIn(input, separator + 1, close) &&
    !input.subarray(separator, close).includes(backslash);
  const last = skipByte(behind, semicolon);
  if (!isCase) throw fail("malformed", start);
  return last;
}

/** From the colon before the length to the semicolon. */
function endOfString(start: number): number {
  return skipByte(endOfEnclosed(start, quote, quote), semicolon);
}

function endOfClassName(start: number): number {
  const behind = endOfEnclosed(start, quote, quote);
  if (!isClassNameIn(input, enclosed, behind - 1)) throw fail("malformed", start);
  return behind;
}

/** Where the bytes between the last two marks began. */
let enclosed = 0;

/** The bytes between two marks. They are trusted by their count: marks and semicolons among them mean nothing. */
function endOfEnclosed(start: number, open: number, close: number): number {
  const length = countAt(skipByte(start, colon));
  enclosed = skipByte(skipByte(behindCount, colon), open);
  if (length > end - enclosed) throw fail("truncated", enclosed);
  return skipByte(enclosed + length, close);
}

/** The position behind at least one digit. */
function endOfDigits(start: number): number {
  let position = start;
  while (isDigit(input[position] as number)) position++;
  if (position === start) throw unexpected(start);
  return position;
}

/** Where the digits of the last count ended. */
let behindCount = 0;

/** Exact up to 2^53-1; what is larger comes out larger, which is all that the callers need to know. */
function countAt(start: number): number {
  let position = start;
  let count = 0;
  let digit = input[position] as number;
  while (isDigit(digit)) {
    count = count * 10 + (digit - zero);
    position++;
    digit = input[position] as number;
  }
  if (position === start) throw unexpected(start);
  if (position > start + 1 && input[start] === zero) throw fail("malformed", start);
  behindCount = position;
  return count;
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= nine;
}

function skipByte(position: number, byte: number): number {
  if (input[position] !== byte) throw unexpected(position);
  return position + 1;
}

/** A byte that does not belong there, or none where one should be. */
function unexpected(position: number): UnreadableSessionError {
  return position < end ? fail("malformed", position) : fail("truncated", end);
}

function fail(code: UnreadableCode, offset: number): UnreadableSessionError {
  return new UnreadableSessionError(code, offset);
}
