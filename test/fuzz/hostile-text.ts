// Sessions in PHP's text formats, and what stands around them, that are made to cost as much as they can. Each has at
// most 512 KiB, and where it can be read, its user is alice by the expressions `authenticated` and `user.name`.

import { deflateRawSync, deflateSync } from "node:zlib";
import type { LayerName } from "../../inspector/session/layers/layer-names.ts";
import { maxDepth, maxSessionBytes, maxValues, maxWrappedBytes } from "../../inspector/session/limits.ts";
import { alike, collidingIntegers, type Place, places } from "./hostile-binary.ts";

export const textHandlers = ["php", "php_binary", "php_serialize"] as const;
type TextHandler = (typeof textHandlers)[number];

const collide = collidingIntegers(20_000);

export interface HostileText {
  readonly name: string;
  readonly handler: TextHandler;
  /** What stands around the session, outermost first. */
  readonly layers: readonly LayerName[];
  /** What leads to the user's name. */
  readonly user?: string;
  readonly bytes: Buffer;
}

/** What the costly part may take: the rest is a few names. */
const partBytes = maxSessionBytes - 300;
const partValues = maxValues - 20;

const text = (bytes: string) => `s:${bytes.length}:"${bytes}";`;
const array = (pairs: readonly string[]) => `a:${pairs.length}:{${pairs.join("")}}`;
const object = (className: string, pairs: readonly string[]) =>
  `O:${className.length}:"${className}":${pairs.length}:{${pairs.join("")}}`;

/** These pairs, and behind them as many others as there is room for, each so many values. */
function pairsFilled(
  first: readonly string[],
  another: (place: number) => string,
  valuesEach = 1,
  most = maxValues,
): string[] {
  const pairs = [...first];
  let bytes = pairs.reduce((sum, pair) => sum + pair.length, 0);
  for (let place = pairs.length; place < Math.min(most, partValues / valuesEach); place++) {
    const pair = another(place);
    bytes += pair.length;
    if (bytes > partBytes) break;
    pairs.push(pair);
  }
  return pairs;
}

/** A list of these values, and behind them of as many others as there is room for. */
const filled = (first: readonly string[], another: (place: number) => string, valuesEach = 1) =>
  array(
    pairsFilled(
      first.map((value, place) => `i:${place};${value}`),
      (place) => `i:${place};${another(place)}`,
      valuesEach,
    ),
  );

const long = "x".repeat(250_000);

const differAtTheirEnds = (count: number, length = 16_384) =>
  Array.from({ length: count }, (_, place) => "x".repeat(length) + String.fromCharCode(65 + place));

/** By the slot of the part itself: its first value has the next one. */
const parts: Readonly<Record<string, (slot: number) => string>> = {
  "one long text by R again and again": (slot) => filled([text(long)], () => `R:${slot + 1};`),
  "one long text that is no UTF-8 by R again and again": (slot) =>
    filled([text("\xff".repeat(250_000))], () => `R:${slot + 1};`),
  "one object by r again and again": (slot) =>
    filled([object("A", [`${text("p")}${text(long)}`])], () => `r:${slot + 1};`),
  "one object by R again and again": (slot) =>
    filled([object(`A${long}`, [`${text("p")}N;`])], () => `R:${slot + 1};`),
  "texts of 16 KB that differ at their ends by R again and again": (slot) =>
    filled(differAtTheirEnds(25).map(text), (place) => `R:${slot + 1 + (place % 25)};`),
  "arrays that double": (slot) =>
    filled([array([])], (place) => `a:2:{i:0;R:${slot + place};i:1;R:${slot + place};}`, 3),
  "objects that double": (slot) =>
    filled(
      [object("A", [])],
      (place) => `O:1:"A":1:{s:1:"p";r:${slot + 2 * place - (place > 1 ? 2 : 1)};}`,
      2,
    ),
  "arrays that each hold the one before": (slot) =>
    filled([array([])], (place) => `a:1:{i:0;R:${slot + place};}`, 2),
  "one list of a thousand again and again": (slot) =>
    filled([array(Array.from({ length: 1_000 }, (_, place) => `i:${place};N;`))], () => `R:${slot + 1};`),
  "a list that holds itself again and again": (slot) => filled([], () => `R:${slot};`),
  "references to references": (slot) => filled([object("A", [])], (place) => `r:${slot + place};`),
  "40,000 keys given twice": () => {
    const keys = Array.from({ length: 18_000 }, (_, key) => `i:${key};N;`);
    return array([...keys, ...keys]);
  },
  "keys given twice and what refers to them": (slot) => {
    const keys = Array.from({ length: 14_000 }, (_, key) => `i:${key};N;`);
    const again = Array.from({ length: 10_000 }, (_, key) => `i:${key};R:${slot + 1 + key};`);
    return array([...keys, ...again]);
  },
  "one key again and again": () => array(pairsFilled([], () => "i:0;N;")),
  "one key of an object again and again": () =>
    object(
      "A",
      pairsFilled([], () => `${text("p")}N;`),
    ),
  "one key again and again, one inside another": () => {
    let value = "N;";
    for (let depth = 0; depth < maxDepth - 5; depth++) value = `a:80:{${"i:0;N;".repeat(79)}i:0;${value}}`;
    return value;
  },
  "lists inside one another whose keys are given twice, and a reference": (slot) => {
    const deep = maxDepth - 10;
    const inner = filled([], () => "N;").slice(0, 400_000);
    const whole = inner.slice(0, inner.lastIndexOf("i:"));
    const pairs = whole.split("N;").length - 1;
    const list = `a:${pairs}${whole.slice(whole.indexOf(":{"))}}`;
    return array([
      `i:0;${"a:2:{i:0;".repeat(deep)}${list}${"i:0;N;}".repeat(deep)}`,
      `i:1;R:${slot + 1 + deep + 1};`,
      "i:2;R:2;",
    ]);
  },
  "integers that collide": () => array(collide.map((key) => `i:${key};N;`)),
  "integers that collide, and a reference": (slot) =>
    array([...collide.map((key) => `i:${key};N;`), `i:1;R:${slot + 1};`]),
  "integers as text that collide": () => array(collide.map((key) => `${text(String(key))}N;`)),
  "integers that collide in an object": () =>
    object(
      "A",
      collide.map((key) => `i:${key};N;`),
    ),
  "small arrays of integers that collide": () => {
    const keys = collide.slice(0, 1_000).map((key) => `i:${key};N;`);
    return filled([], () => array(keys), 1_001);
  },
  "keys that hash alike": () => array(alike(10_500).map((key) => `${text(key)}N;`)),
  "keys that hash alike in an object": () =>
    object(
      "A",
      alike(10_500).map((key) => `${text(key)}N;`),
    ),
  "keys of 16 KB that differ at their ends": () =>
    array(differAtTheirEnds(31, 16_400).map((key) => `${text(key)}N;`)),
  "keys of 16 KB that differ at their ends, and references": (slot) =>
    array([
      ...differAtTheirEnds(20, 16_400).map((key) => `${text(key)}N;`),
      ...Array.from({ length: 10_000 }, (_, place) => `i:${place};R:${slot + 1};`),
    ]),
  "properties of 16 KB that differ at their ends": () =>
    object(
      "A",
      differAtTheirEnds(31, 16_400).map((key) => `${text(`\0A\0${key}`)}N;`),
    ),
  "a count that is a lie": () => "a:4000000000:{i:0;N;}",
  "a count of all that fits": () => `a:${Math.floor(partBytes / 6)}:{${"i:0;N;".repeat(80_000)}}`,
  "a length that is a lie": () => 's:99999999999999999999:"x";',
  "a number of 400 KB": () => `i:${"9".repeat(400_000)};`,
  "a float of 400 KB": () => `d:0.${"9".repeat(400_000)};`,
  "floats of 300 digits": () => filled([], () => `d:0.${"123456789".repeat(33)}E-300;`),
  "integers beyond what a number holds": () => filled([], () => "i:9223372036854775807;"),
  "empty arrays": () => filled([], () => "a:0:{}"),
  "empty arrays, and a reference": (slot) =>
    filled(["N;"], (place) => (place === 9 ? `R:${slot + 1};` : "a:0:{}")),
  "empty objects": () => filled([], () => 'O:1:"A":0:{}'),
  "objects with a private property": () => filled([], () => object("A", [`${text("\0A\0p")}N;`]), 2),
  "private properties of one long class": () =>
    object(
      "A".repeat(8_000),
      pairsFilled([], (place) => `${text(`\0*\0p${place}`)}N;`, 1, 20_000),
    ),
  "properties of many classes": () =>
    object(
      "A",
      pairsFilled([], (place) => `${text(`\0B${place}\0p`)}N;`),
    ),
  "properties of many classes, each named name": () =>
    object(
      "A",
      pairsFilled([], (place) => `${text(`\0B${place}\0name`)}N;`),
    ),
  serializables: () => filled([], () => 'C:1:"A":0:{}'),
  "serializables by r": (slot) => filled(['C:1:"A":0:{}'], () => `r:${slot + 1};`),
  "a serializable of 400 KB": (slot) =>
    filled([`C:1:"A":400000:{${"x".repeat(400_000)}}`], () => `r:${slot + 1};`),
  enums: () => filled([], () => 'E:3:"A:B";'),
  "objects of a long class": () => filled([], () => object("A".repeat(8_000), [])),
  "enums of a long case": (slot) => filled([`E:250002:"A:${long}";`], () => `r:${slot + 1};`),
  "lists as deep as may be": () =>
    filled([], () => `${"a:1:{i:0;".repeat(maxDepth - 10)}N;${"}".repeat(maxDepth - 10)}`, maxDepth),
  "lists as deep as may be, with references": (slot) =>
    filled(
      ["N;"],
      () => `${"a:1:{i:0;".repeat(maxDepth - 10)}R:${slot + 1};${"}".repeat(maxDepth - 10)}`,
      maxDepth,
    ),
  "rare values inside lists as deep as may be": () => {
    const deep = maxDepth - 10;
    return `${"a:2:{i:0;".repeat(deep)}${array(pairsFilled([], (place) => `i:${place};E:3:"A:B";`, 1, 20_000))}${"i:1;N;}".repeat(deep)}`;
  },
  "references where lists are as deep as may be": () => {
    const deep = maxDepth - 10;
    return `${"a:2:{i:0;".repeat(deep)}${array(pairsFilled([], (place) => `i:${place};R:3;`, 1, 40_000))}${"i:1;N;}".repeat(deep)}`;
  },
  "objects where lists are as deep as may be": () => {
    const deep = maxDepth - 10;
    return `${"a:2:{i:0;".repeat(deep)}${array(pairsFilled([], (place) => `i:${place};O:1:"A":0:{}`, 1, 25_000))}${"i:1;N;}".repeat(deep)}`;
  },
};

/** In `php_serialize` a session is a value itself, and has the first slot. */
function session(handler: TextHandler, place: Place, part: (slot: number) => string): string {
  const first = handler === "php_serialize" ? 3 : 2;
  const user = (rest: readonly string[]) => {
    const pairs = [`${text("name")}${text("alice")}`, ...rest];
    return place === "in a wanted object" ? object("User", pairs) : array(pairs);
  };
  const variables: [string, string][] = [["authenticated", "b:1;"]];
  if (place === "in what is not wanted") {
    variables.push(["user", user([])], ["x", part(first + 2)]);
  } else variables.push(["user", user([text("x") + part(first + 2)])]);
  return inFormOf(handler, variables);
}

function inFormOf(handler: TextHandler, variables: readonly (readonly [string, string])[]): string {
  if (handler === "php_serialize") return array(variables.map(([name, value]) => text(name) + value));
  const name =
    handler === "php" ? (of: string) => `${of}|` : (of: string) => String.fromCharCode(of.length) + of;
  return variables.map(([of, value]) => name(of) + value).join("");
}

/** Sessions of many variables: their names and what they refer to. */
function* ofManyVariables(handler: TextHandler): Generator<[string, string]> {
  const login: [string, string][] = [
    ["authenticated", "b:1;"],
    ["user", array([`${text("name")}${text("alice")}`])],
  ];
  const room = maxSessionBytes - 300;
  const first = handler === "php_serialize" ? 2 : 1;
  for (const [name, value] of [
    ["many variables", "N;"],
    ["many variables that refer to one", `R:${first};`],
    ["many variables with the user's name by reference", `R:${first + 2};`],
  ] as const) {
    const each = handler === "php_serialize" ? 16 : 7;
    const count = Math.floor(room / (each + value.length));
    const more = Array.from({ length: count }, (_, place): [string, string] => [
      place.toString(36).padStart(4, "v"),
      value,
    ]);
    yield [name, inFormOf(handler, [...login, ...more])];
  }
  const count = Math.floor(room / 60);
  const again = Array.from({ length: count }, (): [string, string] => login[1] as [string, string]);
  yield ["one variable again and again", inFormOf(handler, [...login, ...again])];
}

/** Each costly part in each place. */
export function* hostileTextSessions(handler: TextHandler): Generator<HostileText> {
  for (const place of places) {
    for (const [name, part] of Object.entries(parts)) {
      yield hostile(`${name}, ${place}`, handler, session(handler, place, part));
    }
  }
  for (const [name, text] of ofManyVariables(handler)) yield hostile(name, handler, text);
}

/** What is costly for the formats, with less of it where a layer makes it longer. */
const worst = [
  "one long text by R again and again",
  "lists as deep as may be, with references",
  "empty objects",
  "integers that collide",
  "floats of 300 digits",
];

const literalsAlone: Readonly<Partial<Record<LayerName, (bytes: Buffer) => Buffer>>> = {
  zlib: (bytes) => deflateSync(bytes, { level: 0 }),
  deflate: (bytes) => deflateRawSync(bytes, { level: 0 }),
  base64: (bytes) => Buffer.from(bytes.toString("base64")),
  serialize: (bytes) => Buffer.from(text(bytes.toString("latin1")), "latin1"),
  lzf: (bytes) => lzf(bytes, 32),
  lz4: (bytes) => lz4(bytes),
};

/** Literals by as many as this, which are what takes longest if they are few. */
function lzf(bytes: Buffer, run: number): Buffer {
  const stream: Buffer[] = [];
  for (let from = 0; from < bytes.length; from += run) {
    const literals = bytes.subarray(from, from + run);
    stream.push(Buffer.of(literals.length - 1), literals);
  }
  return Buffer.concat(stream);
}

/** phpredis' header and this block, which makes so many bytes. */
function lz4Block(block: Buffer, length: number): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32LE(length, 1);
  let crc = 0xff;
  for (const byte of header.subarray(1)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? ((crc << 1) ^ 0x31) & 0xff : (crc << 1) & 0xff;
  }
  header[0] = crc;
  return Buffer.concat([header, block]);
}

function lz4(bytes: Buffer): Buffer {
  const more = bytes.length - 15;
  const length = Buffer.concat([Buffer.alloc(Math.floor(more / 255), 255), Buffer.of(more % 255)]);
  return lz4Block(Buffer.concat([Buffer.of(0xf0), length, bytes]), bytes.length);
}

/** A literal and a match of four again and again, and five literals: as many steps as there can be. */
function lz4OfSmallSteps(): Buffer {
  const steps = 104_000;
  const block = Buffer.concat([
    Buffer.from("\x10a\x01\0".repeat(steps), "latin1"),
    Buffer.from("\xc0aaaaaaaaaaaa", "latin1"),
  ]);
  return lz4Block(block, 5 * steps + 12);
}

/** Values in layers, each of which makes as much, or takes as many steps, as it can. */
export function* hostileLayers(): Generator<HostileText> {
  const stacks: (readonly LayerName[])[] = [
    ...(["zlib", "deflate", "lzf", "lz4", "base64", "serialize"] as const).map((layer) => [layer]),
    ["base64", "zlib", "lzf", "lz4"],
    ["lz4", "lzf", "zlib", "deflate"],
    ["serialize", "serialize", "serialize", "serialize"],
    ["lzf", "lzf", "lzf", "lzf"],
  ];
  for (const layers of stacks) {
    for (const part of worst) {
      const whole = session("php", "in a wanted object", parts[part] as (slot: number) => string);
      const bytes = layers.reduceRight<Buffer>(
        (inner, layer) => literalsAlone[layer]?.(inner) ?? inner,
        Buffer.from(whole, "latin1"),
      );
      yield { name: `${part}, in layers`, handler: "php", layers, bytes: checked(bytes) };
    }
  }
  const zeros = Buffer.alloc(64 * maxSessionBytes);
  for (const [layer, name, bytes] of [
    ["zlib", "zeros", deflateSync(zeros)],
    ["zlib", "as many zeros as may be", deflateSync(zeros.subarray(0, maxSessionBytes))],
    ["deflate", "empty blocks", Buffer.from(`${"\0\0\0\xff\xff".repeat(200_000)}\x03\0`, "latin1")],
    ["lzf", "literals one by one", lzf(Buffer.alloc(maxSessionBytes), 1)],
    ["lzf", "short matches", Buffer.from(`\0a${" \0".repeat(174_000)}`, "latin1")],
    ["lzf", "long matches", Buffer.from(`\0a${"\xe0\xff\0".repeat(1_985)}`, "latin1")],
    ["lz4", "a literal and a match again and again", lz4OfSmallSteps()],
    ["serialize", "no text", Buffer.from(parts["empty objects"]?.(1) ?? "", "latin1")],
    ["yii2", "no text", Buffer.from(array([`i:0;${parts["empty objects"]?.(2)}`, "i:1;N;"]), "latin1")],
    ["base64", "no base64", Buffer.from(`${"A".repeat(maxWrappedBytes - 1)}!`)],
  ] as const) {
    yield { name, handler: "php", layers: [layer], bytes };
    yield { name: `${name}, four times`, handler: "php", layers: [layer, layer, layer, layer], bytes };
  }
}

const nameToo = (costly: string) => `[to_array(${costly}), user.name][1]`;

/** Expressions that look at what they name as often as they can. */
const expressions = [
  "user.name | @",
  nameToo("user.x[*][*][*]"),
  nameToo("user.x[][][]"),
  nameToo("user.[x, x[], x[*].[@, @, @], x[?@ == @], {a: x, b: x[*]}]"),
  nameToo("user.x == user.x"),
  nameToo("[user.x, user.x] == [user.x, user.x]"),
  nameToo("user.x.*.*.*"),
  nameToo("to_string(user.x)"),
  nameToo("map(&to_string(@), user.x)"),
  nameToo("join(user.name, user.x)"),
  nameToo("sort(user.x)"),
  nameToo("sort(keys(user.x))"),
  nameToo("merge(user.x, user.x)"),
  nameToo("map(&[@, @][*], user.x)"),
  nameToo("map(&php_unserialize(@), user.x)"),
  nameToo("map(&json_decode(@), user.x)"),
  nameToo("map(&base64_decode(@), user.x)"),
  nameToo("php_unserialize(user.x)"),
  nameToo("php_unserialize(php_unserialize(php_unserialize(user.x)))"),
  nameToo("php_session(user.x)"),
  nameToo("json_decode(user.x)"),
  nameToo("base64_decode(base64_decode(user.x))"),
  nameToo("[php_unserialize(user.x), php_unserialize(user.x), php_unserialize(user.x)]"),
  nameToo("php_unserialize(user.x) | [@[*][*], @ == @, to_string(@)]"),
];

function textPart(inner: string): (slot: number) => string {
  return () => text(inner.slice(0, partBytes - 30));
}

/** What is costly for expressions: shared parts, and texts that functions decode. */
const expressionParts: Readonly<Record<string, (slot: number) => string>> = {
  ...Object.fromEntries(
    [
      "one long text by R again and again",
      "texts of 16 KB that differ at their ends by R again and again",
      "arrays that double",
      "one list of a thousand again and again",
      "a list that holds itself again and again",
      "empty arrays",
      "integers that collide",
      "keys that hash alike",
    ].map((name) => [name, parts[name] as (slot: number) => string]),
  ),
  "a serialized list by R again and again": (slot) =>
    filled([text(array(Array.from({ length: 40 }, (_, key) => `i:${key};N;`)))], () => `R:${slot + 1};`),
  "JSON by R again and again": (slot) => filled([text(`[${"[],".repeat(100)}0]`)], () => `R:${slot + 1};`),
  "serialized empty lists": textPart(array(pairsFilled([], (place) => `i:${place};a:0:{}`, 1, 36_000))),
  "serialized references": textPart(filled([text("x".repeat(100_000))], () => "R:2;", 1.3)),
  "serialized arrays that double": textPart(
    filled([array([])], (place) => `a:2:{i:0;R:${place + 1};i:1;R:${place + 1};}`, 3.5),
  ),
  "serialized three times": textPart(text(text(filled([], () => "a:0:{}", 3)))),
  "JSON of empty lists": textPart(`[${"[],".repeat(90_000)}0]`),
  "JSON of integers that collide": textPart(`{${collide.map((key) => `"${key}":0`)}}`),
  "JSON of keys that hash alike": textPart(`{${alike(10_500).map((key) => `"${key}":0`)}}`),
  "variables by the hundred": textPart("a|N;".repeat(99_000)),
  "base64 of base64": textPart(
    Buffer.from(Buffer.alloc(250_000, "A").toString("base64")).toString("base64").slice(0, 400_000),
  ),
};

/** Each of these with each expression. */
export function* hostileExpressions(): Generator<HostileText> {
  for (const user of expressions) {
    for (const [name, part] of Object.entries(expressionParts)) {
      yield { ...hostile(name, "php", session("php", "in a wanted array", part)), user };
    }
  }
}

function hostile(name: string, handler: TextHandler, text: string): HostileText {
  return { name, handler, layers: [], bytes: checked(Buffer.from(text, "latin1"), maxSessionBytes) };
}

function checked(bytes: Buffer, most = maxWrappedBytes): Buffer {
  if (bytes.length > most) throw new Error(`a session of ${bytes.length} bytes is refused for its size`);
  return bytes;
}
