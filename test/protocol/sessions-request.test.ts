import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { MAX_SESSION_ID_BYTES, MAX_SESSIONS, MAX_SESSIONS_REQUEST_BYTES } from "../../protocol/limits.ts";
import { parseSessionsRequest } from "../../protocol/sessions-request.ts";

function breachOf(members: unknown): string {
  const parsed = parseSessionsRequest(typeof members === "string" ? members : JSON.stringify(members));
  return "problem" in parsed ? parsed.problem : "none";
}

const many = (count: number, text = "id") => ({ ids: Array.from({ length: count }, () => text) });

describe("the request about many sessions", () => {
  it("is read as it was sent, in its order, duplicates and malformed ids included", () => {
    const good = { ids: ["alice0session0of0the0test0", "b", "", "b", "é"] };
    assert.deepEqual(parseSessionsRequest(JSON.stringify(good)), { request: good });
  });

  it("has one stable code for each breach", () => {
    assert.equal(breachOf(""), "body-missing");
    assert.equal(breachOf("{"), "body-not-json");
    for (const body of ["null", "[]", '["id"]', '"ids"', "1"])
      assert.equal(breachOf(body), "body-not-an-object");
    for (const ids of [undefined, null, 1, "id", {}, { 0: "id", length: 1 }, []]) {
      assert.equal(breachOf({ ids }), "ids-invalid");
    }
    for (const id of [null, 1, true, {}, ["id"], "\ud800", "a\udfff"]) {
      assert.equal(breachOf({ ids: ["id", id] }), "ids-invalid");
    }
    assert.equal(breachOf({ ids: ["id"], op: "auth" }), "field-unknown");
    assert.equal(breachOf('{"ids":["id"],"__proto__":{}}'), "field-unknown");
  });

  it("is capped in the number of ids, and in each id, counted in bytes", () => {
    assert.equal(breachOf(many(MAX_SESSIONS)), "none");
    assert.equal(breachOf(many(MAX_SESSIONS + 1)), "ids-too-many");
    const longest = "é".repeat(MAX_SESSION_ID_BYTES / 2);
    assert.equal(breachOf({ ids: [longest] }), "none");
    assert.equal(breachOf({ ids: [`${longest}s`] }), "ids-invalid");
  });

  it("fits into the body's cap at its longest, however it is escaped", () => {
    const body = JSON.stringify(many(MAX_SESSIONS, "\u0001".repeat(MAX_SESSION_ID_BYTES)));
    assert.equal(breachOf(body), "none");
    assert.equal(breachOf(body + " ".repeat(MAX_SESSIONS_REQUEST_BYTES - body.length)), "none");
    assert.equal(breachOf(body + " ".repeat(MAX_SESSIONS_REQUEST_BYTES - body.length + 1)), "body-too-large");
    assert.equal(breachOf("[".repeat(MAX_SESSIONS_REQUEST_BYTES)), "body-not-json");
  });

  it("never throws, for any text", () => {
    const isRead = (text: string) => typeof parseSessionsRequest(text) === "object";
    fc.assert(fc.property(fc.string({ unit: "binary" }), isRead));
    fc.assert(fc.property(fc.json(), isRead));
    fc.assert(fc.property(fc.array(fc.jsonValue()), (ids) => isRead(JSON.stringify({ ids }))));
  });

  it("takes any list of texts that are no longer than they may be", () => {
    const ids = fc.array(fc.string({ unit: "grapheme", maxLength: 20 }), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(ids, (ids) =>
        assert.deepEqual(parseSessionsRequest(JSON.stringify({ ids })), { request: { ids } }),
      ),
    );
  });
});
