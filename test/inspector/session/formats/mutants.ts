// Damaged sessions: small ones of each serialize handler, and changes that keep many of them readable. Seeded:
// one seed gives the same cases in every run.

// biome-ignore-all lint/suspicious/noControlCharactersInRegex: binary formats consist of them

import type { SerializeHandler } from "../../../../inspector/session/formats/formats.ts";

export type Handler = SerializeHandler;

export const handlers: readonly Handler[] = ["php", "php_binary", "php_serialize", "igbinary", "msgpack"];

/** mulberry32. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of the bases, one char a byte, with one to three changes. */
export function mutant(handler: Handler, bases: readonly string[], random: () => number): string {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const changes = changesOf[handler];
  let text = pick(bases);
  for (let steps = 1 + Math.floor(random() * 3); steps > 0; steps--) {
    const change = pick(changes);
    const places = [...text.matchAll(change.where)];
    const place = places.length > 0 ? pick(places) : undefined;
    if (!place) continue;
    const replacement = change.to === "other" ? pick(bases) : pick(change.to);
    text = text.slice(0, place.index) + replacement + text.slice(place.index + place[0].length);
  }
  return text;
}

interface Change {
  readonly where: RegExp;
  readonly to: readonly string[] | "other";
}

const anyBytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
const fewNumbers = anyBytes.slice(0, 10);

const scalars = [
  "N;",
  "b:0;",
  "i:7;",
  "i:-1;",
  "d:0.5;",
  's:1:"x";',
  's:1:"\xff";',
  "a:0:{}",
  'O:5:"Ghost":0:{}',
];
const references = fewNumbers.flatMap((_, slot) => [`R:${slot}`, `r:${slot}`]);
const textChanges: readonly Change[] = [
  { where: /(?:N|b:[01]|[idRr]:[^;]*);/g, to: references.map((reference) => `${reference};`) },
  { where: /N;/g, to: references.map((reference) => `${reference};`) },
  { where: /(?:N|b:[01]|[idRr]:[^;]*);/g, to: scalars },
  { where: /[Rr]:\d+/g, to: references },
  {
    where: /i:-?\d+;/g,
    to: ["i:0;", "i:1;", 's:1:"0";', 's:1:"1";', "i:2;", 's:2:"-1";', 's:2:"-0";', "i:-1;"],
  },
  { where: /i:-?\d+;/g, to: ["i:9223372036854775807;", "i:9223372036854775808;", "i:-9223372036854775808;"] },
  {
    where: /i:-?\d+;/g,
    to: ['s:19:"9223372036854775807";', 's:20:"-9223372036854775808";', "i:+1;", "i:01;"],
  },
  {
    where: /d:[^;]*/g,
    to: ["d:1e5", "d:1.5E-7", "d:.5", "d:5.", "d:-0", "d:00.1", "d:1E400", "d:-INF", "d:-NAN"],
  },
  { where: /\d/g, to: ["0", "1", "2", "3", "5", "9", "10"] },
  {
    where: /s:1:"."/gs,
    to: ['s:1:"a"', 's:1:"b"', 's:4:"\0A\0b"', 's:4:"\0*\0b"', 's:2:"\0b"', 's:3:"\0A\0"'],
  },
  { where: /O:\d+:"[^"]*"/g, to: ['O:8:"stdClass"', 'O:5:"Ghost"', 'O:6:"Packed"'] },
  { where: /^/g, to: "other" },
  { where: /$/g, to: "other" },
  { where: /./gs, to: anyBytes },
  { where: /./gs, to: ["", ";", "}", "{", ":", '"', "|", "a", "\\", "\0"] },
  { where: /(?:)/g, to: anyBytes },
];

const igbinaryReferences = fewNumbers.flatMap((n) => [`\x01${n}`, `\x22${n}`, `%\x01${n}`, `%\x22${n}`]);
const igbinaryValues = ["\0", "\x04", "\x05", "\x06\x09", "\x07\x01", "\x0d", "\x14\0", "\x11\x01x", "%\x05"];
const igbinaryChanges: readonly Change[] = [
  { where: /[\0\x04\x05\x0d]|\x06./gs, to: igbinaryReferences },
  { where: /%?[\x01\x22]./gs, to: igbinaryReferences },
  { where: /[\0\x04\x05\x0d]|\x06./gs, to: igbinaryValues },
  { where: /[\x06\x07]./gs, to: ["\x08\x01\0", "\x08\0\x01", "\x07\0", "\x0a\xff\xff\xff\xff", "\x06\0"] },
  {
    where: /[\x06\x07]./gs,
    to: ["\x20\x7f\xff\xff\xff\xff\xff\xff\xff", "\x20\x80\0\0\0\0\0\0\0", "\x21\x80\0\0\0\0\0\0\0"],
  },
  { where: /\x0e./gs, to: fewNumbers.map((n) => `\x0e${n}`) },
  { where: /[\x11\x14\x17]./gs, to: ["\x11\x01", "\x11\0", "\x14\0", "\x14\x01", "\x14\x02", "\x14\x03"] },
  { where: /\x11\x01./gs, to: ["\x11\x01a", "\x11\x01b", "\x11\x015", "\x11\x04\0A\0b", "\x11\x04\0*\0b"] },
  { where: /\x14.*$/gs, to: "other" },
  { where: /(?<=.{4})./gs, to: anyBytes },
  { where: /(?<=.{4})./gs, to: ["", "%", "\0", "\x01", "\x02", "\x0d", "\x0e"] },
  { where: /(?:)/g, to: anyBytes },
];

const msgpackReferences = fewNumbers.flatMap((n) =>
  ["\x02", "\x04", "\x05"].map((type) => `\x82\xc0${type}\0${n}`),
);
const msgpackValues = ["\xc0", "\xc2", "\xc3", "\x07", "\xff", "\xa0", "\x90", "\xa1x", "\x81\xa1k\xc3"];
const msgpackChanges: readonly Change[] = [
  { where: /[\xc2\xc3\x07\xff]/g, to: msgpackReferences },
  { where: /\x82\xc0[\x02\x04\x05]\0./gs, to: msgpackReferences },
  { where: /[\xc2\xc3\x07\xff]/g, to: msgpackValues },
  {
    where: /[\xc2\xc3\x07]/g,
    to: ["\xcc\xff", "\xcc\x05", "\xd0\x80", "\xd1\x80\0", "\xce\xff\xff\xff\xff"],
  },
  {
    where: /[\xc2\xc3\x07]/g,
    to: ["\xcf\x80\0\0\0\0\0\0\0", "\xd3\x80\0\0\0\0\0\0\0", "\xca\x3f\0\0\0", "\xd9\x01x"],
  },
  { where: /[\x80-\x9f]/g, to: ["\x80", "\x81", "\x82", "\x83", "\x84", "\x90", "\x91", "\x92"] },
  { where: /\xa1./gs, to: ["\xa1a", "\xa1b", "\xa15", "\x05", "\xa4\0A\0b", "\xa4\0*\0b", "\xa0"] },
  { where: /\xa1[a-z]\xc3/g, to: ["\xc0\x01", "\xc0\xa8stdClass", "\xc0\xa5Ghost", "\xc0\xa6Packed"] },
  { where: /\x81(?=\xa1)/g, to: ["\x82\xc0\x01", "\x82\xc0\xa8stdClass", "\x83\xc0\x01\xc0\xa8stdClass"] },
  { where: /[\x81-\x8f].*$/gs, to: "other" },
  { where: /./gs, to: anyBytes },
  { where: /./gs, to: ["", "\xc0", "\xc0\x01", "\0", "\x01", "\x02"] },
  { where: /(?:)/g, to: anyBytes },
];

const changesOf: Readonly<Record<Handler, readonly Change[]>> = {
  php: textChanges,
  php_binary: textChanges,
  php_serialize: textChanges,
  igbinary: igbinaryChanges,
  msgpack: msgpackChanges,
};

/** Small sessions about references, whose numbers stay in reach of the changes above: [name, value]s. */
const handMadeTexts: readonly (readonly (readonly [string, string])[])[] = [
  [
    ["a", "N;"],
    ["b", "N;"],
    ["c", "N;"],
    ["d", "N;"],
  ],
  [
    ["a", "a:2:{i:0;i:1;i:1;N;}"],
    ["b", 'O:8:"stdClass":1:{s:1:"x";N;}'],
    ["c", "N;"],
    ["d", "N;"],
  ],
  [
    ["a", 'O:8:"stdClass":2:{s:1:"a";O:8:"stdClass":1:{s:1:"b";N;}s:1:"b";N;}'],
    ["b", "N;"],
    ["c", "a:3:{i:0;N;i:1;N;i:2;N;}"],
  ],
  [
    ["a", "a:1:{i:0;a:1:{i:0;a:1:{i:0;N;}}}"],
    ["b", 'a:2:{s:1:"a";N;s:1:"b";N;}'],
  ],
  [
    ["a", 'E:10:"Role:Admin";'],
    ["b", "N;"],
    ["c", 'a:2:{i:0;N;i:1;E:10:"Role:Admin";}'],
    ["d", "N;"],
  ],
  [
    ["a", 'O:6:"Packed":3:{i:0;N;s:1:"b";N;s:4:"\0A\0b";i:5;}'],
    ["b", "N;"],
    ["c", "N;"],
  ],
  [
    ["a", "i:1;"],
    ["a", "N;"],
    ["b", "a:3:{i:0;i:1;i:0;N;i:1;N;}"],
  ],
  [
    ["a", 'O:8:"stdClass":0:{}'],
    ["b", 'C:3:"Leg":6:{i:1;N;}'],
    ["c", "N;"],
    ["d", 'O:8:"stdClass":0:{}'],
    ["e", "N;"],
  ],
  [
    ["a", 'O:5:"Ghost":2:{s:1:"a";N;s:1:"b";d:0.25;}'],
    ["b", "N;"],
  ],
];

const igbinaryStart = "\0\0\0\x02";

/** The same things in the binary formats, and what only they have. */
export const handMade: Readonly<Record<Handler, readonly string[]>> = {
  php: handMadeTexts.map((variables) => variables.map(([name, value]) => `${name}|${value}`).join("")),
  php_binary: handMadeTexts.map((variables) =>
    variables.map(([name, value]) => String.fromCharCode(name.length) + name + value).join(""),
  ),
  php_serialize: handMadeTexts.map((variables) => {
    const pairs = variables.map(([name, value]) => `s:${name.length}:"${name}";${value}`);
    return `a:${pairs.length}:{${pairs.join("")}}`;
  }),
  igbinary: [
    "\x14\x04\x11\x01a\0\x11\x01b\0\x11\x01c\0\x11\x01d\0",
    "\x14\x03\x11\x01a%\x06\x05\x11\x01b%\x01\x01\x11\x01c\0",
    "\x14\x03\x11\x01a\x14\x02\x06\0\x06\x01\x06\x01\0\x11\x01b\x17\x08stdClass\x14\x01\x11\x01x\0\x11\x01c\0",
    "\x14\x03\x11\x01a\x17\x08stdClass\x14\x02\x0e\0\x1a\x01\x14\x01\x11\x01b\0\x0e\x02\0\x11\x01c\0\x11\x01d\0",
    "\x14\x02\x11\x01a\x14\x01\x06\0\x14\x01\x06\0\x14\x01\x06\0\0\x11\x01b%\x14\x02\x0e\0\0\x0e\x01\0",
    "\x14\x03\x11\x01a\x17\x04Role'\x11\x05Admin\x11\x01b\x1a\x01'\x0e\x02\x11\x01c\x22\x01",
    "\x14\x03\x11\x01a\x17\x06Packed\x14\x03\x06\0\0\x0e\0\0\x11\x04\0A\0b\x06\x05\x11\x01b\0\x11\x01c\0",
    "\x14\x03\x11\x01a\x17\x08stdClass\x14\0\x11\x01b\x17\x03Leg\x1d\x03{a}\x11\x01c\x22\x02",
    "\x14\x03\x11\x01a\x17\x05Ghost\x14\x03\x0e\0\0\0\x11\x01b\x0c\x3f\xd0\0\0\0\0\0\0\x0e\x02\x22\x01\x11\x01c\x0d",
    "\x14\x02\x11\x01a%\x14\x01\x11\x04self%\x01\x01\x11\x01b%\x22\0",
  ].map((rest) => igbinaryStart + rest),
  msgpack: [
    "\x85\xc0\x01\xa1a\xc2\xa1b\xc3\xa1c\x07\xa1d\xc0",
    "\x84\xc0\x01\xa1a\x92\x07\xc3\xa1b\x82\xc0\xa8stdClass\xa1x\xc3\xa1c\xc2",
    "\x84\xc0\x01\xa1a\x82\xc0\xa8stdClass\xa1k\x91\xc3\xa1b\x82\xc0\x04\0\x02\xa1c\xc2",
    "\x84\xc0\x01\xa1a\x91\x91\x91\xc2\xa1b\x83\xc0\x01\xa1a\xc3\xa1b\xc2\xa1c\x82\xc0\x02\0\x05",
    "\x84\xc0\x01\xa1a\x82\xc0\xa6Packed\xc0\x93\xc3\x07\xa1x\xa1b\xc3\xa1c\xc2",
    "\x84\xc0\x01\xa1a\x81\xc0\xa8stdClass\xa1b\x82\xc0\x03\xa3Leg\xa3{a}\xa1c\x82\xc0\x04\0\x02",
    "\x83\xc0\x01\xa1a\x83\xc0\xa5Ghost\xa1a\xc3\xa1b\xcb\x3f\xd0\0\0\0\0\0\0\xa1b\x82\xc0\x04\0\x02",
    "\x83\xc0\x01\xa1a\x82\xc0\x01\xa4self\x82\xc0\x02\0\x02\xa1b\xc3",
    "\x83\xc0\x01\xa1a\x84\xc0\x01\xc0\xa8stdClass\xa1m\x82\xc0\x05\0\x02\xa1n\xc3\xa1b\xc3",
    "\x8a\xc0\x01\xa1a\x81\xa1x\xc3\xa1b\x81\xc0\xa8stdClass\xa1c\xc2\xa1d\xc2\xa1e\xc2\xa1f\xc2\xa1g\xc2\xa1h\xc2\xa1i\xc2",
  ],
};
