// Makes what is wanted of a session in a binary format, behind the check of all its bytes.

import {
  arrayKey,
  type Bytes,
  PhpArray,
  type PhpKey,
  type PhpObject,
  type PhpProperty,
  type PhpSession,
  type PhpValue,
  propertyOf,
} from "../model.ts";
import type { Wanted } from "../wanted.ts";
import { load, spend } from "./binary-input.ts";
import { beginSearch, makeFound } from "./binary-wanted.ts";

/** About so many bytes of memory a value takes, and a list, map or object. */
const valueCost = 64;
const containerCost = 192;

export interface BinaryFormat {
  /** A byte that the format allows nowhere. */
  readonly byteBehind: number;
  /** Where the array begins that is the session. */
  readonly start: number;
  /** Whether the session holds a reference. Throws UnreadableSessionError unless all bytes up to the end are one. */
  readonly check: (end: number) => boolean;
  /** The value that begins here, or what is wanted of it. Throws UnreadableSessionError. */
  readonly build: (position: number, wanted?: Wanted) => PhpValue;
  /** Puts into what begins here, and is empty, what is in it. */
  readonly fillAt: (position: number, value: PhpValue) => void;
}

/** Throws UnreadableSessionError unless every byte belongs to the session, or if what is wanted is in doubt. */
export function decodeBinary(
  format: BinaryFormat,
  bytes: Uint8Array,
  wanted: Wanted | undefined,
): PhpSession {
  const variables = new Map<Bytes, PhpValue>();
  if (bytes.length === 0) return { variables };
  beginSearch(wanted);
  load(bytes, format.byteBehind);
  waiting.length = 0;
  made = format.check(bytes.length) ? new Map() : undefined;
  if (wanted !== undefined) {
    makeFound(variables, format.build);
  } else {
    for (const [key, value] of (format.build(format.start) as PhpArray).entries) {
      if (typeof key === "string") variables.set(key, value);
    }
  }
  while (waiting.length > 0) {
    const position = waiting.pop() as number;
    format.fillAt(position, made?.get(position) as PhpValue);
  }
  return { variables };
}

/** By its place, what a reference can name. Undefined where there is no reference. */
let made: Map<number, PhpValue> | undefined;
/** Of these, those that are still empty: references can chain them far deeper than the stack. */
const waiting: number[] = [];

export function madeAt(position: number): PhpValue | undefined {
  return made?.get(position);
}

/** Throws UnreadableSessionError. */
export function spendOnContainer(): void {
  spend(containerCost);
}

export function keepMade(position: number, value: PhpValue): void {
  made?.set(position, value);
}

/** Keeps an array or object that a reference named first. */
export function keepEmpty(position: number, value: PhpValue): void {
  made?.set(position, value);
  waiting.push(position);
}

/**
 * The property of this key, which the object has then; undefined for an array. An object has all its names, wanted or
 * not: by them it is told which property an expression finds. Throws UnreadableSessionError.
 */
export function propertyFor(into: PhpArray | PhpObject, key: PhpKey): PhpProperty | undefined {
  spend(typeof key === "string" ? valueCost + key.length : valueCost);
  // As Budget.spendOnKey(): so many others can share a slot with an integer.
  if (into instanceof PhpArray) {
    if (typeof key !== "string" && key !== into.entries.size) spend(into.entries.size);
    return undefined;
  }
  if (typeof key !== "string" || typeof arrayKey(key) !== "string") spend(into.properties.size);
  // A property's name is a string. __serialize() can return int keys: 5 and "5" are one here.
  if (typeof key !== "string") into.keysAreData = true;
  const property = propertyOf(String(key));
  into.properties.set(String(key), property);
  return property;
}
