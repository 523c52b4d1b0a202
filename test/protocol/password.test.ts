import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { kindOfPassword } from "../../protocol/password.ts";
import { missing } from "../real/parts.ts";
import { runPhp } from "../real/php.ts";

const isSessionId = (text: string) => kindOfPassword(text) === "session-id";

describe("a session id", () => {
  it("has 22 to 256 characters of PHP's alphabet, or those that Drupal makes", () => {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789,-_";
    assert.ok(isSessionId(alphabet));
    assert.ok(isSessionId("a".repeat(22)));
    assert.ok(isSessionId("a".repeat(256)));
    assert.ok(!isSessionId("a".repeat(21)));
    assert.ok(!isSessionId("a".repeat(257)));
    assert.ok(!isSessionId(""));
  });

  it("has no other character: none that ends a line, a key or a path, and no dot of a lock's name", () => {
    const others = [...Array(128).keys()]
      .map((code) => String.fromCharCode(code))
      .filter((c) => !/[A-Za-z0-9,_-]/.test(c));
    for (const other of [...others, "é", "ａ", "\u2028", "😀"]) {
      assert.ok(!isSessionId(`${"a".repeat(22)}${other}`), JSON.stringify(other));
      assert.ok(!isSessionId(`${other}${"a".repeat(22)}`), JSON.stringify(other));
    }
  });

  it("is what real PHP makes, at its shortest and at its longest", { skip: missing("php") }, () => {
    for (const length of [22, 32, 256]) {
      for (const bits of [4, 5, 6]) {
        const ini = { "session.sid_length": length, "session.sid_bits_per_character": bits };
        const id = runPhp("echo session_create_id();", ini).toString();
        assert.equal(id.length, length);
        assert.ok(isSessionId(id));
      }
    }
  });
});

describe("a ticket", () => {
  const parts = ["eyJhbGciOiJkaXIifQ", "", "AAAAAAAAAAAAAAAA", "c2VhbGVk", "AAAAAAAAAAAAAAAAAAAAAA"];
  const kindOf = (changed: Readonly<Record<number, string>>) =>
    kindOfPassword(parts.map((part, at) => changed[at] ?? part).join("."));

  it("has five parts of base64url, of which the second may be empty", () => {
    assert.equal(kindOf({}), "ticket");
    assert.equal(kindOf({ 1: "a-_Z0" }), "ticket");
    for (const at of [0, 2, 3, 4]) assert.equal(kindOf({ [at]: "" }), undefined);
    for (const other of ["=", "+", "/", " ", "é", "\n", "\0", ",", ":"]) {
      for (const at of [0, 1, 2, 3, 4]) assert.equal(kindOf({ [at]: `a${other}` }), undefined, other);
    }
    const ticket = parts.join(".");
    for (const text of [parts.slice(1).join("."), `${ticket}.a`, `.${ticket}`, `${ticket}.`, `${ticket}\n`]) {
      assert.equal(kindOfPassword(text), undefined, text);
    }
  });

  it("is no session id, and no other text is either of them", () => {
    assert.equal(kindOfPassword("a.b.c.d.e"), "ticket");
    assert.equal(kindOfPassword("a".repeat(40)), "session-id");
    for (const text of [
      "",
      ".",
      "....",
      "a..b",
      "password",
      "correct horse battery staple",
      "a".repeat(21),
    ]) {
      assert.equal(kindOfPassword(text), undefined, text);
    }
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        if (/[^A-Za-z0-9,._-]/.test(text)) assert.equal(kindOfPassword(text), undefined);
      }),
    );
  });

  it("is told in time linear in its length", () => {
    for (const text of [
      "a".repeat(100_000),
      ".".repeat(100_000),
      "a.".repeat(50_000),
      `${"a".repeat(100_000)}.`,
    ]) {
      assert.equal(kindOfPassword(text), undefined);
    }
  });
});
