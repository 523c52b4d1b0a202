import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { Search } from "../../../inspector/expressions/search.ts";
import { Budget } from "../../../inspector/session/budget.ts";
import { decodeIgbinary } from "../../../inspector/session/formats/igbinary.ts";
import { decodeJson } from "../../../inspector/session/formats/json.ts";
import { decodePhp } from "../../../inspector/session/formats/php.ts";
import { decodePhpSerialize } from "../../../inspector/session/formats/php-serialize.ts";
import { maxDepth, maxSessionBytes, maxValues } from "../../../inspector/session/limits.ts";
import type { UnreadableCode } from "../../../inspector/session/unreadable.ts";
import { wantedOf } from "../../../inspector/session/wanted.ts";
import { cpuMsOf } from "../../cpu-time.ts";
import type { Handler } from "./formats/mutants.ts";

function refused(text: string, code: UnreadableCode): void {
  const bytes = Buffer.from(text, "latin1");
  const cpuMs = cpuMsOf(() => {
    assert.throws(() => decodePhp(bytes), { name: "UnreadableSessionError", code });
  });
  assert.ok(cpuMs < 1000, `took ${cpuMs} ms`);
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

/** The shape of a session that takes most frames of each decoder. */
const deepest: readonly (readonly [Handler, string])[] = [
  ["php", nested(maxDepth)],
  ["php_serialize", `${"a:1:{i:0;".repeat(maxDepth)}N;${"}".repeat(maxDepth)}`],
  ["igbinary", `\0\0\0\x02\x14\x01\x11\x01A${"\x14\x01\x06\0".repeat(maxDepth - 1)}\0`],
  ["igbinary", `\0\0\0\x02\x14\x01\x11\x01A${"\x1a\0\x14\x01\x06\0".repeat(maxDepth - 1)}\0`],
  ["msgpack", `${"\x81\xa1a".repeat(maxDepth)}\xc0`],
  ["msgpack", `\x81\xa1a${"\x82\xc0\xa1A\xa1b".repeat(maxDepth - 1)}\xc0`],
  ["msgpack", `\x81\xa1a${"\x82\xc0\xa1A\xc0\x91".repeat(maxDepth / 2 - 1)}\xc0`],
];

/** A third of Node's default, in KB. */
const stackSize = 328;

test("a nesting of 512 takes less than a third of the stack", () => {
  const program = `
    import { decoders } from ${JSON.stringify(new URL("../../../inspector/session/formats/formats.ts", import.meta.url))};
    for (const [handler, session] of JSON.parse(process.argv[1])) {
      decoders[handler](Buffer.from(session, "latin1"));
    }`;
  const args = [`--stack-size=${stackSize}`, "--import", "tsx", "--input-type=module", "--eval", program];
  const run = spawnSync(process.execPath, [...args, JSON.stringify(deepest)], { encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
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
  const bytes = Buffer.from(`a|a:80000:{${"i:0;N;".repeat(80_000)}}`);
  const cpuMs = cpuMsOf(() => decodePhp(bytes));
  assert.ok(cpuMs < 1000, `took ${cpuMs} ms`);
});

// V8 files integers by a hash that everybody can compute: in one slot, the n-th key costs n steps.

function pairs(count: number, pair: (key: number) => string): string {
  return Array.from({ length: count }, (_, index) => pair(7 * index + 1)).join("");
}

const decodeUser: Readonly<Record<string, (count: number) => unknown>> = {
  "an array": (count) => decodePhp(Buffer.from(`user|a:${count}:{${pairs(count, (key) => `i:${key};N;`)}}`)),
  "an array that is wanted": (count) =>
    decodePhp(Buffer.from(`user|a:${count}:{${pairs(count, (key) => `i:${key};N;`)}}`), wantedOf([["user"]])),
  "an object": (count) =>
    decodePhp(Buffer.from(`user|O:1:"A":${count}:{${pairs(count, (key) => `i:${key};N;`)}}`)),
  "an object whose keys are text": (count) =>
    decodePhp(
      Buffer.from(`user|O:1:"A":${count}:{${pairs(count, (key) => `s:${String(key).length}:"${key}";N;`)}}`),
    ),
  "an object of which a name is wanted": (count) =>
    decodePhp(
      Buffer.from(`user|O:1:"A":${count}:{${pairs(count, (key) => `i:${key};N;`)}}`),
      wantedOf([["user", "name"]]),
    ),
  "an array beside a reference": (count) =>
    decodePhp(
      Buffer.from(`a|a:${count}:{${pairs(count, (key) => `i:${key};N;`)}}user|R:1;`),
      wantedOf([["user", "name"]]),
    ),
  "a session by php_serialize": (count) =>
    decodePhpSerialize(Buffer.from(`a:${count}:{${pairs(count, (key) => `i:${key};N;`)}}`)),
  "a session in JSON": (count) =>
    decodeJson(Buffer.from(`{${pairs(count, (key) => `"${key}":0,`).slice(0, -1)}}`)),
  "a session by igbinary": (count) => {
    const size = Buffer.from([0x15, count >> 8, count & 0xff]);
    const keys = Buffer.alloc(6 * count);
    for (let index = 0; index < count; index++) {
      keys[6 * index] = 0x0a;
      keys.writeUInt32BE(0x10001 + 7 * index, 6 * index + 1);
    }
    const head = Buffer.from("\0\0\0\x02\x14\x01\x11\x01a\x17\x01A", "latin1");
    return decodeIgbinary(Buffer.concat([head, size, keys]));
  },
};

for (const [name, decode] of Object.entries(decodeUser)) {
  test(`of integers in no order, ${name} has 2500 and no 5000`, () => {
    decode(2500);
    assert.throws(() => decode(5000), { name: "UnreadableSessionError", code: "too-costly" });
  });
}

test("a list of 80000 is no cost", () => {
  const items = Array.from({ length: 80_000 }, (_, index) => index);
  assert.equal(decodeJson(Buffer.from(JSON.stringify({ user: items }))).variables.size, 1);
  const list = items.slice(0, 40_000).map((index) => `i:${index};N;`);
  assert.equal(decodePhp(Buffer.from(`user|a:40000:{${list.join("")}}`)).variables.size, 1);
});

test("an expression that decodes many texts of such integers spends one budget", () => {
  const text = `a:2000:{${pairs(2000, (key) => `i:${key};N;`)}}`;
  const search = new Search(0, new Budget());
  search.evaluate("texts[].php_unserialize(@)", { texts: Array.from({ length: 6 }, () => text) });
  assert.equal(search.failure, "too-costly");
});
