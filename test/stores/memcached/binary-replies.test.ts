import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import fc from "fast-check";
import { maxSessionBytes } from "../../../inspector/session/limits.ts";
import { BinaryReplies } from "../../../stores/memcached/binary-replies.ts";
import { BadReplyError } from "../../../stores/replies.ts";

interface Header {
  readonly magic: number;
  readonly opcode: number;
  readonly keyLength: number;
  readonly extrasLength: number;
  readonly dataType: number;
  readonly status: number;
  readonly bodyLength: number;
  readonly opaque: number;
}

const found: Header = {
  magic: 0x81,
  opcode: 0,
  keyLength: 0,
  extrasLength: 4,
  dataType: 0,
  status: 0,
  bodyLength: 4,
  opaque: 1,
};

function headerOf(changes: Partial<Header>): Buffer {
  const header = { ...found, ...changes };
  const bytes = Buffer.alloc(24);
  bytes.writeUInt8(header.magic, 0);
  bytes.writeUInt8(header.opcode, 1);
  bytes.writeUInt16BE(header.keyLength, 2);
  bytes.writeUInt8(header.extrasLength, 4);
  bytes.writeUInt8(header.dataType, 5);
  bytes.writeUInt16BE(header.status, 6);
  bytes.writeUInt32BE(header.bodyLength, 8);
  bytes.writeUInt32BE(header.opaque, 12);
  bytes.fill("cas", 16);
  return bytes;
}

/** As memcached writes it, for the get of this number; null: the key is not there. */
function written(value: Uint8Array | null, opaque: number, flags = 7): Buffer {
  if (value === null) {
    return Buffer.concat([
      headerOf({ extrasLength: 0, status: 1, bodyLength: 9, opaque }),
      Buffer.from("Not found"),
    ]);
  }
  return Buffer.concat([
    headerOf({ bodyLength: 4 + value.length, opaque }),
    Buffer.from([0, 0, 0, flags]),
    value,
  ]);
}

/** Replies to gets that are numbered from 1 on. */
function repliesTo(gets: number): BinaryReplies {
  let next = 0;
  return new BinaryReplies(() => (next++ < gets ? next : undefined));
}

/** What the chunks of these bytes, cut at these places, are read as. */
function readIn(bytes: Buffer, cuts: readonly number[], replies = repliesTo(1000)): Buffer[] {
  const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).flatMap((end, i) => replies.read(bytes.subarray(places[i], end)));
}

const aValue = fc.option(fc.uint8Array({ maxLength: 60 }), { nil: null });

describe("the replies to memcached's binary get", () => {
  it("are handed on as they are, wherever they are cut", () => {
    fc.assert(
      fc.property(fc.array(aValue), fc.array(fc.nat()), (values, places) => {
        const all = values.map((value, i) => written(value, i + 1));
        const bytes = Buffer.concat(all);
        const cuts = places.map((place) => place % (bytes.length + 1));
        assert.deepEqual(readIn(bytes, cuts), all);
      }),
    );
    const all = [written(Buffer.from("a\r\nb\0c"), 1), written(Buffer.alloc(0), 2), written(null, 3)];
    const bytes = Buffer.concat(all);
    assert.deepEqual(readIn(bytes, [...bytes.keys()]), all);
  });

  it("are none before their last byte has come", () => {
    for (const reply of [written(Buffer.from("value"), 1), written(null, 1)]) {
      for (let length = 0; length < reply.length; length++) {
        assert.deepEqual(readIn(reply.subarray(0, length), []), []);
      }
    }
  });

  it("are none of another magic, opcode or kind, nor of lengths that contradict each other", () => {
    const wrong: readonly Partial<Header>[] = [
      { magic: 0x80 },
      { magic: 0x18 },
      { opcode: 1 },
      { opcode: 0x09 },
      { opcode: 0x20 },
      { opcode: 0x21 },
      { keyLength: 1, bodyLength: 5 },
      { extrasLength: 0 },
      { extrasLength: 8, bodyLength: 8 },
      { extrasLength: 4, bodyLength: 3 },
      { dataType: 1 },
      { status: 1 },
      { status: 1, extrasLength: 4, bodyLength: 13 },
      { status: 1, extrasLength: 0, bodyLength: 1025 },
    ];
    for (const changes of wrong) {
      const bytes = Buffer.concat([headerOf(changes), Buffer.alloc(2000)]);
      assert.throws(() => readIn(bytes, []), BadReplyError, JSON.stringify(changes));
    }
    const longest = headerOf({ status: 1, extrasLength: 0, bodyLength: 1024 });
    assert.equal(readIn(Buffer.concat([longest, Buffer.alloc(1024)]), []).length, 1);
  });

  it("are none to another question than the next one, nor to none", () => {
    assert.throws(() => readIn(written(null, 2), []), BadReplyError);
    assert.throws(() => readIn(written(null, 0), []), BadReplyError);
    const twice = Buffer.concat([written(null, 1), written(null, 1)]);
    assert.throws(() => readIn(twice, []), BadReplyError);
    const more = Buffer.concat([written(null, 1), written(null, 2)]);
    assert.throws(() => readIn(more, [], repliesTo(1)), BadReplyError);
  });

  it("are none by their first byte: who speaks another protocol may send less than a header", () => {
    for (const text of [
      "+",
      "-ERR\r\n",
      "HTTP/1.1 400 Bad Request\r\n",
      "ERROR\r\n",
      "E",
      "VALUE",
      "\0",
      "\x80",
    ]) {
      assert.throws(() => readIn(Buffer.from(text, "latin1"), []), BadReplyError, JSON.stringify(text));
    }
    const after = Buffer.concat([written(null, 1), Buffer.from("E")]);
    assert.throws(() => readIn(after, []), BadReplyError);
  });

  it("are the limit of connections where a node says so", () => {
    const limit = readFileSync(
      new URL("../../fixtures/wire/memcached-at-connection-limit.bin", import.meta.url),
    );
    const detail = "too-many-connections";
    assert.throws(() => readIn(limit, []), { name: "StoreError", fault: "store-unreachable", detail });
  });

  it("are refusals by their status", () => {
    const details = new Map<number, string>([
      [0x20, "authentication-required"],
      [0x81, "unknown-command"],
      [0x82, "out-of-memory"],
      [0x85, "busy"],
      [0x86, "busy"],
      [0x84, "unknown-status"],
      [2, "unknown-status"],
      [0xffff, "unknown-status"],
    ]);
    for (const [status, detail] of details) {
      // Its text is not waited for.
      const error = headerOf({ status, extrasLength: 0, bodyLength: 100 });
      assert.throws(() => readIn(error, []), { name: "StoreError", fault: "store-refused", detail });
    }
  });

  it("keep of a value one byte more than a session may have", () => {
    for (const length of [maxSessionBytes, maxSessionBytes + 1, maxSessionBytes + 2, 3_000_000]) {
      const value = Buffer.alloc(length, "x");
      const bytes = Buffer.concat([written(value, 1), written(null, 2)]);
      const [reply, next] = readIn(
        bytes,
        [1_000, 1_000_000, 2_999_999].filter((cut) => cut < length),
      );
      const kept = Math.min(length, maxSessionBytes + 1);
      assert.equal(reply?.length, 24 + 4 + kept);
      assert.equal(reply?.readUInt32BE(8), 4 + kept);
      assert.equal(reply?.[27], 7);
      assert.deepEqual(next, written(null, 2));
    }
  });

  it("end at a value of more than 16 MiB, before it has come", () => {
    const longest = 16 * 1024 * 1024;
    const before = process.memoryUsage().arrayBuffers;
    assert.deepEqual(readIn(headerOf({ bodyLength: 4 + longest }), []), []);
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 * maxSessionBytes);
    const tooLong = { name: "StoreError", fault: "store-unreachable", detail: "value-too-long" };
    for (const bodyLength of [5 + longest, 2 ** 32 - 1]) {
      assert.throws(() => readIn(headerOf({ bodyLength }), []), tooLong);
    }
  });
});
