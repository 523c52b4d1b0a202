import assert from "node:assert/strict";
import { test } from "node:test";
import { maxValues } from "../../../../inspector/session/limits.ts";
import { fuzz, memoryMultiple, memoryPerByte } from "../../../fuzz/fuzz.ts";
import type { Handler } from "./mutants.ts";

test("of 50000 damaged sessions each is a session or an UnreadableSessionError, at once", () => {
  const { sessions } = fuzz(1, 50_000);
  assert.ok(sessions > 5000, `only ${sessions} were sessions`);
  assert.ok(sessions < 45_000, `${sessions} were sessions`);
});

/** In as few bytes as igbinary writes it, up to 65535. */
const igbinaryInt = (n: number) => (n < 256 ? `\x06${wide(n, 1)}` : `\x08${wide(n, 2)}`);

const wide = (n: number, bytes: number) =>
  Array.from({ length: bytes }, (_, i) => String.fromCharCode((n >> (8 * (bytes - 1 - i))) & 255)).join("");

const times = (count: number, make: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => make(n)).join("");

const many = maxValues - 10;

/** Sessions of many small things, which take much more memory than bytes. */
const worst: readonly (readonly [Handler, string])[] = [
  ["php", `a|a:36000:{${times(36_000, (n) => `i:${n};a:0:{}`)}}`],
  ["php", times(70_000, (n) => `${n.toString(36)}|N;`)],
  ["php", `a|a:15000:{${times(15_000, (n) => `i:${n};O:1:"A":0:{}`)}}`],
  ["php_binary", times(70_000, (n) => `\x04${n.toString(36).padStart(4, "0")}N;`)],
  ["php_serialize", `a:36000:{${times(36_000, (n) => `i:${n};a:0:{}`)}}`],
  [
    "igbinary",
    `\0\0\0\x02\x14\x01\x11\x01a\x15${wide(32_000, 2)}${times(32_000, (n) => `${igbinaryInt(n)}\x14\0`)}`,
  ],
  [
    "igbinary",
    `\0\0\0\x02\x14\x01\x11\x01A\x15${wide(32_000, 2)}${times(32_000, (n) => `${igbinaryInt(n)}\x1a\0\x14\0`)}`,
  ],
  ["msgpack", `\x82\xc0\x01\xa1a\xdc${wide(32_000, 2)}${"\x90".repeat(32_000)}`],
  ["msgpack", `\x82\xc0\x01\xa1a\xdd${wide(many, 4)}${"\xc0".repeat(many)}`],
  ["msgpack", `\x82\xc0\x01\xa1a\xdc${wide(32_000, 2)}${"\x81\xc0\xa1A".repeat(32_000)}`],
  ["msgpack", `\x82\xc0\x01\xa1a\xdc${wide(26_000, 2)}${"\x81\0\xc0".repeat(26_000)}`],
];

test("no session holds more memory than the stated multiple of its bytes", () => {
  for (const [handler, session] of worst) {
    // The collector's own comings and goings can hide some of it in one measurement.
    const multiple = Math.max(...[1, 2, 3].map(() => memoryPerByte(handler, session)));
    assert.ok(
      multiple < memoryMultiple,
      `${handler}: ${Math.round(multiple)} times its ${session.length} bytes`,
    );
  }
});
