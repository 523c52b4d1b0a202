import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { MAX_LOGINS } from "../../protocol/limits.ts";
import { isStill, maxStillBytes, parseStill, stillBytes } from "../../relay/still.ts";

const id = "alice0session0of0the0test0";
const still = (server: string, ...fields: readonly string[]) =>
  Buffer.from(`still:${[server, ...fields].map((field) => `${field}\0`).join("")}`);

describe("a question about open connections", () => {
  it("is known by its first bytes alone", () => {
    for (const command of ["still:", "still:x", "still:example.org\0a\0b\0"]) {
      assert.equal(isStill(Buffer.from(command)), true);
    }
    for (const command of ["", "still", "Still:", "auth:a:b:c", " still:", "isuser:still:"]) {
      assert.equal(isStill(Buffer.from(command)), false);
    }
  });

  it("has a host and logins, in their order, as JSON", () => {
    const ticket = "a.ticket.of.some.body";
    assert.deepEqual(parseStill(still("example.org", "alice", id, "bob", ticket, "alice", id)), {
      server: "example.org",
      logins: [`["alice","${id}"]`, `["bob","${ticket}"]`, `["alice","${id}"]`],
    });
    assert.deepEqual(parseStill(still("example.org", "a\\b", id, "jürgen:x", id))?.logins, [
      JSON.stringify(["a\\b", id]),
      JSON.stringify(["jürgen:x", id]),
    ]);
  });

  it("leaves out each login that the function could not tell of, and no other", () => {
    const { logins } =
      parseStill(
        still(
          "example.org",
          "alice",
          id,
          "",
          id,
          "a b",
          id,
          "bob",
          "no-id",
          "x".repeat(1024),
          id,
          "carol",
          id,
        ),
      ) ?? assert.fail("malformed");
    assert.deepEqual(
      logins.map((login) => login !== undefined),
      [true, false, false, false, false, true],
    );
    // Of a host that cannot be one, none.
    assert.deepEqual(parseStill(still("exa mple", "alice", id))?.logins, [undefined]);
  });

  it("is malformed when it is torn, or has no login, or half of one", () => {
    const whole = still("example.org", "alice", id, "bob", id);
    const ends = new Set([still("example.org", "alice", id).length, whole.length]);
    for (let length = "still:".length; length <= whole.length; length++) {
      assert.equal(parseStill(whole.subarray(0, length)) !== undefined, ends.has(length), `${length} bytes`);
    }
    for (const command of [
      still("example.org", "alice"),
      still("example.org", "a", id, "b"),
      Buffer.from("still:\0"),
    ]) {
      assert.equal(parseStill(command), undefined);
    }
  });

  it("is malformed where a byte is not UTF-8", () => {
    const command = still("example.org", "alice", id);
    for (let at = "still:".length; at < command.length; at++) {
      const broken = Buffer.from(command);
      broken[at] = 0xff;
      assert.equal(parseStill(broken), undefined);
    }
  });

  it("has at most so many logins, and so many bytes", () => {
    const many = (count: number) =>
      still("h", ...Array.from({ length: 2 * count }, (_, at) => (at % 2 === 0 ? "u" : "p".repeat(22))));
    assert.equal(parseStill(many(MAX_LOGINS))?.logins.length, MAX_LOGINS);
    assert.equal(parseStill(many(MAX_LOGINS + 1)), undefined);
    const atMost = still("h", "a", "x".repeat(maxStillBytes - "still:h_a__".length));
    assert.equal(atMost.length, maxStillBytes);
    assert.deepEqual(parseStill(atMost)?.logins, [undefined]);
    assert.equal(parseStill(Buffer.concat([atMost, Buffer.of(0)])), undefined);
  });

  it("never throws, and has as many logins as pairs, for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        parseStill(Buffer.concat([Buffer.from("still:"), bytes]));
      }),
    );
    const field = fc
      .string({ unit: "binary", maxLength: 30 })
      .filter((text) => !/[\0\p{Surrogate}]/u.test(text));
    fc.assert(
      fc.property(
        field,
        fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 40 }),
        (server, logins) => {
          const question = parseStill(still(server, ...logins.flat())) ?? assert.fail("malformed");
          assert.equal(question.server, server);
          for (const [at, login] of logins.entries()) {
            const asked = question.logins[at];
            if (asked !== undefined) assert.deepEqual(JSON.parse(asked), login);
          }
          assert.equal(question.logins.length, logins.length);
        },
      ),
    );
  });

  it("is answered with its own name and a character for each", () => {
    assert.equal(Buffer.from(stillBytes("10?")).toString(), "still:10?");
  });
});
