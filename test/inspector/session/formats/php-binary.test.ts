import assert from "node:assert/strict";
import { test } from "node:test";
import { decodePhpBinary } from "../../../../inspector/session/formats/php-binary.ts";
import type { UnreadableCode } from "../../../../inspector/session/unreadable.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");
const variables = (text: string): [string, unknown][] => [...decodePhpBinary(bytesOf(text)).variables];

function refused(code: UnreadableCode, texts: string[]): void {
  for (const text of texts) {
    assert.throws(() => decodePhpBinary(bytesOf(text)), { name: "UnreadableSessionError", code }, text);
  }
}

test("no bytes are an empty session", () => {
  assert.deepEqual(variables(""), []);
});

test("reads names of 0 to 127 bytes", () => {
  const long = "x".repeat(127);
  assert.deepEqual(variables(`\x04users:5:"alice";\0i:1;\x03a|bb:1;\x02\xc3\xabN;\x7f${long}i:2;\x015i:3;`), [
    ["user", "alice"],
    ["", 1],
    ["a|b", true],
    ["\xc3\xab", null],
    [long, 2],
    ["5", 3],
  ]);
});

test("refuses longer names, which PHP drops", () => {
  refused("malformed", [`\xa0${"x".repeat(160)}N;`, "\xa1aN;", "\xff", "\x01aN;\x80"]);
});

test("a name given twice has its first place and its last value", () => {
  assert.deepEqual(variables("\x01ai:1;\x01bi:2;\x01ai:3;"), [
    ["a", 3],
    ["b", 2],
  ]);
});

test("slots run across all variables", () => {
  assert.deepEqual(variables('\x01ai:1;\x01bs:1:"x";\x01cR:2;').at(-1), ["c", "x"]);
  refused("bad-reference", ["\x01aR:1;", "\x01ai:1;\x01bR:2;"]);
});

test("__proto__ is a name like any other", () => {
  assert.deepEqual(variables("\x09__proto__b:1;"), [["__proto__", true]]);
});

test("cut anywhere but between variables, it is refused", () => {
  const first = '\x04users:5:"alice";';
  const session = `${first}\x04listN;`;
  for (let cut = 1; cut < session.length; cut++) {
    if (cut !== first.length) refused("truncated", [session.slice(0, cut)]);
  }
});

test("refuses what is behind the last variable", () => {
  refused("truncated", ["\x01aN;\x01", "\x01aN;\n", "\x01aN;\0"]);
  refused("malformed", ["\x01aN;\x01b;", "\x01aN;\0;"]);
});
