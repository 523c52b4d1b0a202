import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decompressFastLz } from "../../../../inspector/session/layers/fastlz.ts";

function decompressed(block: readonly number[], length: number): string | undefined {
  const bytes = decompressFastLz(Uint8Array.from(block), length);
  return bytes && Buffer.from(bytes).toString("latin1");
}

const a = 0x61;
const level2 = 0x20;

describe("FastLZ", () => {
  it("copies literals", () => {
    assert.equal(decompressed([2, a, a + 1, a + 2], 3), "abc");
    assert.equal(decompressed([0, a, 1, a + 1, a + 2], 3), "abc");
  });

  it("copies what came before, and what it is writing", () => {
    assert.equal(decompressed([2, a, a + 1, a + 2, 0x20, 2], 6), "abcabc");
    assert.equal(decompressed([0, a, 0xc0, 0], 9), "a".repeat(9));
    assert.equal(decompressed([0, a, 0xe0, 255, 0], 265), "a".repeat(265));
  });

  it("has longer lengths and distances at level 2", () => {
    assert.equal(decompressed([level2, a, 0xe0, 255, 255, 1, 0], 521), "a".repeat(521));
    const far = [level2, a, 0xe0, ...Array(40).fill(255), 0, 0, 0x3f, 255, 0, 0];
    const length = 1 + 9 + 40 * 255;
    // The farthest that level 1 reaches is 8192 back; 255 and 31 then say that two more bytes follow: 0, 0.
    assert.equal(decompressed(far, length + 3), "a".repeat(length + 3));
    assert.equal(decompressed([...far.slice(0, -2), 0x20, 0], length + 3), undefined);
  });

  it("is refused unless it holds exactly the length that is asked for", () => {
    for (const length of [0, 2, 4]) assert.equal(decompressed([2, a, a, a], length), undefined, `${length}`);
    assert.equal(decompressed([0, a, 0xc0, 0], 8), undefined);
  });

  it("is refused where it ends too early, reaches before its start, or is of another level", () => {
    const bad = [
      [],
      [2, a, a],
      [0, a, 0x20],
      [0, a, 0xe0],
      [0, a, 0xe0, 1],
      [0, a, 0x20, 1],
      [0, a, 0x3f, 255],
    ];
    const badAtLevel2 = [
      [level2, a, 0xe0, 255],
      [level2, a, 0x3f, 255, 0],
      [0x40, a],
      [0xe0, a],
    ];
    for (const block of [...bad, ...badAtLevel2]) {
      for (const length of [1, 2, 3, 4, 10]) {
        assert.equal(decompressed(block, length), undefined, `${block} to ${length}`);
      }
    }
  });

  it("takes any bytes without harm", () => {
    const block = fc.uint8Array({ maxLength: 400, size: "max" });
    fc.assert(
      fc.property(block, fc.nat(1), fc.nat(3000), (bytes, level, length) => {
        if (bytes.length > 0) bytes[0] = (level << 5) | ((bytes[0] as number) & 31);
        const found = decompressFastLz(bytes, length);
        assert.ok(found === undefined || found.length === length);
      }),
      { numRuns: 20_000 },
    );
  });
});
