// Our decoder against PHP itself: what PHP writes we read as PHP means it, and what we read PHP reads as we
// do.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { toDocument } from "../../../inspector/php/document.ts";
import type { PhpSession } from "../../../inspector/php/model.ts";
import { decodePhp } from "../../../inspector/php/php-handler.ts";
import { UnreadableSessionError } from "../../../inspector/php/unreadable.ts";
import { missing } from "../../real/parts.ts";

const skip = missing("php");

const script = fileURLToPath(new URL("random-sessions.php", import.meta.url));

function php(mode: string[], input = ""): Record<string, unknown>[] {
  const run = spawnSync("php", [script, ...mode], { input, encoding: "utf8", maxBuffer: 2 ** 30 });
  assert.equal(run.status, 0, run.stderr);
  return run.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** The document as one string: keys sorted, -0 apart from 0, cycles cut as the PHP script cuts them. */
function printed(value: unknown, path: Set<unknown> = new Set()): string {
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : JSON.stringify(value);
  if (path.has(value)) return '{"$cycle":true}';
  path.add(value);
  const text = Array.isArray(value)
    ? `[${value.map((item) => printed(item, path)).join()}]`
    : `{${Object.entries(value)
        .map(([key, item]) => `${JSON.stringify(key)}:${printed(item, path)}`)
        .sort()
        .join()}}`;
  path.delete(value);
  return text;
}

function decoded(bytes: Buffer): PhpSession | undefined {
  try {
    return decodePhp(bytes);
  } catch (error) {
    assert.ok(error instanceof UnreadableSessionError, `threw ${error}`);
    return undefined;
  }
}

const samples = skip
  ? []
  : php(["write", "1", "1000"]).map(({ bytes, means }) => ({
      bytes: Buffer.from(String(bytes), "base64"),
      means: printed(means),
    }));

test("reads a thousand random sessions as PHP meant them", { skip }, () => {
  assert.equal(samples.length, 1000);
  for (const { bytes, means } of samples) {
    assert.equal(printed(toDocument(decodePhp(bytes))), means, JSON.stringify(bytes.toString("latin1")));
  }
  const all = samples.map(({ bytes }) => bytes.toString("latin1")).join("");
  for (const part of [
    "R:",
    "r:",
    "C:3:",
    "E:10:",
    "d:NAN;",
    "d:-INF;",
    "d:-0;",
    "O:8:",
    'O:8:"Customer"',
    "\0*\0",
  ]) {
    assert.ok(all.includes(part), `no sample holds ${part}`);
  }
});

test("reads nothing that PHP refuses, and nothing in another sense", { skip }, () => {
  const cases = mutants(40_000).filter(({ bytes }) => namesKnownClasses(bytes));
  const verdicts = php(["read"], cases.map(({ bytes }) => `${bytes.toString("base64")}\n`).join(""));
  assert.equal(verdicts.length, cases.length);
  for (const [index, { bytes, session }] of cases.entries()) {
    const verdict = verdicts[index];
    const shown = JSON.stringify(bytes.toString("latin1"));
    assert.ok(verdict && !verdict.refused, `PHP refuses ${shown}`);
    assert.equal(printed(toDocument(session)), printed(verdict.means), shown);
  }
  assert.ok(cases.length > 5000, `only ${cases.length} mutants could be compared`);
});

/** Whether a class can be what it says depends on the application: only the PHP script's classes count. */
function namesKnownClasses(bytes: Buffer): boolean {
  const names = bytes.toString("latin1").matchAll(/[CEO]:\d+:"[^"]*"/g);
  return [...names].every(([name]) => knownNames.has(name));
}

/** Ghost is a class that PHP lacks. Absent: classes with declared properties, whose defaults PHP fills in. */
const knownNames = new Set([
  'O:8:"stdClass"',
  'O:6:"Packed"',
  'O:5:"Ghost"',
  'C:3:"Leg"',
  'E:10:"Role:Admin"',
  'E:10:"Role:Guest"',
  'E:11:"Suit:Hearts"',
  'E:11:"Suit:Spades"',
]);

function mutants(count: number): { bytes: Buffer; session: PhpSession }[] {
  const random = randomNumbers(1);
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const bases = [
    ...samples.map(({ bytes }) => bytes.toString("latin1")).filter((text) => text.length < 2000),
    ...handMade,
    ...handMade,
  ];
  const found: { bytes: Buffer; session: PhpSession }[] = [];
  for (let made = 0; made < count; made++) {
    let text = pick(bases);
    for (let steps = 1 + Math.floor(random() * 3); steps > 0; steps--) {
      const change = pick(changes);
      const places = [...text.matchAll(change.where)];
      const place = places.length > 0 ? pick(places) : undefined;
      if (!place) continue;
      const replacement = change.to === "other" ? pick(bases) : pick(change.to);
      text = text.slice(0, place.index) + replacement + text.slice(place.index + place[0].length);
    }
    const bytes = Buffer.from(text, "latin1");
    const session = decoded(bytes);
    if (session) found.push({ bytes, session });
  }
  return found;
}

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
const references = Array.from({ length: 9 }, (_, slot) => [`R:${slot}`, `r:${slot}`]).flat();
const anyBytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
const changes: { where: RegExp; to: readonly string[] | "other" }[] = [
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

/** Small sessions about references, whose numbers stay in reach of the changes above. */
const handMade = [
  "a|N;b|N;c|N;d|N;",
  'a|a:2:{i:0;i:1;i:1;N;}b|O:8:"stdClass":1:{s:1:"x";N;}c|N;d|N;',
  'a|O:8:"stdClass":2:{s:1:"a";O:8:"stdClass":1:{s:1:"b";N;}s:1:"b";N;}b|N;c|a:3:{i:0;N;i:1;N;i:2;N;}',
  'a|a:1:{i:0;a:1:{i:0;a:1:{i:0;N;}}}b|a:2:{s:1:"a";N;s:1:"b";N;}',
  'a|E:10:"Role:Admin";b|N;c|a:2:{i:0;N;i:1;E:10:"Role:Admin";}d|N;',
  'a|O:6:"Packed":3:{i:0;N;s:1:"b";N;s:4:"\0A\0b";i:5;}b|N;c|N;',
  "a|i:1;a|N;b|a:3:{i:0;i:1;i:0;N;i:1;N;}",
  'a|O:8:"stdClass":0:{}b|C:3:"Leg":6:{i:1;N;}c|N;d|O:8:"stdClass":0:{}e|N;',
  'a|O:5:"Ghost":2:{s:1:"a";N;s:1:"b";d:0.25;}b|N;',
];

/** mulberry32: the same cases in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
