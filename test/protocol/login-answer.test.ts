import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { MAX_ANSWER_BYTES } from "../../protocol/limits.ts";
import { parseAnswer } from "../../protocol/login-answer.ts";

const nonce = "0123456789abcdefghijk_";

/** Parses these members with the nonce beside them, or a text as it stands. */
function parse(status: number, answer: object | string) {
  return parseAnswer(
    status,
    typeof answer === "string" ? answer : JSON.stringify({ ...answer, nonce }),
    nonce,
  );
}

describe("the answer of the contract", () => {
  it("is a yes or a no with status 200 and the question's nonce, and a no may say why", () => {
    assert.deepEqual(parse(200, { allow: true }), { verdict: { allow: true } });
    assert.deepEqual(parse(200, ` { "nonce" : "${nonce}", "allow" : false } `), {
      verdict: { allow: false },
    });
    assert.deepEqual(parse(200, { allow: false, reason: "other-user" }), {
      verdict: { allow: false, reason: "other-user" },
    });
  });

  it("tells beside a verdict what isuser is answered with on the host", () => {
    for (const isuser of ["all", "none"] as const) {
      assert.deepEqual(parse(200, { allow: true, isuser }), {
        verdict: { allow: true, isUserPolicy: isuser },
      });
      assert.deepEqual(parse(200, { allow: false, reason: "no-session", isuser }), {
        verdict: { allow: false, reason: "no-session", isUserPolicy: isuser },
      });
    }
    for (const isuser of ["", "some", true, null, ["all"]]) {
      assert.deepEqual(parse(200, { allow: true, isuser }), { fault: "not-an-answer" });
    }
  });

  it("is no verdict without the question's nonce, neither a yes nor a no", () => {
    for (const other of [
      undefined,
      null,
      "",
      "x",
      `${nonce}x`,
      nonce.slice(1),
      nonce.toUpperCase(),
      1,
      [nonce],
    ]) {
      for (const allow of [true, false]) {
        const body = JSON.stringify({ allow, nonce: other, isuser: "all" });
        assert.deepEqual(parseAnswer(200, body, nonce), { fault: "other-question" }, body);
      }
    }
  });

  it("is that there is no verdict with status 503 and the function's own words, which need no nonce", () => {
    assert.deepEqual(parse(503, '{"error":"unavailable"}'), { fault: "unavailable" });
    assert.deepEqual(parse(503, '{"error":"unavailable","reason":"store-timeout"}'), {
      fault: "unavailable",
      reason: "store-timeout",
    });
    for (const body of [
      ...["", "{}", '{"message":"Service Unavailable"}', '{"allow":false}', '{"error":"x"}'],
      ...['{"error":"unavailable","reason":1}', '{"error":"unavailable","allow":true}'],
    ]) {
      assert.deepEqual(parse(503, body), { fault: "not-an-answer" }, body);
    }
  });

  it("is that the function is older with status 400 and its word for a member that it does not know", () => {
    assert.deepEqual(parse(400, '{"error":"field-unknown"}'), { fault: "function-outdated" });
    for (const body of [
      ...["", "{}", '{"error":"user-invalid"}', '{"error":"field-unknown","x":1}', '{"allow":true}'],
    ]) {
      assert.deepEqual(parse(400, body), { fault: "not-an-answer" }, body);
    }
  });

  it("is nothing with any other status", () => {
    for (const status of [0, 100, 201, 204, 301, 302, 400, 403, 404, 429, 500, 502, 503, 504]) {
      assert.deepEqual(parse(status, { allow: true }), { fault: "not-an-answer" });
    }
    assert.deepEqual(parse(200, '{"error":"unavailable"}'), { fault: "not-an-answer" });
    assert.deepEqual(parse(200, '{"error":"field-unknown"}'), { fault: "not-an-answer" });
  });

  it("is nothing in any other words", () => {
    const answers = [
      ...["", "true", "null", "1", "[]", "{}", "[true]", "<html>", '{"allow":tru'],
      ...[{ allow: "true" }, { allow: 1 }, { allow: null }, { allow: [true] }, {}],
      ...[{ Allow: true }, { allow: true, x: 1 }, { x: { allow: true } }],
      `[{"allow":true,"nonce":"${nonce}"}]`,
      `{"allow":true,"nonce":"${nonce}"}x`,
      `{"__proto__":{"allow":true,"nonce":"${nonce}"}}`,
      `{"allow":true,"nonce":"${nonce}","__proto__":{}}`,
      ...[
        { allow: true, reason: "other-user" },
        { allow: true, error: "unavailable" },
      ],
      ...[
        { allow: false, reason: "" },
        { allow: false, reason: 1 },
        { allow: false, reason: null },
      ],
      ...[
        { allow: false, reason: "Bad\n" },
        { allow: false, reason: "x".repeat(41) },
      ],
      `{"allow":true,"nonce":"${nonce}"}${" ".repeat(MAX_ANSWER_BYTES)}`,
    ];
    for (const answer of answers) {
      assert.deepEqual(parse(200, answer), { fault: "not-an-answer" }, JSON.stringify(answer));
    }
  });

  it("is a verdict for no text without the nonce", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), fc.constantFrom(200, 400, 503), (body, status) => {
        assert.ok("fault" in parseAnswer(status, body, nonce));
      }),
    );
  });
});
