// That no key stands twice in a map, found out without making the keys. The loops of igbinary.ts and msgpack.ts look
// after the usual maps by themselves: a few names, told apart by their prints, and integers that ascend. The keys of
// all others are filed here, in one hash table for all maps of a session.

import { arrayKey } from "../model.ts";
import { session, spend, textAt, view } from "./binary-input.ts";

/** By slot: the map whose key it is, and where the key's bytes are. Of an integer the length is negative. */
const maxBits = 18;
const owners = new Int32Array(1 << maxBits);
const starts = new Int32Array(1 << maxBits);
const lengths = new Int32Array(1 << maxBits);
let mask = 0;

/** Maps are numbered on from session to session: what earlier ones left in the table needs no clearing. */
let firstMap = 1;
let lastMap = 0;

/** So that nobody can know beforehand which keys share a slot. */
const seed = Math.floor(Math.random() * 2 ** 30);

/** For a session of so many bytes. */
export function beginKeys(bytes: number): void {
  // A key and its value take two bytes at least, and half of the slots stay free.
  mask = (1 << Math.min(maxBits, 33 - Math.clz32(bytes))) - 1;
  firstMap = lastMap + 1;
  if (firstMap > 2 ** 30) {
    owners.fill(0);
    firstMap = 1;
    lastMap = 0;
  }
}

/** The number of a map whose keys are to be filed. */
export function newMap(): number {
  lastMap++;
  return lastMap;
}

/**
 * The print of a name: never 0, the same for the same name, and seldom that of another. It reads four bytes where
 * there are fewer.
 */
export function printOf(start: number, length: number): number {
  const first = view.getInt32(start, true);
  const print =
    length < 4
      ? (first & ((1 << (8 * length)) - 1)) + 1
      : Math.imul(first ^ length, 0x2545f491) ^ view.getInt32(start + length - 4, true);
  return print === 0 ? 1 : print;
}

/** Whether PHP would file this key of an array under an integer. */
export function isIntegerKey(start: number, length: number): boolean {
  const first = session[start] as number;
  if (first > 0x39 || first < 0x2d || length > 20) return false;
  return typeof arrayKey(textAt(start, length)) !== "string";
}

/** An integer from 0 to 2^31-2, and -1 for all others: an array's keys are told apart by whether they ascend. */
export function smallOf(integer: number | bigint): number {
  return integer >= 0 && integer < 0x7fff_ffff ? Number(integer) : -1;
}

/**
 * Whether the map has this key already; if not, it has it now. Of an integer key, the bytes with its type, which are
 * the same for the same integer, and their number as a negative one. Throws UnreadableSessionError.
 */
export function isFiled(map: number, start: number, length: number): boolean {
  let slot = Math.imul(hashOf(start, Math.abs(length)) ^ map, 0x9e3779b1);
  slot ^= slot >>> 15;
  for (;;) {
    slot &= mask;
    const owner = owners[slot] as number;
    if (owner < firstMap) break;
    if (owner === map && lengths[slot] === length && isSame(starts[slot] as number, start, Math.abs(length)))
      return true;
    spend(1);
    slot++;
  }
  owners[slot] = map;
  starts[slot] = start;
  lengths[slot] = length;
  return false;
}

function hashOf(start: number, length: number): number {
  spend(length);
  let hash = seed ^ length;
  for (let place = start; place < start + length; place++) {
    hash = Math.imul(hash ^ (session[place] as number), 0x01000193);
  }
  return hash;
}

function isSame(one: number, other: number, length: number): boolean {
  spend(length);
  let same = 0;
  while (same < length && session[one + same] === session[other + same]) same++;
  return same === length;
}
