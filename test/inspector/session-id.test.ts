import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isSessionId } from "../../inspector/session-id.ts";
import { missing } from "../real/parts.ts";
import { runPhp } from "../real/php.ts";

describe("a session id", () => {
  it("has 22 to 256 characters of PHP's alphabet", () => {
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789,-";
    assert.ok(isSessionId(alphabet));
    assert.ok(isSessionId("a".repeat(22)));
    assert.ok(isSessionId("a".repeat(256)));
    assert.ok(!isSessionId("a".repeat(21)));
    assert.ok(!isSessionId("a".repeat(257)));
    assert.ok(!isSessionId(""));
  });

  it("has no other character: none that ends a line, a key or a path, and none of a lock's name", () => {
    const others = [...Array(128).keys()]
      .map((code) => String.fromCharCode(code))
      .filter((c) => !/[A-Za-z0-9,-]/.test(c));
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
