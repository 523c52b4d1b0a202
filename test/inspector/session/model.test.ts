import assert from "node:assert/strict";
import { test } from "node:test";
import {
  arrayKey,
  isClassName,
  isClassNameIn,
  phpInteger,
  propertyOf,
} from "../../../inspector/session/model.ts";

test("a key that reads as an int is that int", () => {
  for (const [key, expected] of [
    ["0", 0],
    ["5", 5],
    ["-5", -5],
    ["9007199254740991", 9007199254740991],
    ["9007199254740992", 9007199254740992n],
    ["9223372036854775807", 9223372036854775807n],
    ["-9223372036854775808", -9223372036854775808n],
  ] as const) {
    assert.equal(arrayKey(key), expected);
  }
});

test("a key that PHP keeps as a string stays one", () => {
  for (const key of ["", "-", "-0", "00", "05", "+5", " 5", "5 ", "5.0", "1e3", "٥", "a5"]) {
    assert.equal(arrayKey(key), key);
  }
  for (const key of ["9223372036854775808", "-9223372036854775809", "99999999999999999999"]) {
    assert.equal(arrayKey(key), key);
  }
});

test("an int beyond 2^53-1 is a bigint", () => {
  assert.equal(phpInteger(2n ** 53n - 1n), 9007199254740991);
  assert.equal(phpInteger(2n ** 53n), 9007199254740992n);
  assert.equal(phpInteger(1n - 2n ** 53n), -9007199254740991);
  assert.equal(phpInteger(-(2n ** 53n)), -9007199254740992n);
});

test("a stored name tells name, visibility and class", () => {
  const parts = (stored: string) => {
    const { name, visibility, declaringClass } = propertyOf(stored);
    return [name, visibility, declaringClass];
  };
  assert.deepEqual(parts("x"), ["x", "public", null]);
  assert.deepEqual(parts(""), ["", "public", null]);
  assert.deepEqual(parts("\0*\0x"), ["x", "protected", null]);
  assert.deepEqual(parts("\0A\\B\0x"), ["x", "private", "A\\B"]);
  assert.deepEqual(parts("\0A\0\0x"), ["\0x", "private", "A"]);
});

test("a stored name that PHP could not have made from a property is a public name as it is", () => {
  for (const stored of ["\0", "\0\0", "\0x", "\0A\0", "\0*\0", "\0\0x", "\0A:\0x", "\0A::B\0x", "\0**\0x"]) {
    const { name, visibility, declaringClass } = propertyOf(stored);
    assert.deepEqual([name, visibility, declaringClass], [stored, "public", null]);
  }
});

test("a class name holds no colon, NUL, space or leading backslash", () => {
  for (const name of ["A", "_a1", "A\\B", "caf\xe9", "1A"]) assert.ok(isClassName(name), name);
  for (const name of ["", "\\A", "A::B", "A:B", "A\0", "A B", "A\n", "$A", "*"]) {
    assert.ok(!isClassName(name), name);
  }
});

test("a class name is told from its bytes alone", () => {
  for (let byte = 0; byte < 0x100; byte++) {
    for (const name of [Buffer.of(byte), Buffer.of(0x41, byte), Buffer.of(byte, 0x41)]) {
      const among = Buffer.concat([Buffer.of(0x3a), name, Buffer.of(0x3a)]);
      assert.equal(isClassNameIn(among, 1, 1 + name.length), isClassName(name.toString("latin1")));
    }
  }
  assert.equal(isClassNameIn(Buffer.from("A"), 1, 1), false);
});
