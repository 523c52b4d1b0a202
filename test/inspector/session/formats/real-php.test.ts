// Our decoders against PHP itself: what PHP writes we read as PHP means it, and what we read PHP reads as we
// do.

// biome-ignore-all lint/suspicious/noControlCharactersInRegex: binary formats consist of them

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";
import { search } from "@aws-lambda-powertools/jmespath";
import { expressionTree } from "../../../../inspect/expression-tree.ts";
import { printDocument } from "../../../../inspect/print-document.ts";
import { toDocument } from "../../../../inspector/session/document.ts";
import { decoders } from "../../../../inspector/session/formats/formats.ts";
import {
  PhpArray,
  PhpEnum,
  PhpObject,
  PhpSerializable,
  type PhpSession,
  type PhpValue,
} from "../../../../inspector/session/model.ts";
import { UnreadableSessionError } from "../../../../inspector/session/unreadable.ts";
import { wantedBy, whoIsLoggedIn } from "../../../../inspector/who.ts";
import { missing, needing } from "../../../real/parts.ts";
import { type Handler, handlers, handMade, mutant, randomNumbers } from "./mutants.ts";

const skip = missing("php");

const script = fileURLToPath(new URL("random-sessions.php", import.meta.url));

function runPhp(mode: readonly string[], input = "") {
  return spawnSync("php", ["-d", "memory_limit=1G", script, ...mode], {
    input,
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    timeout: 60_000,
  });
}

const answersIn = (stdout: string): Record<string, unknown>[] =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

/** Random sessions that PHP wrote, and what it reads in them again. */
function write(handler: Handler): Record<string, unknown>[] {
  const answers: Record<string, unknown>[] = [];
  for (let seed = 1; seed <= samplesEach / samplesOfSeed; seed++) {
    const run = runPhp(["write", handler, String(seed), String(samplesOfSeed)]);
    // By an invalid pointer msgpack can end PHP itself, when it reads what it has written.
    if (handler === "msgpack" && run.signal !== null) continue;
    assert.equal(run.status, 0, run.stderr);
    answers.push(...answersIn(run.stdout));
  }
  return answers;
}

/** What PHP reads in these sessions, none of which may end it. */
function read(handler: Handler, sessions: readonly Buffer[]): Record<string, unknown>[] {
  const lines = sessions.map((bytes) => `${bytes.toString("base64")}\n`);
  const run = runPhp(["read", handler], lines.join(""));
  assert.equal(run.status, 0, `${run.signal} ${run.stderr}`);
  return answersIn(run.stdout);
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

/** The session, or the code that says why it cannot be read. */
function decoded(handler: Handler, bytes: Buffer): PhpSession | string {
  try {
    return decoders[handler](bytes);
  } catch (error) {
    assert.ok(error instanceof UnreadableSessionError, `threw ${error}`);
    return error.code;
  }
}

const textParts = [
  "C:3:",
  "E:10:",
  "R:",
  "r:",
  "d:NAN;",
  "d:-INF;",
  "d:-0;",
  "O:8:",
  'O:8:"Customer"',
  "\0*\0",
];

/** What the samples must hold, so that they show something. */
const parts: Readonly<Record<Handler, readonly string[]>> = {
  php: textParts,
  php_binary: textParts,
  php_serialize: textParts,
  igbinary: [
    "%\x01",
    "%\x22",
    "%\x14",
    "\x17\x08Customer",
    "\x0e",
    "'",
    "\x1d",
    "\0*\0",
    "\x0c\xff\xf0",
    "\x21",
  ],
  msgpack: [
    "\xc0\x01",
    "\xc0\x02\0",
    "\xc0\x03\xa3Leg",
    "\xc0\x04\0",
    "\xc0\x05\0",
    "\xa8Customer",
    "\0*\0",
    "\xd3",
  ],
};

const samplesEach = 2000;
const printedEach = 300;
const samplesOfSeed = 250;
const mutantsEach = 20_000;

for (const handler of handlers) {
  describe(`the decoder of ${handler}, beside PHP`, () => {
    const { it } = needing("php");
    const samples = skip
      ? []
      : write(handler).map(({ bytes, means, endless }) => ({
          bytes: Buffer.from(String(bytes), "base64"),
          means: endless === true ? undefined : printed(means),
        }));

    it("reads random sessions as PHP means them", () => {
      assert.ok(
        samples.length >= (handler === "msgpack" ? samplesEach / 2 : samplesEach),
        `${samples.length}`,
      );
      let unclear = 0;
      let endless = 0;
      for (const { bytes, means } of samples) {
        const session = decoded(handler, bytes);
        // PHP's msgpack follows pointers that are not valid any more, and finds other things than it wrote.
        if (handler === "msgpack" && (session === "uncertain-reference" || session === "bad-reference"))
          unclear++;
        else if (means === undefined) endless++;
        else {
          const shown = JSON.stringify(bytes.toString("latin1"));
          assert.ok(typeof session === "object", `${session}: ${shown}`);
          assert.equal(printed(toDocument(session)), means, shown);
        }
      }
      assert.ok(unclear < samplesEach / 3, `${unclear} sessions are unclear`);
      assert.ok(endless < samplesEach / 6, `${endless} sessions hold themselves`);
      const all = samples.map(({ bytes }) => bytes.toString("latin1")).join("");
      for (const part of parts[handler]) {
        assert.ok(all.includes(part), `no sample holds ${JSON.stringify(part)}`);
      }
    });

    if (handler === "igbinary" || handler === "msgpack") {
      it("finds who is logged in with each of them, whatever is in doubt beside the login", () => {
        const expressions = { authenticated: "authenticated", user: "user.name" };
        const wanted = wantedBy(expressions);
        for (const { bytes } of samples) {
          const who = whoIsLoggedIn(decoders[handler](bytes, wanted), expressions, 0, wanted);
          assert.deepEqual(who, { userName: "alice" }, JSON.stringify(bytes.toString("latin1")));
        }
      });
    }

    it("prints random sessions as PHP means them, and names each value by an expression that finds it", () => {
      let values = 0;
      for (const { bytes, means } of samples.slice(0, printedEach)) {
        const session = decoded(handler, bytes);
        if (typeof session !== "object" || means === undefined) continue;
        const document = toDocument(session);
        const print = printDocument(document, true) ?? "";
        assert.equal(printed(JSON.parse(print)), means, JSON.stringify(bytes.toString("latin1")));
        for (const { path, isExpression, value } of expressionTree(document, true) ?? []) {
          if (!isExpression) continue;
          values++;
          assert.ok(Object.is(search(path, document as never), value), path);
        }
      }
      assert.ok(values > printedEach, `${values}`);
    });

    it("reads nothing that PHP refuses, and nothing in another sense", () => {
      const bases = [
        ...samples.map(({ bytes }) => bytes.toString("latin1")).filter((text) => text.length < 600),
        ...Array.from({ length: 40 }, () => handMade[handler]).flat(),
      ];
      const random = randomNumbers(1);
      const cases: { bytes: Buffer; session: PhpSession }[] = [];
      for (let made = 0; made < mutantsEach; made++) {
        const bytes = Buffer.from(mutant(handler, bases, random), "latin1");
        const session = decoded(handler, bytes);
        if (typeof session === "object" && dependsOnPhpAlone(handler, bytes, session)) {
          cases.push({ bytes, session });
        }
      }
      const verdicts = read(
        handler,
        cases.map(({ bytes }) => bytes),
      );
      assert.equal(verdicts.length, cases.length);
      for (const [index, { bytes, session }] of cases.entries()) {
        const verdict = verdicts[index];
        const shown = JSON.stringify(bytes.toString("latin1"));
        assert.ok(verdict && !verdict.refused, `PHP refuses ${shown}`);
        if (verdict.endless === true) continue;
        assert.equal(printed(toDocument(session)), printed(verdict.means), shown);
      }
      assert.ok(cases.length > 2000, `only ${cases.length} mutants could be compared`);
    });
  });
}

/** Whether a class can be what it says depends on the application: only the PHP script's classes count. */
function dependsOnPhpAlone(handler: Handler, bytes: Buffer, session: PhpSession): boolean {
  const text = bytes.toString("latin1");
  if (handler === "igbinary" || handler === "msgpack") {
    const isKnown = [...kindsIn(session)].every((kind) => knownKinds.has(kind));
    return isKnown && !(handler === "igbinary" ? confusesIgbinary(text) : confusesMsgpack(text));
  }
  // PHP does not tell any more which keys were ints and which were strings: see property-names.ts.
  if (/"(?:Ghost|Packed)"/.test(text) && /s:\d+:"-?\d+"/.test(text) && text.includes("\0")) return false;
  const names = text.matchAll(/[CEO]:\d+:"[^"]*"/g);
  return [...names].every(([name]) => knownNames.has(name));
}

/**
 * What a variable named by an int holds is not in the session, and yet PHP refuses it. And where igbinary
 * never writes the string "5", in the array of a class with __unserialize(), PHP finds nothing under 5.
 */
function confusesIgbinary(text: string): boolean {
  if (text.includes("Packed") && /\x11.(?:0|-?[1-9]\d*)/s.test(text)) return true;
  return [...text.matchAll(/\x17(.)/gs)].some((found) => {
    const name = text.slice(found.index + 2, found.index + 2 + (found[1] ?? "").charCodeAt(0));
    return !["stdClass", "Packed", "Ghost", "Leg", "Role", "Suit", "Person", "Customer"].includes(name);
  });
}

/**
 * What an object's class makes of its bytes in msgpack: only a class with __unserialize() takes an array, and
 * only one without takes properties. And msgpack 2 knows no enums.
 */
function confusesMsgpack(text: string): boolean {
  return /Packed(?!\xc0)|(?:stdClass|Ghost)\xc0|\xc0\x06/.test(text);
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
const knownKinds = new Set([
  "object stdClass",
  "object Packed",
  "object Ghost",
  "serializable Leg",
  "enum Role::Admin",
  "enum Role::Guest",
  "enum Suit::Hearts",
  "enum Suit::Spades",
]);

function kindsIn(session: PhpSession): Set<string> {
  const kinds = new Set<string>();
  const met = new Set<PhpValue>();
  const waiting: PhpValue[] = [...session.variables.values()];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== "object" || value === null || met.has(value)) continue;
    met.add(value);
    if (value instanceof PhpArray) waiting.push(...value.entries.values());
    else if (value instanceof PhpEnum) kinds.add(`enum ${value.className}::${value.caseName}`);
    else if (value instanceof PhpSerializable) kinds.add(`serializable ${value.className}`);
    else if (value instanceof PhpObject) {
      kinds.add(`object ${value.className}`);
      for (const property of value.properties.values()) waiting.push(property.value);
    }
  }
  return kinds;
}
