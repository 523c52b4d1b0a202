import assert from "node:assert/strict";
import { test } from "node:test";
import { decodePhpSerialize } from "../../../../inspector/session/formats/php-serialize.ts";
import { maxDepth } from "../../../../inspector/session/limits.ts";
import type { UnreadableCode } from "../../../../inspector/session/unreadable.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");
const variables = (text: string): [string, unknown][] => [...decodePhpSerialize(bytesOf(text)).variables];

function refused(code: UnreadableCode, texts: string[]): void {
  for (const text of texts) {
    assert.throws(() => decodePhpSerialize(bytesOf(text)), { name: "UnreadableSessionError", code }, text);
  }
}

test("no bytes and no variables are an empty session", () => {
  assert.deepEqual(variables(""), []);
  assert.deepEqual(variables("a:0:{}"), []);
});

test("reads variables, those named by an int included", () => {
  assert.deepEqual(variables('a:3:{s:4:"user";s:5:"alice";i:5;b:1;s:9:"__proto__";N;}'), [
    ["user", "alice"],
    ["5", true],
    ["__proto__", null],
  ]);
});

test("the session has slot 1, and no reference can name it", () => {
  assert.deepEqual(variables('a:2:{s:1:"a";s:1:"x";s:1:"b";R:2;}').at(-1), ["b", "x"]);
  refused("uncertain-reference", ['a:1:{s:1:"a";R:1;}']);
  refused("bad-reference", ['a:1:{s:1:"a";R:2;}', 'a:1:{s:1:"a";r:1;}']);
});

test("refuses a session that is no array", () => {
  refused("malformed", ["N;", "b:1;", 's:1:"a";', 'O:8:"stdClass":0:{}', "user|b:1;", "\x04userN;"]);
});

test("refuses anything behind the session", () => {
  refused("malformed", ["a:0:{}\n", "a:0:{};", "a:0:{}a:0:{}", 'a:1:{s:1:"a";N;}}']);
});

test("cut anywhere, it is refused", () => {
  const session = 'a:2:{s:4:"user";s:5:"alice";s:4:"list";a:1:{i:0;d:0.5;}}';
  for (let cut = 1; cut < session.length; cut++) refused("truncated", [session.slice(0, cut)]);
});

test("the session itself is one level of the nesting", () => {
  const nested = (depth: number) => `${"a:1:{i:0;".repeat(depth)}N;${"}".repeat(depth)}`;
  assert.equal(variables(nested(maxDepth)).length, 1);
  refused("too-deep", [nested(maxDepth + 1), "a:1:{i:0;".repeat(50_000)]);
});
