import assert from "node:assert/strict";
import { test } from "node:test";
import { maxDepth, maxSessionBytes, maxValues } from "../../../inspector/php/limits.ts";
import { decodePhp } from "../../../inspector/php/php-handler.ts";
import type { UnreadableCode } from "../../../inspector/php/unreadable.ts";

function refused(text: string, code: UnreadableCode): void {
  const bytes = Buffer.from(text, "latin1");
  const start = performance.now();
  assert.throws(() => decodePhp(bytes), { name: "UnreadableSessionError", code });
  const took = performance.now() - start;
  assert.ok(took < 1000, `took ${took} ms`);
}

function nested(depth: number): string {
  return `a|${"a:1:{i:0;".repeat(depth)}N;${"}".repeat(depth)}`;
}

test("the limits are what the manual says", () => {
  assert.deepEqual([maxSessionBytes, maxDepth, maxValues], [524_288, 512, 100_000]);
});

test("reads a session of 512 KiB", () => {
  const length = maxSessionBytes - 'a|s:524272:"";'.length;
  assert.equal(decodePhp(Buffer.from(`a|s:${length}:"${"x".repeat(length)}";`)).variables.size, 1);
});

test("refuses a session of 512 KiB and a byte, and one of 1 MB", () => {
  const length = maxSessionBytes - 'a|s:524272:"";'.length + 1;
  refused(`a|s:${length}:"${"x".repeat(length)}";`, "too-large");
  refused(`a|s:1000000:"${"x".repeat(1_000_000)}";`, "too-large");
});

test("reads a nesting of 512", () => {
  assert.equal(decodePhp(Buffer.from(nested(maxDepth))).variables.size, 1);
});

test("refuses a nesting of 513, of 47000 and of 100000", () => {
  refused(nested(maxDepth + 1), "too-deep");
  refused(nested(47_000), "too-deep");
  refused(`a|${'O:1:"A":1:{i:0;'.repeat(30_000)}`, "too-deep");
  refused(nested(100_000), "too-large");
});

test("depth counts what is inside one another, not what is side by side", () => {
  const side = Array.from({ length: 1000 }, (_, index) => `i:${index};a:1:{i:0;a:0:{}}`).join("");
  assert.equal(decodePhp(Buffer.from(`a|a:1000:{${side}}b|a:0:{}`)).variables.size, 2);
});

test("a nesting of 512 takes less than half of the stack", () => {
  function below(frames: number): number {
    return frames === 0 ? decodePhp(Buffer.from(nested(maxDepth))).variables.size : below(frames - 1);
  }
  function deepest(frames: number): number {
    try {
      return deepest(frames + 1);
    } catch {
      return frames;
    }
  }
  assert.equal(below(Math.floor(deepest(0) * 0.5)), 1);
});

test("reads 100000 values and refuses 100001", () => {
  assert.equal(decodePhp(Buffer.from("|N;".repeat(maxValues))).variables.size, 1);
  refused("|N;".repeat(maxValues + 1), "too-many-values");
});

test("references count as values", () => {
  refused(`|N;${"|R:1;".repeat(maxValues)}`, "too-many-values");
});

test("refuses huge counts at once", () => {
  refused('a|s:99999999999:"x";', "truncated");
  refused(`a|s:${"9".repeat(500_000)}:"x";`, "truncated");
  refused("a|a:2147483647:{", "truncated");
  refused("a|a:9223372036854775807:{i:0;N;}", "truncated");
  refused(`a|a:100000:{${"i:0;N;".repeat(80_000)}`, "truncated");
  refused('a|O:8:"stdClass":2147483647:{', "truncated");
  refused('a|C:3:"Leg":2147483647:{', "truncated");
  refused('a|E:2147483647:"Suit:Hearts";', "truncated");
  refused("a|R:99999999999999999999;", "bad-reference");
});

test("one key given 80000 times costs no more than 80000 keys", () => {
  const start = performance.now();
  decodePhp(Buffer.from(`a|a:80000:{${"i:0;N;".repeat(80_000)}}`));
  const took = performance.now() - start;
  assert.ok(took < 1000, `took ${took} ms`);
});
