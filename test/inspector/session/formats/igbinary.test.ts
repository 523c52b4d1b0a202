import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeIgbinary } from "../../../../inspector/session/formats/igbinary.ts";
import { maxDepth, maxValues } from "../../../../inspector/session/limits.ts";
import {
  PhpArray,
  PhpEnum,
  PhpObject,
  PhpSerializable,
  type PhpValue,
} from "../../../../inspector/session/model.ts";
import type { UnreadableCode } from "../../../../inspector/session/unreadable.ts";

const start = "\0\0\0\x02";
const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

/** The variables of a session with these pairs. */
function variables(count: number, pairs: string): [string, PhpValue][] {
  return [...decodeIgbinary(bytesOf(`${start}\x14${String.fromCharCode(count)}${pairs}`)).variables];
}

/** The value of a session with one variable. */
function value(bytes: string): PhpValue | undefined {
  return variables(1, `\x11\x01v${bytes}`)[0]?.[1];
}

function refused(code: UnreadableCode, sessions: string[]): void {
  for (const session of sessions) {
    assert.throws(() => decodeIgbinary(bytesOf(session)), { name: "UnreadableSessionError", code }, session);
  }
}

const refusedValues = (code: UnreadableCode, values: string[]) =>
  refused(
    code,
    values.map((bytes) => `${start}\x14\x01\x11\x01v${bytes}`),
  );

test("no bytes and no variables are an empty session", () => {
  assert.equal(decodeIgbinary(new Uint8Array()).variables.size, 0);
  assert.deepEqual(variables(0, ""), []);
});

test("reads the versions 1 and 2, and no other", () => {
  assert.equal(decodeIgbinary(bytesOf("\0\0\0\x01\x14\0")).variables.size, 0);
  refused("malformed", ["\0\0\0\0\x14\0", "\0\0\0\x03\x14\0", "\x02\0\0\0\x14\0", "a:0:{}"]);
});

test("reads a session as igbinary 3.2 writes it", () => {
  assert.deepEqual(variables(2, "\x11\x04user\x11\x05alice\x11\x04auth\x05"), [
    ["user", "alice"],
    ["auth", true],
  ]);
});

test("reads null, booleans and floats", () => {
  assert.deepEqual([value("\0"), value("\x04"), value("\x05")], [null, false, true]);
  assert.equal(value("\x0c\x3f\xe0\0\0\0\0\0\0"), 0.5);
  assert.equal(value("\x0c\xff\xf0\0\0\0\0\0\0"), -Infinity);
  assert.ok(Number.isNaN(value("\x0c\x7f\xf8\0\0\0\0\0\0")));
});

test("reads integers of every width, exactly", () => {
  assert.deepEqual([value("\x06\0"), value("\x06\xff"), value("\x07\x01")], [0, 255, -1]);
  assert.deepEqual([value("\x08\x01\0"), value("\x09\xff\xff")], [256, -65535]);
  assert.deepEqual([value("\x0a\0\x01\0\0"), value("\x0b\xff\xff\xff\xff")], [65536, -4294967295]);
  assert.equal(value("\x20\0\0\0\x01\0\0\0\0"), 4294967296);
  assert.equal(value("\x20\0\x1f\xff\xff\xff\xff\xff\xff"), 9007199254740991);
  assert.equal(value("\x20\x7f\xff\xff\xff\xff\xff\xff\xff"), 9223372036854775807n);
  assert.equal(value("\x21\x80\0\0\0\0\0\0\0"), -9223372036854775808n);
});

test("refuses integers that igbinary does not write, and those beyond 64 bits, which it reads as 0", () => {
  refusedValues("malformed", ["\x07\0", "\x08\0\xff", "\x0a\0\0\xff\xff", "\x20\0\0\0\0\xff\xff\xff\xff"]);
  refusedValues("malformed", ["\x20\x80\0\0\0\0\0\0\0", "\x21\x80\0\0\0\0\0\0\x01"]);
});

test("reads strings of every width, and a string again by its number", () => {
  assert.equal(value("\x0d"), "");
  assert.equal(value("\x11\x03\0\xffx"), "\0\xffx");
  assert.equal(value(`\x12\x01\0${"x".repeat(256)}`), "x".repeat(256));
  assert.equal(value(`\x13\0\x01\0\0${"x".repeat(65536)}`), "x".repeat(65536));
  assert.deepEqual(variables(2, "\x11\x01a\x0e\0\x11\x01b\x0e\x01"), [
    ["a", "a"],
    ["b", "b"],
  ]);
});

test("refuses strings that igbinary does not write", () => {
  refusedValues("malformed", [
    "\x11\0",
    "\x12\0\x01x",
    "\x13\0\0\0\x01x",
    "\x0e\x01",
    "\x0f\0\0",
    "\x26\0\0\0\0\0\0\0\x01x",
  ]);
});

test("reads arrays", () => {
  const array = value("\x14\x03\x06\0\x05\x07\x08\0\x11\x01k\x14\0");
  assert.ok(array instanceof PhpArray);
  assert.deepEqual([...array.entries.keys()], [0, -8, "k"]);
  const wide = value(
    `\x15\x01\0${Array.from({ length: 256 }, (_, n) => `\x06${String.fromCharCode(n)}\0`).join("")}`,
  );
  assert.ok(wide instanceof PhpArray);
  assert.equal(wide.entries.size, 256);
});

test("refuses keys that no array of PHP has", () => {
  refusedValues("malformed", [
    "\x14\x01\x11\x015\0",
    "\x14\x02\x06\0\0\x06\0\0",
    "\x14\x01\0\0",
    "\x14\x01\x05\0",
  ]);
  refusedValues("malformed", ["\x14\x01\x0c\x3f\xe0\0\0\0\0\0\0\0", "\x14\x01\x14\0\0"]);
});

test("drops variables named by an int, as PHP does, and numbers what is in them", () => {
  assert.deepEqual(variables(2, "\x06\x05\x11\x01x\x11\x01a\x0e\0"), [["a", "x"]]);
});

test("reads objects, with private, protected and unset properties", () => {
  const object = value(
    "\x17\x04User\x14\x04\x11\x04name\x05\x11\x07\0*\0role\x06\x01\x11\x0a\0User\0pass\0\0",
  );
  assert.ok(object instanceof PhpObject);
  assert.equal(object.className, "User");
  assert.deepEqual(
    [...object.properties.values()].map(({ name, visibility }) => [name, visibility]),
    [
      ["name", "public"],
      ["role", "protected"],
      ["pass", "private"],
    ],
  );
  refusedValues("malformed", ["\x17\x01;\x14\0", "\x17\0\x14\0", "\x1a\x05\x14\0", "\x17\x04User\0"]);
});

test("of a property that __sleep() names twice, the later value counts", () => {
  const object = value("\x17\x01A\x14\x03\x11\x01b\x17\x01B\x14\0\x11\x01c\0\x0e\x02\x22\x02");
  assert.ok(object instanceof PhpObject);
  assert.deepEqual([...object.properties.keys()], ["b", "c"]);
  assert.ok(object.properties.get("b")?.value instanceof PhpObject);
  const other = value("\x17\x01A\x14\x02\x11\x01b\x06\x01\x0e\x02\x06\x02");
  assert.ok(other instanceof PhpObject);
  assert.equal(other.properties.get("b")?.value, 2);
  // Of an int that __serialize() returned there is but one.
  refusedValues("malformed", ["\x17\x01A\x14\x02\x06\x01\0\x06\x01\0"]);
});

test("reads Serializable objects and enums", () => {
  assert.deepEqual(value("\x17\x03Leg\x1d\x03a}b"), new PhpSerializable("Leg", "a}b"));
  assert.deepEqual(value("\x17\x04Role'\x11\x05Admin"), new PhpEnum("Role", "Admin"));
  refusedValues("malformed", ["\x17\x04Role'\x0d", "\x17\x04Role'\x06\x01", "\x17\x04Role'\x11\x03A\\B"]);
});

test("references name arrays, objects and flagged scalars by number, the session being 0", () => {
  const [[, a] = [], [, b] = []] = variables(2, "\x11\x01a\x14\0\x11\x01b\x01\x01");
  assert.ok(a instanceof PhpArray);
  assert.equal(a, b);
  assert.deepEqual(variables(2, "\x11\x01a%\x11\x01x\x11\x01b%\x01\x01").at(-1), ["b", "x"]);
  const [[, c] = [], [, d] = []] = variables(2, "\x11\x01c\x17\x01C\x14\0\x11\x01d%\x22\x01");
  assert.ok(c instanceof PhpObject);
  assert.equal(c, d);
});

test("an array can be inside itself", () => {
  const array = value("%\x14\x01\x11\x04self%\x01\x01");
  assert.ok(array instanceof PhpArray);
  assert.equal(array.entries.get("self"), array);
});

test("refuses references to nothing, to the session and to things of another kind", () => {
  refusedValues("bad-reference", ["\x01\x01", "\x01\0", "%\x01\0", "\x22\0", "\x01\xff", "\x02\x01\0"]);
  refusedValues("bad-reference", [
    "\x14\x02\x06\0\x14\0\x06\x01\x22\x02",
    "\x14\x02\x06\0\x14\0\x06\x01%\x01\x02",
    "\x14\x02\x06\0%\x14\0\x06\x01\x01\x02",
    "\x14\x02\x06\0\x17\x01C\x14\0\x06\x01\x01\x02",
  ]);
  refusedValues("malformed", ["%%\0", "\x02\0\x01"]);
});

test("refuses a session that is no array, and anything behind it", () => {
  refused("malformed", [`${start}\0`, `${start}\x17\x01C\x14\0`, `${start}%\x14\0`, `${start}\x14\0\0`]);
});

test("knows no other types", () => {
  for (let type = 0x26; type < 256; type++) refusedValues("malformed", [String.fromCharCode(type)]);
  for (let type = 0x1d; type <= 0x1f; type++) refusedValues("malformed", [String.fromCharCode(type)]);
});

test("cut anywhere, it is refused as truncated", () => {
  const session = `${start}\x14\x05\x11\x01a\x12\x01\0${"x".repeat(256)}\x11\x01b\x17\x01C\x14\x01\x0e\0\x0c\x3f\xe0\0\0\0\0\0\0\x11\x01d\x1a\x03\x1d\x02hi\x11\x01e\x1a\x03'\x11\x01F\x11\x01g%\x22\x01`;
  assert.equal(decodeIgbinary(bytesOf(session)).variables.size, 5);
  for (let cut = 1; cut < session.length; cut++) refused("truncated", [session.slice(0, cut)]);
});

test("refuses huge lengths and counts at once", () => {
  const huge = "\xff\xff\xff\xff";
  refusedValues("truncated", [`\x13${huge}x`, `\x16${huge}\0`, `\x19${huge}C`, `\x17\x01C\x16${huge}\0`]);
  refusedValues("truncated", [`\x17\x01C\x1f${huge}\0`]);
  refused("truncated", [`${start}\x16${huge}`]);
});

test("keeps to the limits", () => {
  const nested = (depth: number) => `${start}${"\x14\x01\x06\0".repeat(depth)}\0`;
  assert.equal(decodeIgbinary(bytesOf(nested(maxDepth))).variables.size, 0);
  refused("too-deep", [nested(maxDepth + 1), nested(100_000)]);
  const flat = `${start}\x16${String.fromCharCode(0, 1, 0x86, 0xa0)}${Array.from(
    { length: maxValues },
    (_, n) =>
      n < 65536
        ? n < 256
          ? `\x06${String.fromCharCode(n)}\0`
          : `\x08${String.fromCharCode(n >> 8, n & 255)}\0`
        : `\x0a\0${String.fromCharCode(n >> 16, (n >> 8) & 255, n & 255)}\0`,
  ).join("")}`;
  refused("too-many-values", [flat]);
  refused("too-large", [start + "\0".repeat(600_000)]);
});

/** A list of so many of this value, up to 65535: of 256 and more. */
function list(count: number, item: string): string {
  const two = (number: number) => String.fromCharCode(number >> 8, number & 255);
  const key = (place: number) => (place < 256 ? `\x06${String.fromCharCode(place)}` : `\x08${two(place)}`);
  return `\x15${two(count)}${Array.from({ length: count }, (_, place) => key(place) + item).join("")}`;
}

test("a text of 250 KB that 1200 indexes name is made once", () => {
  const text = `\x13\0\x03\xd0\x90${"x".repeat(250_000)}`;
  const user = `\x17\x04User\x14\x02\x11\x01t${text}\x11\x01x${list(1200, "\x0e\x03")}`;
  const bytes = bytesOf(`${start}\x14\x02\x11\x04user${user}\x11\x01v\0`);
  const before = process.memoryUsage().heapUsed;
  const sessions = [decodeIgbinary(bytes, [{ name: "user", inside: undefined }]), decodeIgbinary(bytes)];
  assert.ok(process.memoryUsage().heapUsed - before < 20_000_000);
  assert.ok(sessions.every(({ variables }) => variables.get("user") instanceof PhpObject));
});

test("a long key that 3000 indexes name is too costly", () => {
  const session = (length: string, key: string) =>
    `${start}\x14\x02\x11\x01a${length}${key}\x11\x01v${list(3000, "\x14\x01\x0e\x01\0")}`;
  assert.equal(decodeIgbinary(bytesOf(session("\x12\x03\xe8", "x".repeat(1000)))).variables.size, 2);
  refused("too-costly", [session("\x13\0\x03\xd0\x90", "x".repeat(250_000))]);
});

test("__proto__ is a name like any other", () => {
  assert.deepEqual(variables(1, "\x11\x09__proto__\x05"), [["__proto__", true]]);
  assert.equal(({} as Record<string, unknown>)["auth"], undefined);
});
