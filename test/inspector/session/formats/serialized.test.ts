import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { unwrapString } from "../../../../inspector/session/formats/serialized.ts";

describe("a string that was serialized", () => {
  it("is its bytes again", () => {
    assert.deepEqual(
      unwrapString(Buffer.from('s:4:"\x00"\xff;";', "latin1")),
      Buffer.from('\x00"\xff;', "latin1"),
    );
    assert.equal(unwrapString(Buffer.from('s:0:"";')).length, 0);
  });

  it("is no other value, and has nothing behind it", () => {
    for (const [text, code] of [
      ["i:1;", "malformed"],
      ["N;", "malformed"],
      ['a:1:{i:0;s:1:"a";}', "malformed"],
      ['s:1:"a";s:1:"b";', "malformed"],
      ['s:2:"a";', "malformed"],
      ["", "truncated"],
    ] as const) {
      assert.throws(() => unwrapString(Buffer.from(text)), { name: "UnreadableSessionError", code }, text);
    }
  });
});
