import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { maxSessionBytes } from "../../../inspector/session/limits.ts";
import { RedisReplies, type RedisReply } from "../../../stores/redis/redis-replies.ts";
import { BadReplyError } from "../../../stores/replies.ts";

/** As Redis writes it. */
function written(reply: RedisReply): Buffer {
  if (reply === null) return Buffer.from("$-1\r\n");
  if ("word" in reply) return Buffer.from(`+${reply.word}\r\n`);
  if ("error" in reply) return Buffer.from(`-${reply.error} Operation against a key\r\n`);
  if ("port" in reply) return Buffer.from(`-MOVED 3999 ${reply.host}:${reply.port}\r\n`);
  return Buffer.concat([Buffer.from(`$${reply.length}\r\n`), reply, Buffer.from("\r\n")]);
}

/** What the chunks of this text, cut at these places, are read as. */
function readIn(text: Buffer, cuts: readonly number[]): RedisReply[] {
  const replies = new RedisReplies();
  const places = [0, ...cuts.toSorted((a, b) => a - b), text.length];
  return places.slice(1).flatMap((end, i) => replies.read(text.subarray(places[i], end)));
}

const ok = { word: "OK" };
const error = { error: "WRONGTYPE" } as const;
const looksLikeReply = ["$-1\r\n", "\r\n$3\r\nabc\r\n", "\n", "\r", "+OK\r\n", "-ERR\r\n", ""];
const aReply = fc.oneof(
  fc.constantFrom<RedisReply>(
    null,
    ok,
    { word: "hash" },
    error,
    { host: "::1", port: 6381 },
    { host: "", port: 1 },
  ),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(...looksLikeReply.map((text) => Buffer.from(text))),
);

describe("Redis' replies", () => {
  it("are read the same, wherever they are cut", () => {
    fc.assert(
      fc.property(fc.array(aReply), fc.array(fc.nat()), (replies, places) => {
        const text = Buffer.concat(replies.map(written));
        const cuts = places.map((place) => place % (text.length + 1));
        assert.deepEqual(readIn(text, cuts), replies);
      }),
    );
    const replies: RedisReply[] = [ok, null, Buffer.from("a\r\nb\0c"), Buffer.alloc(0), error];
    const text = Buffer.concat(replies.map(written));
    assert.deepEqual(readIn(text, [...text.keys()]), replies);
  });

  it("are none before their last byte has come", () => {
    for (const reply of [null, ok, error, { host: "a", port: 1 }, Buffer.from("value")] as const) {
      assert.deepEqual(readIn(written(reply).subarray(0, -1), []), []);
    }
  });

  it("are an error where it is not said where a key has moved to", () => {
    for (const text of [
      "-MOVED\r\n",
      "-MOVED 1\r\n",
      "-MOVED 1 a\r\n",
      "-MOVED 1 a:\r\n",
      "-MOVED 1 a:0\r\n",
      "-MOVED 1 a:65536\r\n",
      "-MOVED 123456 a:1\r\n",
    ]) {
      assert.deepEqual(readIn(Buffer.from(text), []), [{ error: "MOVED" }], text);
    }
    assert.deepEqual(readIn(Buffer.from("-MOVED 1 a:65535\r\n"), []), [{ host: "a", port: 65535 }]);
  });

  it("keep of an error its code alone, if that is one of Redis' own", () => {
    const codes = {
      "-WRONGTYPE Operation against a key holding the wrong kind of value": "WRONGTYPE",
      "-NOAUTH Authentication required.": "NOAUTH",
      "-ERR max number of clients reached": "ERR",
      "-ASK 1 a:1": "ASK",
      "-LOADING": "LOADING",
      "-ALICE is here": "ERR",
      "-WRONGTYPES x": "ERR",
      "-wrongtype x": "ERR",
      "-a": "ERR",
      "-": "ERR",
    };
    for (const [line, code] of Object.entries(codes)) {
      assert.deepEqual(readIn(Buffer.from(`${line}\r\n`), []), [{ error: code }], line);
    }
  });

  it("are nothing else", () => {
    const wrong = [
      ...[
        "\r\n",
        "+OK\n",
        "+\r\n",
        "+O K\r\n",
        "OK\r\n",
        ":1\r\n",
        "*1\r\n$1\r\na\r\n",
        "_\r\n",
        `+${"a".repeat(21)}\r\n`,
      ],
      ...["$\r\n", "$-2\r\n", "$1.5\r\n", "$0x1\r\n", "$1\n", "$ 1\r\n", "$12345678901\r\n", "$?\r\n"],
      ...["$1\r\nab\r\n", "$1\r\na\n", "$3\r\nab\r\n\r\n\n", "HTTP/1.1 400 Bad Request\r\n", "-a\rb\r\n"],
    ];
    for (const text of wrong) {
      assert.throws(() => readIn(Buffer.from(text), []), BadReplyError, JSON.stringify(text));
    }
  });

  it("hold no line without an end: it is refused at 1024 bytes", () => {
    const longest = `-${"x".repeat(1021)}\r\n`;
    assert.deepEqual(readIn(Buffer.from(longest), []), [{ error: "ERR" }]);
    const replies = new RedisReplies();
    replies.read(Buffer.alloc(1024, "-"));
    assert.throws(() => replies.read(Buffer.from("x")), BadReplyError);
  });

  it("keep of a value one byte more than a session may have, whatever length it claims", () => {
    const [reply, next] = readIn(
      Buffer.concat([written(Buffer.alloc(3_000_000, "x")), written(null)]),
      [1_000_000, 2_999_999],
    );
    assert.equal((reply as Buffer).length, maxSessionBytes + 1);
    assert.equal(next, null);
    const replies = new RedisReplies();
    const before = process.memoryUsage().arrayBuffers;
    replies.read(Buffer.from("$9999999999\r\n"));
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 * maxSessionBytes);
  });
});
