import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { printable } from "../../protocol/printable.ts";

describe("printable text", () => {
  it("has no control, no turn of direction, no other end of a line and nothing that hides", () => {
    for (const [text, expected] of [
      ["a\u0000b\u001b[31m", "a\\u0000b\\u001b[31m"],
      ["\n\r\t", "\\u000a\\u000d\\u0009"],
      ["\u007f\u0080\u0085\u009b\u009f", "\\u007f\\u0080\\u0085\\u009b\\u009f"],
      ["\u202a\u202e\u2066\u2069\u200e\u200f\u061c", "\\u202a\\u202e\\u2066\\u2069\\u200e\\u200f\\u061c"],
      ["\u2028\u2029", "\\u2028\\u2029"],
      [
        "\u00ad\u034f\u115f\u200b\u200d\u2060\u3164\ufe0f\ufeff",
        "\\u00ad\\u034f\\u115f\\u200b\\u200d\\u2060\\u3164\\ufe0f\\ufeff",
      ],
      ["\u00a0\u2003\u3000", "\\u00a0\\u2003\\u3000"],
      ["\ue000\uffff\u{e0041}\u{10ffff}", "\\ue000\\uffff\\udb40\\udc41\\udbff\\udfff"],
      ["\ud800x\udfff", "\\ud800x\\udfff"],
    ] as const) {
      assert.equal(printable(text), expected);
    }
  });

  it("is everything else as it stands", () => {
    for (const text of [
      "",
      "alice@example.org",
      "jürgen Łukasz νίκος 王小明 محمد हिन्दी",
      'a "b" \\u0041 😀 ~',
    ]) {
      assert.equal(printable(text), text);
    }
  });

  it("leaves JSON the same JSON", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = printable(JSON.stringify(value));
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
        assert.equal(printable(text), text);
      }),
    );
  });
});
