// Sessions in igbinary and msgpack that are made to cost as much as they can. Each has at most 512 KiB, and where it can
// be read, its user is alice by the expressions `authenticated` and `user.name`.

import { maxSessionBytes, maxValues } from "../../inspector/session/limits.ts";

export interface HostileSession {
  readonly name: string;
  readonly handler: "igbinary" | "msgpack";
  readonly bytes: Buffer;
}

/** Where the costly part stands: beside the name of the user, in an object or an array, or in another variable. */
export const places = ["in a wanted object", "in a wanted array", "in what is not wanted"] as const;
export type Place = (typeof places)[number];

/** What the costly part may take: the rest is a few names. */
const partBytes = maxSessionBytes - 200;
const partValues = maxValues - 20;

function bigEndian(number: number, width: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(number));
  return bytes.toString("latin1", 8 - width);
}

/** A type of three in a row, and the number in 1, 2 or 4 bytes. */
function igbinarySize(type: number, size: number): string {
  const place = size < 0x100 ? 0 : size < 0x1_0000 ? 1 : 2;
  return String.fromCharCode(type + place) + bigEndian(size, 1 << place);
}

const text = (bytes: string) => igbinarySize(0x11, bytes.length) + bytes;
const again = (index: number) => igbinarySize(0x0e, index);
const array = (pairs: readonly string[]) => igbinarySize(0x14, pairs.length) + pairs.join("");
const className = (bytes: string) => igbinarySize(0x17, bytes.length) + bytes;
const classAgain = (index: number) => igbinarySize(0x1a, index);

function integer(number: number): string {
  if (number > 0xffff_ffff) return `\x20${bigEndian(number, 8)}`;
  const place = number < 0x100 ? 0 : number < 0x1_0000 ? 1 : 2;
  return String.fromCharCode(0x06 + 2 * place) + bigEndian(number, 1 << place);
}

/** A list of these values, and behind them of as many of another as there is room for, each so many values. */
function filled(first: readonly string[], another: (place: number) => string, valuesEach = 1): string {
  const items = first.map((value, place) => integer(place) + value);
  let bytes = items.reduce((sum, item) => sum + item.length, 0);
  while (items.length < partValues / valuesEach) {
    const item = integer(items.length) + another(items.length);
    bytes += item.length;
    if (bytes > partBytes) break;
    items.push(item);
  }
  return array(items);
}

const long = "x".repeat(250_000);
const halfAsLong = "x".repeat(120_000);

/** Texts that are as long as one another, and more alike than hashes that multiply by 31 can tell. */
export const alike = (count: number) =>
  Array.from({ length: count }, (_, number) =>
    number.toString(2).padStart(17, "0").replaceAll("0", "Aa").replaceAll("1", "BB"),
  );

/** Integers that V8's Map files in one slot, as far as it has 2^14 of them: its hash of an integer is known to all. */
export function collidingIntegers(count: number): number[] {
  const found: number[] = [];
  for (let number = 0x1_0000; found.length < count; number++) {
    let hash = (~number + (number << 15)) | 0;
    hash ^= hash >>> 12;
    hash = (hash + (hash << 2)) | 0;
    hash ^= hash >>> 4;
    hash = Math.imul(hash, 2057);
    hash ^= hash >>> 16;
    if ((hash & 0x3fff) === 0) found.push(number);
  }
  return found;
}

/** By the index of the first string in it. */
const igbinaryParts: Readonly<Record<string, (first: number) => string>> = {
  "one long text again and again": (first) => filled([text(long)], () => again(first)),
  "one long key again and again": (first) => filled([text(long)], () => array([`${again(first)}\0`])),
  "one long class name again and again": (first) =>
    filled([className(long) + array([])], () => classAgain(first) + array([])),
  "one long property again and again": (first) =>
    filled(
      [className("A") + array([`${text(long)}\0`])],
      () => classAgain(first) + array([`${again(first + 1)}\0`]),
    ),
  "one long private property again and again": (first) =>
    filled(
      [className("A") + array([`${text(`\0${halfAsLong}\0${halfAsLong}`)}\0`])],
      () => classAgain(first) + array([`${again(first + 1)}\0`]),
    ),
  "one private property of 16 KB again and again": (first) =>
    filled(
      [className("A") + array([`${text(`\0A\0${"x".repeat(16_000)}`)}\0`])],
      () => classAgain(first) + array([`${again(first + 1)}\0`]),
    ),
  "one long case again and again": (first) =>
    filled([`${className("A")}'${text(long)}`], () => `${classAgain(first)}'${again(first + 1)}`),
  "two long keys that differ at their ends again and again": (first) =>
    filled([text(`${halfAsLong}a`), text(`${halfAsLong}b`)], () =>
      array([`${again(first)}\0`, `${again(first + 1)}\0`]),
    ),
  "two long keys that are one again and again": (first) =>
    filled([text(halfAsLong), text(halfAsLong)], () => array([`${again(first)}\0`])),
  "thirty keys that differ at their ends again and again": (first) => {
    const all = Array.from({ length: 30 }, (_, place) =>
      text("x".repeat(8_000) + String.fromCharCode(65 + place)),
    );
    return filled(all, () => array(all.map((_, place) => `${again(first + place)}\0`)));
  },
  "texts of 16 KB that differ at their ends again and again": (first) => {
    const all = Array.from({ length: 25 }, (_, place) =>
      text("x".repeat(16_384) + String.fromCharCode(65 + place)),
    );
    return filled(all, (place) => again(first + (place % 25)));
  },
  "empty arrays": () => filled([], () => "\x14\0"),
  "empty objects": (first) => filled([className("A") + array([])], () => `${classAgain(first)}\x14\0`),
  "objects with a property": (first) =>
    filled(
      [className("A") + array([`${text("p")}\0`])],
      () => `${classAgain(first)}\x14\x01${again(first + 1)}\0`,
      2,
    ),
  "references to a long text": () => filled([`%${text(long)}`], () => "%\x01\x03"),
  "keys that hash alike": () => array(alike(14_000).map((key) => `${text(key)}\0`)),
  "integers that hash alike": () => array(collidingIntegers(20_000).map((key) => `${integer(key)}\0`)),
  "texts of 200 KB as keys of one object": (first) =>
    className("A") +
    array([`${text(long)}\0`, ...Array.from({ length: 50_000 }, () => `${again(first + 1)}\0`)]),
  "nested as deep as may be": () => filled([], () => `${"\x14\x01\x06\0".repeat(500)}\0`, 501),
};

const msgpackText = (bytes: string) => {
  const { length } = bytes;
  if (length < 0x20) return String.fromCharCode(0xa0 + length) + bytes;
  if (length < 0x100) return `\xd9${bigEndian(length, 1)}${bytes}`;
  return length < 0x1_0000 ? `\xda${bigEndian(length, 2)}${bytes}` : `\xdb${bigEndian(length, 4)}${bytes}`;
};
const msgpackMap = (pairs: readonly string[]) => {
  const { length } = pairs;
  if (length < 0x10) return String.fromCharCode(0x80 + length) + pairs.join("");
  return (length < 0x1_0000 ? `\xde${bigEndian(length, 2)}` : `\xdf${bigEndian(length, 4)}`) + pairs.join("");
};
const msgpackList = (count: number, item: string) => {
  const fits = Math.min(partValues, Math.floor(partBytes / item.length), count);
  return (fits < 0x1_0000 ? `\xdc${bigEndian(fits, 2)}` : `\xdd${bigEndian(fits, 4)}`) + item.repeat(fits);
};

const msgpackParts: Readonly<Record<string, () => string>> = {
  "empty lists": () => msgpackList(maxValues, "\x90"),
  "empty objects": () => msgpackList(maxValues, "\x81\xc0\xa1A"),
  "objects with a property": () => msgpackList(49_000, "\x82\xc0\xa1A\xa1p\xc0"),
  "maps with a key": () => msgpackList(49_000, "\x81\xa1k\xc0"),
  "references to an object": () =>
    msgpackList(49_000, "\x82\xc0\x04\0\x04").replace("\x82\xc0\x04\0\x04", "\x81\xc0\xa1A"),
  "one long key": () => msgpackMap([`${msgpackText(long)}\xc0`]),
  "one long class name": () => msgpackMap([`\xc0${msgpackText(long)}`]),
  "one long private property": () =>
    msgpackMap(["\xc0\xa1A", `${msgpackText(`\0${halfAsLong}\0${halfAsLong}`)}\xc0`]),
  "keys of 16 KB that differ at their ends": () =>
    msgpackMap(
      Array.from(
        { length: 30 },
        (_, place) => `${msgpackText("x".repeat(16_400) + String.fromCharCode(65 + place))}\xc0`,
      ),
    ),
  "keys that hash alike": () => msgpackMap(alike(14_000).map((key) => `${msgpackText(key)}\xc0`)),
  "integers that hash alike": () =>
    msgpackMap(collidingIntegers(20_000).map((key) => `\xce${bigEndian(key, 4)}\xc0`)),
};

function igbinarySession(place: Place, part: (first: number) => string): string {
  const pairs = [`${text("authenticated")}\x05`];
  const name = text("name") + text("alice");
  if (place === "in what is not wanted") {
    pairs.push(text("user") + array([name]), text("x") + part(5));
  } else {
    const isObject = place === "in a wanted object";
    const user = array([name, text("x") + part(isObject ? 6 : 5)]);
    pairs.push(text("user") + (isObject ? className("User") : "") + user);
  }
  return `\0\0\0\x02${array(pairs)}`;
}

function msgpackSession(place: Place, part: () => string): string {
  const pairs = [`${msgpackText("authenticated")}\xc3`];
  const name = msgpackText("name") + msgpackText("alice");
  const x = msgpackText("x") + part();
  if (place === "in what is not wanted") pairs.push(msgpackText("user") + msgpackMap([name]), x);
  else
    pairs.push(
      msgpackText("user") +
        msgpackMap([...(place === "in a wanted object" ? ["\xc0\xa4User"] : []), name, x]),
    );
  return msgpackMap(pairs);
}

/** Each costly part in each place. */
export function* hostileBinarySessions(): Generator<HostileSession> {
  for (const place of places) {
    for (const [name, part] of Object.entries(igbinaryParts)) {
      yield hostile(`${name}, ${place}`, "igbinary", igbinarySession(place, part));
    }
    for (const [name, part] of Object.entries(msgpackParts)) {
      yield hostile(`${name}, ${place}`, "msgpack", msgpackSession(place, part));
    }
  }
}

function hostile(name: string, handler: "igbinary" | "msgpack", session: string): HostileSession {
  const bytes = Buffer.from(session, "latin1");
  if (bytes.length > maxSessionBytes) throw new Error(`${name} has ${bytes.length} bytes`);
  return { name, handler, bytes };
}
