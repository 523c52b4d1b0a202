import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AnswerBatch, hello, numberOf } from "../../relay/numbered-frames.ts";

describe("a numbered frame", () => {
  it("begins with its number, of four bytes and without a sign", () => {
    assert.equal(numberOf(Buffer.from("ffffffff61", "hex")), 2 ** 32 - 1);
    assert.equal(numberOf(Buffer.from("00000000", "hex")), 0);
  });

  it("of fewer than four bytes has no number", () => {
    for (const length of [0, 1, 2, 3]) assert.equal(numberOf(Buffer.alloc(length)), undefined);
  });
});

describe("hello", () => {
  it("is a frame of its own", () => {
    assert.equal(Buffer.from(hello).toString("hex"), "000768656c6c6f3a31");
  });
});

describe("a batch of answers", () => {
  it("holds the number and one byte for each", () => {
    const batch = new AnswerBatch();
    assert.equal(batch.isEmpty, true);
    batch.add(1, "refused");
    batch.add(2 ** 32 - 1, "allowed");
    batch.add(256, "unavailable");
    assert.equal(batch.isEmpty, false);
    assert.equal(batch.take().toString("hex"), "00050000000100" + "0005ffffffff01" + "00050000010002");
    assert.equal(batch.isEmpty, true);
    assert.equal(batch.take().length, 0);
  });

  it("says unavailable for what is none of the three decisions", () => {
    const batch = new AnswerBatch();
    batch.add(7, true as never);
    assert.equal(batch.take().toString("hex"), "00050000000702");
  });

  it("grows with its answers, and leaves the bytes alone that it has given away", () => {
    const batch = new AnswerBatch();
    for (let number = 0; number < 1000; number++) batch.add(number, "allowed");
    const bytes = batch.take();
    const before = bytes.toString("hex");
    for (let number = 0; number < 1000; number++) batch.add(number, "refused");
    assert.equal(bytes.toString("hex"), before);
    assert.equal(bytes.length, 7000);
    assert.equal(bytes.subarray(-7).toString("hex"), "0005000003e701");
  });
});
