import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { maxSessionBytes } from "../../../inspector/session/limits.ts";
import { GetReplies, type GetReply } from "../../../stores/memcached/get-replies.ts";
import { BadReplyError } from "../../../stores/replies.ts";

/** As memcached writes it. */
function written(reply: GetReply): Buffer {
  if (reply === null) return Buffer.from("END\r\n");
  const { key, flags, bytes } = reply;
  const header = Buffer.from(`VALUE ${key} ${flags} ${bytes.length}\r\n`);
  return Buffer.concat([header, bytes, Buffer.from("\r\nEND\r\n")]);
}

/** What the chunks of this text, cut at these places, are read as. */
function readIn(text: Buffer, cuts: readonly number[]): GetReply[] {
  const replies = new GetReplies();
  const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
  return places.slice(1).flatMap((end, i) => replies.read(text.subarray(places[i], end)));
}

const looksLikeReply = ["END\r\n", "\r\nEND\r\nVALUE a 0 1\r\n", "\n", "\r"].map((text) => Buffer.from(text));
const aReply = fc.option(
  fc.record(
    {
      key: fc.stringMatching(/^[!-~]{1,250}$/),
      flags: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
        fc.constantFrom(...looksLikeReply),
      ),
    },
    { noNullPrototype: true },
  ),
);

describe("the replies to get", () => {
  it("are read the same, wherever they are cut", () => {
    fc.assert(
      fc.property(fc.array(aReply), fc.array(fc.nat()), (replies, places) => {
        const text = Buffer.concat(replies.map(written));
        const cuts = places.map((place) => place % (text.length + 1));
        assert.deepEqual(readIn(text, cuts), replies);
      }),
    );
    const text = Buffer.from("END\r\nVALUE some:key 4294967295 6\r\na\r\nb\0c\r\nEND\r\nEND\r\n");
    const found = { key: "some:key", flags: 2 ** 32 - 1, bytes: Buffer.from("a\r\nb\0c") };
    assert.deepEqual(readIn(text, [...text.keys()]), [null, found, null]);
  });

  it("are none before their last byte has come", () => {
    const text = written({ key: "a", flags: 0, bytes: Buffer.from("value") });
    assert.deepEqual(readIn(text.subarray(0, -1), []), []);
  });

  it("are nothing else", () => {
    const wrong = [
      ...["\r\n", "END\n", "end\r\n", "END \r\n", "ENDE\r\n", "STORED\r\n", "ERRORS\r\n"],
      ...["ERROR\n", " ERROR\r\n", "SERVER_ERROR a\rb\r\n", "HTTP/1.1 400 Bad\r\n"],
      ...["VALUE a 0\r\n", "VALUE a 0 1 7\r\n", "VALUE  0 1\r\n", "VALUE a -1 1\r\n", "VALUE a 0 -1\r\n"],
      ...["VALUE a 4294967296 1\r\n", "VALUE a 0x1 1\r\n", "VALUE a 0 1\n", "VALUE a b 0 1\r\n"],
      ...["VALUE a 0 1\r\nbEND\r\n", "VALUE a 0 1\r\nbb\r\n", "VALUE a 0 1\r\nb\n", "VALUE ä 0 1\r\n"],
      ...["VALUE a 0 1\r\nb\r\n\r\n", "VALUE a 0 1\r\nb\r\nVALUE a 0 1\r\n"],
      `VALUE ${"a".repeat(251)} 0 1\r\n`,
    ];
    for (const text of wrong) {
      assert.throws(() => readIn(Buffer.from(text), []), BadReplyError, JSON.stringify(text));
    }
  });

  it("are an error by its kind alone: its text can be of any server's choice", () => {
    for (const line of [
      "ERROR",
      "ERROR Too many open connections",
      "CLIENT_ERROR line too long",
      "SERVER_ERROR",
    ]) {
      const [detail] = line.split(" ");
      const refused = { name: "StoreError", fault: "store-refused", detail };
      assert.throws(() => readIn(Buffer.from(`${line}\r\n`), []), refused, line);
    }
  });

  it("hold no line that is longer than the longest key's: one without an end is refused at that", () => {
    const longest = `VALUE ${"k".repeat(250)} 4294967295 0000000001\r\nb\r\nEND\r\n`;
    assert.equal(readIn(Buffer.from(longest), []).length, 1);
    const replies = new GetReplies();
    replies.read(Buffer.alloc(290, "x"));
    assert.throws(() => replies.read(Buffer.from("x")), BadReplyError);
  });

  it("keep of a value one byte more than a session may have, whatever length it claims", () => {
    const bytes = Buffer.alloc(3_000_000, "x");
    const [reply] = readIn(written({ key: "a", flags: 0, bytes }), [1_000_000, 2_999_999]);
    assert.equal(reply?.bytes.length, maxSessionBytes + 1);
    const replies = new GetReplies();
    const before = process.memoryUsage().arrayBuffers;
    replies.read(Buffer.from("VALUE a 0 9999999999\r\n"));
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 * maxSessionBytes);
  });
});
