import assert from "node:assert/strict";
import { test } from "node:test";
import { readSerialized } from "../../../../inspector/session/formats/serialized.ts";
import {
  PhpArray,
  PhpEnum,
  PhpObject,
  PhpSerializable,
  type PhpValue,
} from "../../../../inspector/session/model.ts";
import type { UnreadableCode } from "../../../../inspector/session/unreadable.ts";

function read(text: string): PhpValue {
  return readSerialized(Buffer.from(text, "latin1"));
}

function refused(code: UnreadableCode, texts: string[]): void {
  for (const text of texts) {
    assert.throws(() => read(text), { name: "UnreadableSessionError", code }, text);
  }
}

function array(text: string): [unknown, PhpValue][] {
  const value = read(text);
  assert.ok(value instanceof PhpArray);
  return [...value.entries];
}

test("reads null and booleans", () => {
  assert.equal(read("N;"), null);
  assert.equal(read("b:0;"), false);
  assert.equal(read("b:1;"), true);
  refused("malformed", ["n;", "N:", "b:2;", "b:;", "b:01;", "b:1:", "B:1;"]);
});

test("reads integers, exactly", () => {
  assert.equal(read("i:0;"), 0);
  assert.equal(read("i:-42;"), -42);
  assert.equal(read("i:9007199254740991;"), 9007199254740991);
  assert.equal(read("i:-9007199254740991;"), -9007199254740991);
  assert.equal(read("i:9007199254740992;"), 9007199254740992n);
  assert.equal(read("i:9007199254740993;"), 9007199254740993n);
  assert.equal(read("i:9223372036854775807;"), 9223372036854775807n);
  assert.equal(read("i:-9223372036854775808;"), -9223372036854775808n);
});

test("refuses integers that serialize() does not write", () => {
  refused("malformed", [
    "i:;",
    "i:-;",
    "i:+5;",
    "i:05;",
    "i:-0;",
    "i:-05;",
    "i:1.0;",
    "i: 1;",
    "i:1 ;",
    "i:1e3;",
  ]);
});

test("refuses integers beyond 64 bits", () => {
  refused("malformed", ["i:9223372036854775808;", "i:-9223372036854775809;", "i:99999999999999999999;"]);
  refused("malformed", [`i:${"9".repeat(100_000)};`]);
});

test("reads floats of every precision", () => {
  assert.equal(read("d:0.1;"), 0.1);
  assert.equal(read("d:0.10000000000000001;"), 0.1);
  assert.equal(read("d:0.1000000000000000055511151231257827021181583404541015625;"), 0.1);
  assert.equal(read("d:1;"), 1);
  assert.equal(read("d:-1.5;"), -1.5);
  assert.equal(read("d:1.0E+100;"), 1e100);
  assert.equal(read("d:1.0E-10;"), 1e-10);
  assert.equal(read("d:1.0e+25;"), 1e25);
  assert.equal(read("d:4.9406564584124654E-324;"), 5e-324);
  assert.equal(read("d:1.7976931348623157E+308;"), Number.MAX_VALUE);
  assert.ok(Object.is(read("d:-0;"), -0));
  assert.ok(Object.is(read("d:0;"), 0));
});

test("reads NAN and the infinities", () => {
  assert.ok(Number.isNaN(read("d:NAN;")));
  assert.equal(read("d:INF;"), Number.POSITIVE_INFINITY);
  assert.equal(read("d:-INF;"), Number.NEGATIVE_INFINITY);
  refused("malformed", ["d:-NAN;", "d:nan;", "d:INFINITY;", "d:+INF;", "d:Infinity;", "d:INF:"]);
});

test("refuses floats that serialize() does not write", () => {
  refused("malformed", [
    "d:;",
    "d:-;",
    "d:.5;",
    "d:5.;",
    "d:+1;",
    "d:1E;",
    "d:1E+;",
    "d:1E1000;",
    "d:0x10;",
    "d:1,5;",
  ]);
  refused("malformed", ["d:1_0;", "d: 1;", "d:1 ;", "d:1.5.5;", "d:--1;"]);
});

test("reads strings as bytes, by their count", () => {
  assert.equal(read('s:0:"";'), "");
  assert.equal(read('s:5:"alice";'), "alice");
  assert.equal(read('s:3:"\xff\0\x80";'), "\xff\0\x80");
  assert.equal(read('s:5:"Zo\xc3\xab!";'), "Zo\xc3\xab!");
  assert.equal(read('s:7:"a";i:1;";'), 'a";i:1;');
});

test("refuses strings whose count is wrong", () => {
  refused("malformed", [
    's:4:"alice";',
    's:05:"alice";',
    's:-1:"";',
    's:+1:"a";',
    's::"";',
    "s:1:'a';",
    's:1"a";',
  ]);
  refused("truncated", ['s:8:"alice";', 's:7:"alice";', 's:5:"alice', 's:5:"alice"']);
  refused("malformed", ['s:6:"alice";']);
  refused("malformed", ['S:1:"\\41";', 's:1:"a":', 's:1:"a"}']);
});

test("reads arrays in their own order", () => {
  assert.deepEqual(array("a:0:{}"), []);
  assert.deepEqual(array('a:3:{i:2;N;s:1:"k";b:1;i:-1;i:7;}'), [
    [2, null],
    ["k", true],
    [-1, 7],
  ]);
  assert.deepEqual(array("a:1:{i:9223372036854775807;N;}"), [[9223372036854775807n, null]]);
});

test('a string key "5" is the int key 5', () => {
  assert.deepEqual(array('a:3:{s:1:"5";N;s:2:"05";N;s:2:"-5";N;}'), [
    [5, null],
    ["05", null],
    [-5, null],
  ]);
});

test("a key given twice has its first place and its last value", () => {
  assert.deepEqual(array('a:3:{i:0;i:1;i:1;i:2;s:1:"0";i:3;}'), [
    [0, 3],
    [1, 2],
  ]);
});

test("refuses arrays whose count or keys are wrong", () => {
  refused(
    "malformed",
    ["a:1:{}", "a:2:{i:0;N;}", "a:0:{i:0;N;}", "a:1:{i:0;N;i:1;N;}", "a:-1:{}", "a:00:{}"].map(pad),
  );
  refused(
    "malformed",
    ["a:1:{N;N;}", "a:1:{d:1;N;}", "a:1:{b:1;N;}", "a:1:{a:0:{}N;}", "a:1:{R:1;N;}"].map(pad),
  );
  refused("malformed", ["a:1:{i:0;N;)", "a:1(i:0;N;}", "a:1:{i:0;}"].map(pad));
  refused("truncated", ["a:1:{}", "a:2:{i:0;N;}", "a:1:{i:0;N;"]);
});

/** Enough bytes behind it that the count could be true. */
function pad(text: string): string {
  return text + "x".repeat(20);
}

function object(text: string): PhpObject {
  const value = read(text);
  assert.ok(value instanceof PhpObject);
  return value;
}

test("reads objects with the visibility of each property", () => {
  const user = object('O:4:"User":3:{s:1:"a";i:1;s:4:"\0*\0b";i:2;s:7:"\0User\0c";i:3;}');
  assert.equal(user.className, "User");
  assert.deepEqual(
    [...user.properties.values()].map((property) => ({ ...property })),
    [
      { name: "a", visibility: "public", declaringClass: null, value: 1 },
      { name: "b", visibility: "protected", declaringClass: null, value: 2 },
      { name: "c", visibility: "private", declaringClass: "User", value: 3 },
    ],
  );
  assert.equal(object('O:8:"stdClass":0:{}').properties.size, 0);
});

test("private properties of parent and child are two", () => {
  const child = object('O:1:"B":2:{s:4:"\0A\0x";i:1;s:4:"\0B\0x";i:2;}');
  assert.deepEqual(
    [...child.properties.values()].map(({ declaringClass, value }) => [declaringClass, value]),
    [
      ["A", 1],
      ["B", 2],
    ],
  );
});

test("int keys of an object are names", () => {
  const packed = object('O:1:"S":3:{i:0;i:1;i:-5;i:2;s:1:"0";i:3;}');
  assert.deepEqual(
    [...packed.properties.values()].map(({ name, value }) => [name, value]),
    [
      ["0", 3],
      ["-5", 2],
    ],
  );
});

test("refuses class names that no class can have", () => {
  refused("malformed", [
    'O:0:"":0:{}',
    'O:3:"a b":0:{}',
    'O:4:"A::B":0:{}',
    'O:2:"\\A":0:{}',
    'O:2:"\0A":0:{}',
  ]);
  refused("malformed", ['C:3:"a b":0:{}', 'C:0:"":0:{}', 'O:2:"A":0:{}', 'O:1:"A";0:{}', 'O:1:"A":0{}']);
});

test("reads enums", () => {
  const role = read('E:16:"App\\Role:Admin_1";');
  assert.ok(role instanceof PhpEnum);
  assert.deepEqual([role.className, role.caseName], ["App\\Role", "Admin_1"]);
  refused("malformed", [
    'E:4:"Role";',
    'E:5:"Role:";',
    'E:6:":Admin";',
    'E:7:"Role::A";',
    'E:8:"Role:A\\B";',
  ]);
  refused("malformed", ['E:0:"";', 'E:6:"Role:A":', 'E:6:"Ro e:A";']);
});

test("reads a Serializable's payload as it is, by its count", () => {
  const leg = read('C:3:"Leg":6:{a}";:{}');
  assert.ok(leg instanceof PhpSerializable);
  assert.deepEqual([leg.className, leg.payload], ["Leg", 'a}";:{']);
  refused("malformed", ['C:3:"Leg":2:{abc}', 'C:3:"Leg":02:{ab}', 'C:3:"Leg":1:(a)']);
  refused("truncated", ['C:3:"Leg":4:{abc}', 'C:3:"Leg":3:{abc']);
});

test("R: and r: give the same array or object", () => {
  const entries = array("a:2:{i:0;a:1:{i:0;N;}i:1;R:2;}");
  assert.ok(entries[0]?.[1] instanceof PhpArray);
  assert.equal(entries[0]?.[1], entries[1]?.[1]);
  const handles = array('a:3:{i:0;O:1:"A":0:{}i:1;r:2;i:2;R:3;}');
  assert.ok(handles[0]?.[1] instanceof PhpObject);
  assert.equal(handles[0]?.[1], handles[1]?.[1]);
  assert.equal(handles[0]?.[1], handles[2]?.[1]);
});

test("keys and R: take no slot, r: takes one", () => {
  const entries = array('a:6:{s:1:"k";O:1:"A":0:{}i:1;R:2;i:2;r:2;i:3;i:7;i:4;R:4;i:5;R:3;}');
  assert.equal(entries[4]?.[1], 7);
  assert.equal(entries[5]?.[1], entries[0]?.[1]);
});

test("a cycle is a cycle", () => {
  const ring = read("a:1:{i:0;R:1;}");
  assert.ok(ring instanceof PhpArray);
  assert.equal(ring.entries.get(0), ring);
  const self = object('O:1:"A":1:{s:1:"x";r:1;}');
  assert.equal(self.properties.get("x")?.value, self);
});

test("refuses a reference to nothing, to itself, and r: to what is no object", () => {
  refused("bad-reference", [
    "R:1;",
    "r:1;",
    "R:0;",
    "r:0;",
    "a:1:{i:0;R:2;}",
    "a:1:{i:0;r:2;}",
    "a:1:{i:0;R:99;}",
  ]);
  refused("bad-reference", ["a:1:{i:0;r:1;}", "a:2:{i:0;i:5;i:1;r:2;}", 'a:2:{i:0;s:1:"a";i:1;r:2;}']);
  refused("malformed", ["R:-1;", "R:;", "R:01;", "R:+1;", "r:1:"]);
  assert.ok(array('a:2:{i:0;E:6:"Role:A";i:1;r:2;}')[1]?.[1] instanceof PhpEnum);
  assert.ok(array('a:2:{i:0;C:3:"Leg":0:{}i:1;r:2;}')[1]?.[1] instanceof PhpSerializable);
});

test("refuses a reference to anything behind a Serializable, whose payload may have taken slots", () => {
  const leg = 'C:3:"Leg":4:{i:1;}';
  refused("uncertain-reference", [`a:3:{i:0;${leg}i:1;O:1:"A":0:{}i:2;r:3;}`]);
  refused("uncertain-reference", [`a:3:{i:0;${leg}i:1;O:1:"A":0:{}i:2;r:4;}`]);
  refused("uncertain-reference", [`a:2:{i:0;${leg}i:1;a:1:{i:0;R:3;}}`]);
  refused("uncertain-reference", [`a:2:{i:0;${leg}i:1;R:99;}`]);
});

test("reads a reference to the Serializable and to anything before it", () => {
  const entries = array('a:4:{i:0;O:1:"A":0:{}i:1;C:3:"Leg":4:{i:1;}i:2;r:2;i:3;r:3;}');
  assert.equal(entries[2]?.[1], entries[0]?.[1]);
  assert.equal(entries[3]?.[1], entries[1]?.[1]);
});

test("refuses a reference to a value whose key was given again", () => {
  refused("uncertain-reference", ["a:3:{i:0;i:1;i:0;i:2;i:1;R:2;}", "a:2:{i:0;i:1;i:0;R:2;}"]);
  refused("uncertain-reference", ["a:2:{i:0;a:1:{i:0;i:1;}i:0;R:3;}"]);
  refused("uncertain-reference", ['O:1:"A":3:{s:1:"x";i:1;s:1:"x";i:2;s:1:"y";R:2;}']);
  assert.equal(array("a:3:{i:0;i:1;i:0;i:2;i:1;R:3;}")[1]?.[1], 2);
});

test("refuses what is no value", () => {
  refused("malformed", ["x:1;", "}", ";", ":", "0", "  N;", "\0", "o:1:{}", 'U:1:"a";'].map(pad));
  refused("truncated", [""]);
});
