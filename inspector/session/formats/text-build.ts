// Makes what is wanted of a session in PHP's text: see text.ts, which has checked every byte before anything is made of
// it. Whether a session can be read, and if not why, does not depend on what is wanted of it, but for one thing: what is
// not wanted may refer to an uncertain slot.

import { Budget, valueCost } from "../budget.ts";
import {
  arrayKey,
  type Bytes,
  PhpArray,
  PhpEnum,
  type PhpKey,
  PhpObject,
  type PhpProperty,
  PhpSerializable,
  type PhpValue,
  propertyOf,
} from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import { type Wanted, wantedAt, wantedNamed } from "../wanted.ts";
import {
  checkKey,
  checkValue,
  enterSession,
  enterValue,
  hasReferences,
  input,
  isCertain,
  keyTextEnd,
  keyTextStart,
  leaveValue,
  pairs,
  sessionEnd,
} from "./text.ts";
import {
  lowerA,
  lowerB,
  lowerD,
  lowerI,
  lowerR,
  lowerS,
  minus,
  nine,
  semicolon,
  upperC,
  upperE,
  upperN,
  upperO,
  upperR,
  zero,
} from "./text-bytes.ts";

/** Where a value goes. */
type Place = Map<PhpKey, PhpValue> | PhpProperty;

interface Plan {
  readonly place: Place;
  readonly key: PhpKey;
  /** Where the value lies, or the array or object of which not all is wanted. */
  readonly start: number;
  readonly end: number;
  readonly value: PhpArray | PhpObject | undefined;
}

/** What is done once all is checked, in the order of the session: of a name given twice the last value counts. */
let planned: Plan[] = [];

/** Whether all is made, so that what is shared must be known before the first of it is made. */
let isWhole = false;

/** What the session may still cost. */
let budget: Budget;

function put(
  place: Place,
  key: PhpKey,
  start: number,
  end: number,
  value: PhpArray | PhpObject | undefined,
): void {
  if (isWhole || hasReferences) planned.push({ place, key, start, end, value });
  else putNow(place, key, value ?? buildWhole(start, end));
}

function putNow(place: Place, key: PhpKey, value: PhpValue): void {
  if (place instanceof Map) {
    budget.spendOnKey(key, place.size);
    place.set(key, value);
  } else place.value = value;
}

/** Begins what is made of a session of so many bytes, which was begun: all of it, or what is wanted, within a budget. */
export function beginBuild(length: number, wanted?: Wanted, within = new Budget()): void {
  budget = within;
  // A session that was refused has left these.
  if (planned.length > 0) planned = [];
  if (toFill.length > 0) toFill = [];
  isWhole = wanted === undefined;
  isWholeSession = false;
  keepText(0, wanted === undefined ? length : 0);
}

/**
 * Checks the value that begins here, plans to make what is wanted of it, and returns the position after it. It goes
 * into a map by this key, or into a property.
 * @throws UnreadableSessionError
 */
export function planValue(
  start: number,
  inside: Wanted | undefined,
  depth: number,
  place: Place,
  key: PhpKey,
): number {
  const type = input[start];
  if (inside === undefined || (type !== lowerA && type !== upperO)) {
    const end = checkValue(start, depth);
    put(place, key, start, end, undefined);
    return end;
  }
  const entered = enterValue(start, depth);
  const value = type === lowerA ? new PhpArray() : new PhpObject(stringAt(start + 2));
  put(place, key, start, start, value);
  return value instanceof PhpArray
    ? planEntries(value, entered, inside, depth + 1)
    : planProperties(value, entered, inside, depth + 1);
}

/** Whether the session is one array. */
let isWholeSession = false;

/** The same of the array that is a whole session: those of its entries that are wanted, or all. */
export function planSession(array: PhpArray, wanted: Wanted | undefined): number {
  isWholeSession = true;
  let position = enterSession();
  if (wanted !== undefined) return planEntries(array, position, wanted, 1);
  for (let left = pairs; left > 0; left--) {
    const valueStart = checkKey(position);
    position = planValue(valueStart, undefined, 1, array.entries, keyAt(position));
  }
  return leaveValue(position);
}

function planEntries({ entries }: PhpArray, start: number, wanted: Wanted, depth: number): number {
  let position = start;
  for (let left = pairs; left > 0; left--) {
    const valueStart = checkKey(position);
    const found = wantedAt(wanted, input, keyTextStart, keyTextEnd);
    position =
      found === undefined
        ? checkValue(valueStart, depth)
        : planValue(valueStart, found.inside, depth, entries, found.name);
  }
  return leaveValue(position);
}

/**
 * Several classes can have properties of one name: all of them are wanted. The others are made, too, but for their values,
 * which are null: by the names of all it is told which of them an expression finds.
 */
function planProperties(object: PhpObject, start: number, wanted: Wanted, depth: number): number {
  let position = start;
  for (let left = pairs; left > 0; left--) {
    const valueStart = checkKey(position);
    const property = addProperty(object, position);
    const found = wantedNamed(wanted, property.name);
    position =
      found === undefined
        ? checkValue(valueStart, depth)
        : planValue(valueStart, found.inside, depth, property, "");
  }
  return leaveValue(position);
}

/** Where the value begins that comes next, after those before this position: the session is made of these. */
export type NextValue = (position: number) => number;

/**
 * Makes all that was planned.
 * @throws UnreadableSessionError where it refers to an uncertain slot
 */
export function buildPlanned(nextValue: NextValue): void {
  if (planned.length === 0) return;
  if (hasReferences) {
    containers.clear();
    scalars.clear();
    slotsFound = undefined;
    nextRoot = nextValue;
  }
  for (const { place, key, start, end, value } of planned) {
    putNow(place, key, value ?? buildWhole(start, end));
  }
  // References lead through arrays far deeper than the stack: what they find is filled one after another.
  for (let next = 0; next < toFill.length; next++) {
    const found = toFill[next] as Made;
    if (found.end < 0) fill(found);
  }
}

/** An array or object that was made. */
interface Made {
  readonly start: number;
  readonly value: PhpArray | PhpObject;
  /** Where it ends; before the session until it is filled. */
  end: number;
}

/** What references can lead to, by its start: each is made once, whoever refers to it. */
const containers = new Map<number, Made>();
const scalars = new Map<number, PhpValue>();
let toFill: Made[] = [];

/** These bytes, one char a byte: strings are slices of them, not copies made one by one. */
let text: Bytes = "";
let textStart = 0;
let textEnd = 0;

function keepText(start: number, end: number): void {
  textStart = start;
  textEnd = end;
  text = start === end ? "" : input.toString("latin1", start, end);
}

/** Where the value or key ends that was made last. */
let behind = 0;

function buildWhole(start: number, end: number): PhpValue {
  const isContainer = input[start] === lowerA || input[start] === upperO;
  if (isContainer && (start < textStart || end > textEnd)) keepText(start, end);
  return build(start);
}

function build(start: number): PhpValue {
  switch (input[start]) {
    case lowerS:
      return stringAt(start + 2);
    case lowerI:
      return integerAt(start + 2);
    case lowerB:
      behind = start + 4;
      return input[start + 2] !== zero;
    case upperN:
      behind = start + 2;
      return null;
    case lowerD:
      return floatAt(start + 2);
    case lowerA:
    case upperO:
      return containerAt(start);
    case upperC:
      return known(start, serializableAt(start + 2));
    case upperE:
      return known(start, enumAt(start + 2));
    default:
      return referenceAt(start + 2);
  }
}

/** What was made of the value that begins here, which is this from now on if nothing was. */
function known(start: number, value: PhpValue): PhpValue {
  if (!hasReferences) return value;
  const before = scalars.get(start);
  if (before === undefined) scalars.set(start, value);
  return before ?? value;
}

function containerAt(start: number): PhpArray | PhpObject {
  const container = (hasReferences ? containers.get(start) : undefined) ?? emptyAt(start);
  if (container.end < 0) fill(container);
  else behind = container.end;
  return container.value;
}

function emptyAt(start: number): Made {
  const value = input[start] === lowerA ? new PhpArray() : new PhpObject(stringAt(start + 2));
  const container = { start, value, end: -1 };
  if (hasReferences) containers.set(start, container);
  return container;
}

function fill(container: Made): void {
  budget.spend(valueCost);
  const { start, value } = container;
  behind = start + 2;
  if (value instanceof PhpObject) stringAt(behind);
  let left = numberAt(behind);
  behind++;
  for (; left > 0; left--) {
    if (value instanceof PhpArray) {
      const key = keyAt(behind);
      budget.spendOnKey(key, value.entries.size);
      value.entries.set(key, build(behind));
    } else {
      const property = addProperty(value, behind);
      property.value = build(behind);
    }
  }
  behind++;
  container.end = behind;
}

/** A property's name is a string. __serialize() can return int keys: 5 and "5" are one there, too. */
function addProperty(object: PhpObject, keyStart: number): PhpProperty {
  if (input[keyStart] === lowerI) object.keysAreData = true;
  const key = keyAt(keyStart);
  budget.spendOnKey(key, object.properties.size);
  const stored = String(key);
  let property = object.properties.get(stored);
  if (property === undefined) {
    property = propertyOf(stored);
    object.properties.set(stored, property);
  }
  return property;
}

function serializableAt(start: number): PhpSerializable {
  const className = stringAt(start);
  const length = numberAt(behind);
  const payload = textAt(behind + 1, length);
  behind += length + 2;
  return new PhpSerializable(className, payload);
}

function enumAt(start: number): PhpEnum {
  const [className = "", caseName = ""] = stringAt(start).split(":");
  return new PhpEnum(className, caseName);
}

/** The value that a reference with this number stands for. */
function referenceAt(start: number): PhpValue {
  const slot = numberAt(start);
  const end = behind;
  slotsFound ??= findSlots();
  const target = isCertain(slot) ? (slotsFound.starts[slot - 1] as number) : uncertain;
  if (target === uncertain || (slotsFound.repeatedFrom[slot - 1] as number) < start) {
    throw new UnreadableSessionError("uncertain-reference", start);
  }
  const value = referredAt(target);
  behind = end;
  return value;
}

function referredAt(start: number): PhpValue {
  if (input[start] === lowerA || input[start] === upperO) {
    let container = containers.get(start);
    if (container === undefined) {
      container = emptyAt(start);
      toFill.push(container);
    }
    return container.value;
  }
  let value = scalars.get(start);
  if (value === undefined) {
    value = build(start);
    scalars.set(start, value);
  }
  return value;
}

function keyAt(start: number): PhpKey {
  return input[start] === lowerI ? integerAt(start + 2) : arrayKey(stringAt(start + 2));
}

/** The bytes between the quotes, from the length on. Leaves `behind` after the byte that follows. */
function stringAt(start: number): Bytes {
  const length = numberAt(start);
  const from = behind + 1;
  behind = from + length + 2;
  return textAt(from, length);
}

export function textAt(from: number, length: number): Bytes {
  const to = from + length;
  return from >= textStart && to <= textEnd
    ? text.slice(from - textStart, to - textStart)
    : input.toString("latin1", from, to);
}

/** Leaves `behind` after the byte that follows its digits. */
function numberAt(start: number): number {
  let position = start;
  let number = 0;
  let digit = input[position] as number;
  while (digit >= zero && digit <= nine) {
    number = number * 10 + (digit - zero);
    position++;
    digit = input[position] as number;
  }
  behind = position + 1;
  return number;
}

function integerAt(start: number): number | bigint {
  const isNegative = input[start] === minus;
  const size = numberAt(isNegative ? start + 1 : start);
  if (size <= Number.MAX_SAFE_INTEGER) return isNegative ? -size : size;
  return BigInt(input.toString("latin1", start, behind - 1));
}

function floatAt(start: number): number {
  behind = input.indexOf(semicolon, start) + 1;
  const word = input.toString("latin1", start, behind - 1);
  return word.endsWith("INF") ? (word === "INF" ? 1 : -1) * Number.POSITIVE_INFINITY : Number(word);
}

const uncertain = -1;
const never = 0x7fff_ffff;

/** What is known of each slot, from slot 1 on. */
interface Slots {
  /** Where its value begins, or `uncertain`. For `r:` it is that of the object. */
  readonly starts: number[];
  /** From where on it is in doubt by a key that was given twice. */
  readonly repeatedFrom: number[];
}

/** Found where something refers to one. */
let slotsFound: Slots | undefined;
let nextRoot: NextValue;

function findSlots(): Slots {
  const found: Slots = { starts: [], repeatedFrom: [] };
  for (let position = 0; position < sessionEnd(); ) position = scan(nextRoot(position), found);
  // The array that is a whole session: PHP writes no reference to it, and reads it as a copy.
  if (isWholeSession) found.starts[0] = uncertain;
  return found;
}

/** Goes through a value, and returns the position after it. */
function scan(start: number, { starts, repeatedFrom }: Slots): number {
  const type = input[start];
  if (type !== upperR) {
    starts.push(type === lowerR ? (starts[numberAt(start + 2) - 1] ?? uncertain) : start);
    repeatedFrom.push(never);
  }
  if (type !== lowerA && type !== upperO) return endOfScalar(start);
  behind = start + 2;
  if (type === upperO) stringAt(behind);
  let left = numberAt(behind);
  let position = behind + 1;
  // Lists as deep as may be have one key each.
  const keys = left > 1 ? new Set<PhpKey>() : undefined;
  let inside = starts.length;
  for (; left > 0; left--) {
    const key = keyAt(position);
    if (keys !== undefined) budget.spendOnKey(key, keys.size);
    if (keys?.has(key)) {
      // From `inside` on only, so that a thousand overwritten keys do not cost a million steps; and the same slots can
      // be within an overwritten key at each depth.
      budget.spend(starts.length - inside);
      for (let slot = inside; slot < starts.length; slot++) {
        repeatedFrom[slot] = Math.min(repeatedFrom[slot] as number, position);
      }
      inside = starts.length;
    }
    keys?.add(key);
    position = scan(behind, { starts, repeatedFrom });
  }
  return position + 1;
}

function endOfScalar(start: number): number {
  const type = input[start];
  if (type === lowerS || type === upperE || type === upperC) build(start);
  else {
    // Most are a few bytes, which a call of indexOf() takes longer for.
    behind = start + 1;
    while (input[behind - 1] !== semicolon) behind++;
  }
  return behind;
}
