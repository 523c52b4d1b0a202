import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isLeaf, maskLeaf, quoted, showLeaf } from "../../inspect/leaf.ts";
import type { Document } from "../../inspector/session/document.ts";

const leaves: [Document, string, string][] = [
  [null, "null", "null"],
  [true, "true", "boolean"],
  [0.5, "0.5", "number"],
  [-0, "-0", "number"],
  [1e100, "1e+100", "number"],
  ["Zoë", '"Zoë"', "string(4)"],
  ["", '""', "string(0)"],
  [{ $int: "9223372036854775807" }, '{"$int":"9223372036854775807"}', "number"],
  [{ $float: "NAN" }, '{"$float":"NAN"}', "number"],
  [{ $base64: "//4=" }, '{"$base64":"//4="}', "bytes(2)"],
  [{ $enum: "Role::Admin" }, '{"$enum":"Role::Admin"}', "enum(Role)"],
  [{ $enum: { $base64: "/w==" } }, '{"$enum":{"$base64":"/w=="}}', "enum"],
];

describe("a value without values in it", () => {
  it("is shown as JSON, or masked to its kind and length", () => {
    for (const [leaf, shown, masked] of leaves) {
      assert.ok(isLeaf(leaf), shown);
      assert.equal(showLeaf(leaf), shown);
      assert.equal(maskLeaf(leaf), masked);
    }
  });

  it("is no array and no object of PHP's", () => {
    for (const container of [[], {}, { $class: "User" }, { $class: "Leg", $serialized: "" }, { $$int: 1 }]) {
      assert.ok(!isLeaf(container), JSON.stringify(container));
    }
  });

  it("does nothing to the terminal that it is printed on", () => {
    const text = "\x1b[2J\x7f\x9b1m\u202e\u200b\u2028\u{e0001}\ue000Zoë 日本 😀";
    const safe = '"\\u001b[2J\\u007f\\u009b1m\\u202e\\u200b\\u2028\\udb40\\udc01\\ue000Zoë 日本 😀"';
    assert.equal(quoted(text), safe);
    assert.equal(JSON.parse(safe), text);
    // A class's name can hold bytes that are a control character of UTF-8.
    assert.equal(maskLeaf({ $enum: "A\u009b2J::Case" }), "enum(A\\u009b2J)");
  });
});
