import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseVerdict } from "../../protocol/login-answer.ts";

describe("the answer of the contract", () => {
  it("is a yes or a no with status 200", () => {
    assert.equal(parseVerdict(200, '{"allow":true}'), true);
    assert.equal(parseVerdict(200, ' { "allow" : false } '), false);
  });

  it("is no verdict with any other status", () => {
    for (const status of [0, 100, 201, 204, 301, 302, 400, 403, 404, 429, 500, 502, 503, 504]) {
      assert.equal(parseVerdict(status, '{"allow":true}'), undefined);
    }
  });

  it("is no verdict in any other words", () => {
    const bodies = [
      ...["", "true", "null", "1", "[]", "{}", "[true]", '{"allow":"true"}', '{"allow":1}', '{"allow":null}'],
      ...[
        '{"Allow":true}',
        '{"allow":true,"x":1}',
        '{"x":{"allow":true}}',
        '[{"allow":true}]',
        '{"allow":true}x',
      ],
      ...['{"__proto__":{"allow":true}}', '{"allow":[true]}', "<html>", '{"allow":tru'],
    ];
    for (const body of bodies) assert.equal(parseVerdict(200, body), undefined, body);
  });

  it("is a yes for no other text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (body) => {
        if (body.replace(/\s/g, "") !== '{"allow":true}') assert.notEqual(parseVerdict(200, body), true);
      }),
    );
  });
});
