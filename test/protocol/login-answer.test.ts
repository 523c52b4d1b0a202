import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { MAX_ANSWER_BYTES } from "../../protocol/limits.ts";
import { parseAnswer } from "../../protocol/login-answer.ts";

const isYes = (status: number, body: string) => {
  const answer = parseAnswer(status, body);
  return answer !== undefined && "allow" in answer && answer.allow;
};

describe("the answer of the contract", () => {
  it("is a yes or a no with status 200, and a no may say why", () => {
    assert.deepEqual(parseAnswer(200, '{"allow":true}'), { allow: true });
    assert.deepEqual(parseAnswer(200, ' { "allow" : false } '), { allow: false });
    assert.deepEqual(parseAnswer(200, '{"allow":false,"reason":"other-user"}'), {
      allow: false,
      reason: "other-user",
    });
  });

  it("is that there is no verdict with status 503 and the function's own words", () => {
    assert.deepEqual(parseAnswer(503, '{"error":"unavailable"}'), { unavailable: true });
    assert.deepEqual(parseAnswer(503, '{"error":"unavailable","reason":"store-timeout"}'), {
      unavailable: true,
      reason: "store-timeout",
    });
    for (const body of ["", "{}", '{"message":"Service Unavailable"}', '{"allow":false}', '{"error":"x"}']) {
      assert.equal(parseAnswer(503, body), undefined, body);
    }
  });

  it("is nothing with any other status", () => {
    for (const status of [0, 100, 201, 204, 301, 302, 400, 403, 404, 429, 500, 502, 504]) {
      assert.equal(parseAnswer(status, '{"allow":true}'), undefined);
    }
    assert.equal(parseAnswer(503, '{"allow":true}'), undefined);
    assert.equal(parseAnswer(200, '{"error":"unavailable"}'), undefined);
  });

  it("is nothing in any other words", () => {
    const bodies = [
      ...["", "true", "null", "1", "[]", "{}", "[true]", '{"allow":"true"}', '{"allow":1}', '{"allow":null}'],
      ...['{"Allow":true}', '{"allow":true,"x":1}', '{"x":{"allow":true}}', '[{"allow":true}]'],
      ...['{"allow":true}x', '{"__proto__":{"allow":true}}', '{"allow":[true]}', "<html>", '{"allow":tru'],
      ...['{"allow":true,"reason":"other-user"}', '{"allow":true,"error":"unavailable"}'],
      ...['{"allow":false,"reason":""}', '{"allow":false,"reason":1}', '{"allow":false,"reason":"Bad\\n"}'],
      `{"allow":false,"reason":"${"x".repeat(41)}"}`,
      `{"allow":true}${" ".repeat(MAX_ANSWER_BYTES)}`,
    ];
    for (const body of bodies) assert.equal(parseAnswer(200, body), undefined, body);
  });

  it("is a yes for no other text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), fc.constantFrom(200, 503), (body, status) => {
        if (body.replace(/\s/g, "") !== '{"allow":true}') assert.equal(isYes(status, body), false);
      }),
    );
  });
});
