import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { maxPrintedLength, printDocument } from "../../inspect/print-document.ts";
import { type Document, toDocument } from "../../inspector/session/document.ts";
import { decodePhp } from "../../inspector/session/formats/php.ts";
import { cpuMsOf } from "../cpu-time.ts";

function documentOf(text: string): Document {
  return toDocument(decodePhp(Buffer.from(text, "latin1")));
}

function shown(text: string): string | undefined {
  return printDocument(documentOf(text), true);
}

function masked(text: string): string | undefined {
  return printDocument(documentOf(text), false);
}

/** Variables of which each holds the one before it twice. */
function doubling(length: number): string {
  let text = "v0|a:0:{}";
  for (let slot = 1; slot < length; slot++) text += `v${slot}|a:2:{i:0;R:${slot};i:1;R:${slot};}`;
  return text;
}

describe("a document in print", () => {
  it("is JSON, without a character more than it needs", () => {
    assert.equal(shown(""), "{}");
    assert.equal(
      shown('a|a:2:{i:0;N;i:1;a:0:{}}b|O:4:"User":2:{s:1:"x";d:NAN;s:1:"y";b:0;}'),
      '{"a":[null,[]],"b":{"$class":"User","x":{"$float":"NAN"},"y":false}}',
    );
  });

  it("has a shared value wherever it is met, and a mark where a value is inside itself", () => {
    assert.equal(shown("a|a:1:{i:0;i:1;}b|R:1;"), '{"a":[1],"b":[1]}');
    assert.equal(
      shown('a|O:1:"A":2:{s:1:"x";r:1;s:1:"y";a:1:{i:0;r:1;}}b|r:1;'),
      '{"a":{"$class":"A","x":{"$cycle":true},"y":[{"$cycle":true}]},"b":{"$class":"A","x":{"$cycle":true},"y":[{"$cycle":true}]}}',
    );
  });

  it("has keys, classes and kinds without the values, where they are masked", () => {
    assert.equal(
      masked('a|a:2:{i:0;s:5:"alice";i:1;d:NAN;}b|C:3:"Leg":2:{ab}c|E:10:"Role:Admin";d|s:1:"\xff";'),
      '{"a":["string(5)","number"],"b":{"$class":"Leg","$serialized":"string(2)"},"c":"enum(Role)","d":"bytes(1)"}',
    );
    assert.equal(masked('$class|s:5:"alice";'), '{"$$class":"string(5)"}');
  });

  it("may be as deep as references make it", () => {
    let document: Document = [];
    for (let depth = 1; depth < 200_000; depth++) document = [document];
    assert.equal(printDocument(document, true), "[".repeat(200_000) + "]".repeat(200_000));
  });

  it("is none where it would be too long, masked or not, and that is seen early", () => {
    const long = maxPrintedLength / 64;
    const references = Array.from({ length: 10_000 }, (_, key) => `i:${key};R:1;`).join("");
    const cpuMs = cpuMsOf(() => {
      for (const text of [
        doubling(1000),
        `a|s:${long}:"${"x".repeat(long)}";b|a:10000:{${references}}`,
        `a|s:${long}:"${"\xff".repeat(long)}";b|a:10000:{${references}}`,
      ]) {
        assert.equal(shown(text), undefined);
        assert.equal(masked(text), undefined);
      }
    });
    assert.ok(cpuMs < 20_000, `took ${cpuMs} ms`);
  });
});
