import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { MAX_LOGINS, MAX_LOGINS_ANSWER_BYTES, MAX_NONCE_LENGTH } from "../../protocol/limits.ts";
import { parseLoginsAnswer } from "../../protocol/logins-answer.ts";

const nonce = "the-nonce";
const read = (body: unknown, status = 200, count = 3) =>
  parseLoginsAnswer(status, typeof body === "string" ? body : JSON.stringify(body), { nonce, count });
const notAnAnswer = { fault: "not-an-answer" };

describe("the answer about open connections", () => {
  it("is a character for each login", () => {
    assert.deepEqual(read({ live: "10?", nonce }), { verdict: "10?" });
    assert.deepEqual(read({ live: "1".repeat(1000), nonce }, 200, 1000), { verdict: "1".repeat(1000) });
  });

  it("is none where a character is missing, is one too many or is another", () => {
    for (const live of [
      "",
      "10",
      "10??",
      "10!",
      "10\n",
      " 10",
      "102",
      "１0?",
      ["1", "0", "?"],
      101,
      null,
      true,
    ]) {
      assert.deepEqual(read({ live, nonce }), notAnAnswer, String(live));
    }
  });

  it("is none with a member more or less, with another status, or as another text", () => {
    for (const body of [
      { nonce },
      { live: "10?", nonce, allow: true },
      ["10?"],
      "10?",
      "null",
      "",
      "{",
      "1",
    ]) {
      assert.deepEqual(read(body), notAnAnswer, JSON.stringify(body));
    }
    for (const status of [201, 204, 301, 400, 403, 404, 500, 502]) {
      assert.deepEqual(read({ live: "10?", nonce }, status), notAnAnswer);
    }
  });

  it("is none to this question with another nonce or without one", () => {
    for (const other of [undefined, "", "another", null, [nonce]]) {
      assert.deepEqual(read({ live: "000", nonce: other }), { fault: "other-question" });
    }
  });

  it("is unavailable where the function says so", () => {
    assert.deepEqual(read({ error: "unavailable" }, 503), { fault: "unavailable" });
    assert.deepEqual(read({ error: "unavailable", live: "000", nonce }, 503), notAnAnswer);
    assert.deepEqual(read({ message: "Service Unavailable" }, 503), notAnAnswer);
  });

  it("has room for the longest that the function says, and is not read beyond that", () => {
    const longest = "\u0001".repeat(MAX_NONCE_LENGTH);
    const body = JSON.stringify({ live: "?".repeat(MAX_LOGINS), nonce: longest });
    assert.ok(body.length <= MAX_LOGINS_ANSWER_BYTES);
    const asked = { nonce: longest, count: MAX_LOGINS };
    const padded = body + " ".repeat(MAX_LOGINS_ANSWER_BYTES - body.length);
    assert.ok("verdict" in parseLoginsAnswer(200, padded, asked));
    assert.deepEqual(parseLoginsAnswer(200, `${padded} `, asked), notAnAnswer);
  });

  it("never throws, and never says of any text that a session ended but by these words", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), fc.nat(600), (text, status) => {
        assert.ok("fault" in read(text, status));
      }),
    );
  });
});
