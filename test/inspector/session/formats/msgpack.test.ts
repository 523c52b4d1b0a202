import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeMsgpack } from "../../../../inspector/session/formats/msgpack.ts";
import { maxDepth } from "../../../../inspector/session/limits.ts";
import {
  PhpArray,
  PhpEnum,
  PhpObject,
  PhpSerializable,
  type PhpValue,
} from "../../../../inspector/session/model.ts";
import type { UnreadableCode } from "../../../../inspector/session/unreadable.ts";
import { wantedOf } from "../../../../inspector/session/wanted.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

/** The variables of a session with these pairs, 14 at most. */
function variables(count: number, pairs: string): [string, PhpValue][] {
  return [...decodeMsgpack(bytesOf(`${String.fromCharCode(0x81 + count)}\xc0\x01${pairs}`)).variables];
}

/** The value of a session with one variable. */
function value(bytes: string): PhpValue | undefined {
  return variables(1, `\xa1v${bytes}`)[0]?.[1];
}

function refused(code: UnreadableCode, sessions: string[]): void {
  for (const session of sessions) {
    assert.throws(() => decodeMsgpack(bytesOf(session)), { name: "UnreadableSessionError", code }, session);
  }
}

const refusedValues = (code: UnreadableCode, values: string[]) =>
  refused(
    code,
    values.map((bytes) => `\x82\xc0\x01\xa1v${bytes}`),
  );

test("no bytes and no variables are an empty session", () => {
  assert.equal(decodeMsgpack(new Uint8Array()).variables.size, 0);
  assert.equal(decodeMsgpack(bytesOf("\x90")).variables.size, 0);
});

test("reads a session as PHP's msgpack 2.2 writes it", () => {
  assert.deepEqual(variables(2, "\xa4user\xa5alice\xa4auth\xc3"), [
    ["user", "alice"],
    ["auth", true],
  ]);
});

test("reads null, booleans and floats", () => {
  assert.deepEqual([value("\xc0"), value("\xc2"), value("\xc3")], [null, false, true]);
  assert.equal(value("\xcb\x3f\xe0\0\0\0\0\0\0"), 0.5);
  assert.equal(value("\xca\x3f\0\0\0"), 0.5);
  assert.equal(value("\xcb\xff\xf0\0\0\0\0\0\0"), -Infinity);
});

test("reads integers of every width, exactly", () => {
  assert.deepEqual([value("\0"), value("\x7f"), value("\xe0"), value("\xff")], [0, 127, -32, -1]);
  assert.deepEqual([value("\xcc\x80"), value("\xcd\x01\0"), value("\xce\0\x01\0\0")], [128, 256, 65536]);
  assert.deepEqual([value("\xd0\x80"), value("\xd0\xdf"), value("\xd1\xff\x7f")], [-128, -33, -129]);
  assert.deepEqual([value("\xd2\xff\xff\x7f\xff"), value("\xcf\0\0\0\x01\0\0\0\0")], [-32769, 4294967296]);
  assert.equal(value("\xd3\xff\xff\xff\xff\x7f\xff\xff\xff"), -2147483649);
  assert.equal(value("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), 9223372036854775807n);
  assert.equal(value("\xd3\x80\0\0\0\0\0\0\0"), -9223372036854775808n);
});

test("refuses integers that the extension does not write", () => {
  refusedValues("malformed", ["\xcc\x7f", "\xcd\0\xff", "\xce\0\0\xff\xff", "\xcf\0\0\0\0\xff\xff\xff\xff"]);
  refusedValues("malformed", ["\xd0\xe0", "\xd0\x01", "\xd1\xff\x80", "\xd2\xff\xff\x80\0"]);
  refusedValues("malformed", ["\xd3\xff\xff\xff\xff\x80\0\0\0", "\xcf\x80\0\0\0\0\0\0\0"]);
});

test("reads strings of every width", () => {
  assert.equal(value("\xa0"), "");
  assert.equal(value("\xa3\0\xffx"), "\0\xffx");
  for (const [head, length] of [
    ["\xd9\x20", 32],
    ["\xda\0\x20", 32],
    ["\xda\x01\0", 256],
    ["\xdb\0\x01\0\0", 65536],
  ] as const) {
    assert.equal(value(head + "x".repeat(length)), "x".repeat(length));
  }
  refusedValues("malformed", ["\xd9\x01x", "\xda\0\x01x", "\xdb\0\0\0\x01x"]);
});

test("reads lists and arrays", () => {
  const list = value("\x93\x07\xa1x\x90");
  assert.ok(list instanceof PhpArray);
  assert.deepEqual([...list.entries.keys()], [0, 1, 2]);
  const array = value("\x83\x05\xc3\xf8\xc2\xa1k\xc0");
  assert.ok(array instanceof PhpArray);
  assert.deepEqual(
    [...array.entries],
    [
      [5, true],
      [-8, false],
      ["k", null],
    ],
  );
  const wide = value(`\xdc\0\x10${"\xc0".repeat(16)}`);
  assert.ok(wide instanceof PhpArray);
  assert.equal(wide.entries.size, 16);
});

test("refuses maps that are no array of PHP", () => {
  refusedValues("malformed", [
    "\x81\xa15\xc0",
    "\x80",
    "\x82\xa1a\xc0\xa1a\xc0",
    "\x82\xa15\xc0\x05\xc0",
    "\x81\xc3\xc0",
    "\x81\x90\xc0",
  ]);
  refusedValues("malformed", [
    "\x82\xa1a\xc0\xc0\x01",
    "\x81\xc0\xc3",
    "\x81\xc0\xc0",
    "\x81\xc0\x90",
    "\x81\xc0\x01",
  ]);
  refusedValues("malformed", ["\x82\xc0\x07\0\x01", "\x82\xc0\0\0\x01", "\x83\xc0\x01\xc0\x01\xa1a\xc0"]);
});

test("refuses types that the extension does not write", () => {
  for (const bytes of ["\xc1", "\xc4\x01x", "\xc7\x01xx", "\xd4xx", "\xd8", "\xc6"])
    refusedValues("malformed", [bytes]);
});

test("drops variables named by an int, as PHP does, and numbers what is in them", () => {
  const [[name, object] = []] = variables(2, "\x05\x81\xc0\xa8stdClass\xa1a\x82\xc0\x04\0\x02");
  assert.equal(name, "a");
  assert.ok(object instanceof PhpObject);
});

test("reads objects", () => {
  const object = value("\x84\xc0\xa4User\xa4name\xc3\xa7\0*\0role\x01\xaa\0User\0pass\xc0");
  assert.ok(object instanceof PhpObject);
  assert.deepEqual(
    [...object.properties.values()].map(({ name, visibility }) => [name, visibility]),
    [
      ["name", "public"],
      ["role", "protected"],
      ["pass", "private"],
    ],
  );
  refusedValues("malformed", ["\x81\xc0\xa1;", "\x82\xc0\xa1C\x05\xc0", "\x82\xc0\xa1C\xa2\0b\xc0"]);
});

test("of a property that __sleep() names twice, the later value counts", () => {
  const object = value("\x84\xc0\xa1A\xa1b\x81\xc0\xa1B\xa1c\xc0\xa1b\x82\xc0\x04\0\x03");
  assert.ok(object instanceof PhpObject);
  assert.deepEqual([...object.properties.keys()], ["b", "c"]);
  assert.ok(object.properties.get("b")?.value instanceof PhpObject);
  // What the first value held is gone: only where it was, the second is.
  const twice = "\xa1b\x81\xc0\xa1B\xa1b\x82\xc0\x04\0\x04";
  assert.ok(value(`\x92\x83\xc0\xa1A${twice}\x82\xc0\x04\0\x04`) instanceof PhpArray);
  const lists = "\xa1b\x91\x81\xc0\xa1B\xa1b\x91\x82\xc0\x04\0\x05";
  refusedValues("uncertain-reference", [`\x92\x83\xc0\xa1A${lists}\x82\xc0\x04\0\x05`]);
});

test("a doubtful reference refuses what depends on it and nothing else", () => {
  const session = bytesOf(
    "\x84\xa4user\xa5alice\xa1v\x92\x82\xc0\xa4Demo\xc0\x91\x81\xc0\xa1D\x82\xc0\x04\0\x05\xa1w\x82\xc0\x02\0\x03\xa1x\xc0",
  );
  const wanted = (...path: string[]) => wantedOf([["user"], path]);
  assert.equal(decodeMsgpack(session, wanted("user")).variables.get("user"), "alice");
  assert.equal(decodeMsgpack(session, wanted("x")).variables.size, 2);
  for (const [path, code] of [
    [["v"], "uncertain-reference"],
    [["w"], "bad-reference"],
    [["w", "name"], "bad-reference"],
  ] as const) {
    assert.throws(() => decodeMsgpack(session, wanted(...path)), { name: "UnreadableSessionError", code });
  }
  refusedValues("bad-reference", ["\x82\xc0\x04\0\x09"]);
});

test("reads what __serialize() returned, a list or an array", () => {
  for (const [bytes, names] of [
    ["\x92\xc3\xc0", ["0", "1"]],
    ["\x82\xa1a\xc3\x05\xc0", ["a", "5"]],
    ["\x90", []],
  ] as const) {
    const object = value(`\x82\xc0\xa6Packed\xc0${bytes}`);
    assert.ok(object instanceof PhpObject);
    assert.deepEqual([...object.properties.keys()], names);
  }
  refusedValues("malformed", ["\x82\xc0\xa1C\xc0\xc3", "\x82\xc0\xa1C\xc0\x82\xc0\x01\xa1a\xc3"]);
  refusedValues("malformed", ["\x83\xc0\x01\xc0\xa1C\xc0\x91\xc3", "\x82\xc0\xa1C\xc0\x80"]);
});

test("reads Serializable objects and enums", () => {
  assert.deepEqual(value("\x82\xc0\x03\xa3Leg\xa3a}b"), new PhpSerializable("Leg", "a}b"));
  assert.deepEqual(value("\x82\xc0\x06\xa4Role\xa5Admin"), new PhpEnum("Role", "Admin"));
  refusedValues("malformed", [
    "\x82\xc0\x03\xa3Leg\xc0",
    "\x82\xc0\x06\xa1R\xa3A\\B",
    "\x83\xc0\x03\xa1L\xa0\xa1a\xc0",
  ]);
});

test("references name lists and maps by number, the session being 1", () => {
  const [[, a] = [], [, b] = []] = variables(2, "\xa1a\x81\xc0\xa1C\xa1b\x82\xc0\x04\0\x02");
  assert.ok(a instanceof PhpObject);
  assert.equal(a, b);
  const [[, c] = [], [, d] = [], [, e] = []] = variables(
    3,
    "\xa1c\x82\xc0\x01\xa1x\xc3\xa1d\x82\xc0\x02\0\x02\xa1e\x82\xc0\x02\0\x03",
  );
  assert.ok(c instanceof PhpArray);
  assert.ok(c === d && d === e);
});

test("an array can be inside itself where it is one of PHP's references, and an object always", () => {
  const array = value("\x82\xc0\x01\xa4self\x82\xc0\x02\0\x02");
  assert.ok(array instanceof PhpArray);
  assert.equal(array.entries.get("self"), array);
  const object = value("\x82\xc0\xa1C\xa4self\x82\xc0\x04\0\x02");
  assert.ok(object instanceof PhpObject);
  assert.equal(object.properties.get("self")?.value, object);
  refusedValues("uncertain-reference", ["\x81\xa4self\x82\xc0\x02\0\x02"]);
});

test("refuses references to nothing, to the session and to things of another kind", () => {
  refusedValues("bad-reference", ["\x82\xc0\x04\0\0", "\x82\xc0\x04\0\x03", "\x82\xc0\x02\0\xff"]);
  refusedValues("uncertain-reference", ["\x82\xc0\x02\0\x01", "\x82\xc0\x04\0\x02"]);
  refusedValues("bad-reference", ["\x92\x90\x82\xc0\x04\0\x03", "\x92\x81\xc0\xa1C\x82\xc0\x02\0\x03"]);
  refusedValues("malformed", ["\x82\xc0\x04\x01\x01", "\x83\xc0\x04\0\x01\xa1a\xc0"]);
});

test("refuses references to what __serialize() returned, once it is handed over", () => {
  refusedValues("uncertain-reference", [
    "\x92\x82\xc0\xa1C\xc0\x91\x81\xc0\xa1D\x82\xc0\x04\0\x05",
    "\x92\x82\xc0\xa1C\xc0\x91\xc3\x82\xc0\x02\0\x04",
  ]);
  const list = value("\x91\x82\xc0\xa1C\xc0\x92\x81\xc0\xa1D\x82\xc0\x04\0\x05");
  assert.ok(list instanceof PhpArray);
});

test("refuses references into a table that PHP has moved", () => {
  const rest = "\xa1c\xc0\xa1d\xc0\xa1e\xc0\xa1f\xc0\xa1g\xc0\xa1h\xc0\xa1i";
  const object = "\x81\xc0\xa1C";
  assert.equal(variables(9, `\xa1a${object}\xa1b\xc0${rest.slice(0, -2)}\xa1i\xc0`).length, 9);
  refused("uncertain-reference", [`\x8a\xc0\x01\xa1a${object}\xa1b\xc0${rest}\x82\xc0\x04\0\x02`]);
  // The first value is no map: PHP makes the table large enough at once.
  assert.equal(variables(10, `\xa1a\xc0\xa1b${object}${rest}\xc0\xa1j\x82\xc0\x04\0\x02`).length, 10);
  const properties = "abcdefgh".split("").map((name) => `\xa1${name}\x81\xc0\xa1D`);
  assert.ok(value(`\x92\x88\xc0\xa1C${properties.slice(1).join("")}\x82\xc0\x04\0\x04`) instanceof PhpArray);
  refusedValues("uncertain-reference", [`\x92\x89\xc0\xa1C${properties.join("")}\x82\xc0\x04\0\x04`]);
});

test("refuses a session that is no map, and anything behind it", () => {
  refused("malformed", [
    "\xc0",
    "\x91\xc3",
    "\x80",
    "\x81\xc0\xa8stdClass",
    "\x90\x90",
    "\x82\xc0\x01\xa1a\xc0\n",
  ]);
});

test("cut anywhere, it is refused as truncated", () => {
  const session = `\x86\xc0\x01\xa1a\xd9\x20${"x".repeat(32)}\xa1b\x83\xc0\x01\xc0\xa1C\xa1p\xcb\x3f\xe0\0\0\0\0\0\0\xa1c\x82\xc0\x03\xa1L\xa2hi\xa1d\x82\xc0\xa1P\xc0\x92\xcd\x01\0\xc0\xa1e\x82\xc0\x04\0\x02`;
  assert.equal(decodeMsgpack(bytesOf(session)).variables.size, 5);
  for (let cut = 1; cut < session.length; cut++) refused("truncated", [session.slice(0, cut)]);
});

test("refuses huge lengths and counts at once", () => {
  const huge = "\xff\xff\xff\xff";
  refusedValues("truncated", [
    `\xdb${huge}x`,
    `\xdd${huge}\xc0`,
    `\xdf${huge}\xc0`,
    "\xdf\0\x01\0\0\xc0\xa1C",
  ]);
  refused("truncated", [`\xdf${huge}`]);
});

test("keeps to the limits", () => {
  const nested = (depth: number) => `\x82\xc0\x01\xa1v${"\x91".repeat(depth)}\xc0`;
  assert.equal(decodeMsgpack(bytesOf(nested(maxDepth - 1))).variables.size, 1);
  refused("too-deep", [nested(maxDepth), nested(100_000)]);
  refused("too-many-values", [`\x82\xc0\x01\xa1v\xdd\0\x01\x86\xa0${"\xc0".repeat(100_000)}`]);
  refused("too-large", ["\xc0".repeat(600_000)]);
});

test("__proto__ is a name like any other", () => {
  assert.deepEqual(variables(1, "\xa9__proto__\xc3"), [["__proto__", true]]);
  assert.equal(({} as Record<string, unknown>)["auth"], undefined);
});
