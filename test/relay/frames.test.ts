import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { frame } from "../../infra/local/relay-caller.ts";
import { answerBytes, FrameReader } from "../../relay/frames.ts";
import { framesOf } from "./frames-of.ts";

/** Cuts bytes into chunks of these sizes, again and again. */
function chunksOf(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

describe("frames", () => {
  it("are the same however they are cut into chunks", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }),
        (payloads, sizes) => {
          const reader = new FrameReader();
          const stream = Buffer.concat(payloads.map((payload) => frame(payload)));
          const read = chunksOf(stream, sizes).flatMap((chunk) => framesOf(reader, chunk));
          assert.deepEqual(
            read.map((bytes) => bytes.toString("hex")),
            payloads.map((p) => Buffer.from(p).toString("hex")),
          );
        },
      ),
    );
  });

  it("may be empty, alone and in a row", () => {
    assert.deepEqual(framesOf(new FrameReader(), Buffer.from([0, 0, 0, 0, 0, 1, 97])).map(String), [
      "",
      "",
      "a",
    ]);
  });

  it("have unsigned lengths up to 65535", () => {
    for (const length of [255, 256, 32767, 32768, 65535]) {
      const reader = new FrameReader();
      const chunks = chunksOf(frame(Buffer.alloc(length, "x")), [4096]);
      assert.deepEqual(
        chunks.flatMap((chunk) => framesOf(reader, chunk)).map((bytes) => bytes.length),
        [length],
      );
    }
  });

  it("are copied out of the chunk, which may be used again", () => {
    const reader = new FrameReader();
    const chunk = Buffer.from([0, 1, 97]);
    const [payload] = framesOf(reader, chunk);
    chunk.fill(0);
    assert.equal(String(payload), "a");
  });

  it("are not given before their last byte", () => {
    const reader = new FrameReader();
    assert.deepEqual(framesOf(reader, Buffer.from([0, 3, 97, 98])), []);
    assert.deepEqual(framesOf(reader, Buffer.from([99])).map(String), ["abc"]);
  });
});

describe("an answer", () => {
  it("is four bytes", () => {
    assert.equal(answerBytes(true).toString("hex"), "00020001");
    assert.equal(answerBytes(false).toString("hex"), "00020000");
  });
});
