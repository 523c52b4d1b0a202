import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  MAX_LOGINS,
  MAX_LOGINS_REQUEST_BYTES,
  MAX_NONCE_LENGTH,
  MAX_PASSWORD_BYTES,
  MAX_SERVER_BYTES,
  MAX_USER_BYTES,
} from "../../protocol/limits.ts";
import { parseLoginsRequest } from "../../protocol/logins-request.ts";

const server = "example.org";
const login = ["alice", "alice0session0of0the0test0"];
const good = { server, logins: [login] };

function breachOf(members: unknown): string {
  const parsed = parseLoginsRequest(typeof members === "string" ? members : JSON.stringify(members));
  return "problem" in parsed ? parsed.problem : "none";
}

describe("the request about open connections", () => {
  it("is read as it was sent, in its order, duplicates and malformed passwords included", () => {
    const request = { server, logins: [login, ["bob", ""], login, ["é", "."]], nonce: "n" };
    assert.deepEqual(parseLoginsRequest(JSON.stringify(request)), { request });
    assert.deepEqual(parseLoginsRequest(JSON.stringify(good)), { request: good });
  });

  it("has one stable code for each breach", () => {
    assert.equal(breachOf(""), "body-missing");
    assert.equal(breachOf("{"), "body-not-json");
    for (const body of ["null", "[]", '["id"]', '"ids"', "1"]) {
      assert.equal(breachOf(body), "body-not-an-object");
    }
    for (const other of [undefined, null, 1, "", {}, "\ud800"]) {
      assert.equal(breachOf({ ...good, server: other }), "server-invalid");
    }
    for (const logins of [undefined, null, 1, "id", {}, { 0: login, length: 1 }, []]) {
      assert.equal(breachOf({ ...good, logins }), "logins-invalid");
    }
    for (const other of [
      null,
      "alice",
      {},
      [],
      ["alice"],
      [...login, "x"],
      ["", "x"],
      [1, "x"],
      ["alice", null],
      ["alice", "\ud800"],
      ["a\udfff", "x"],
    ]) {
      assert.equal(breachOf({ server, logins: [login, other] }), "logins-invalid");
    }
    for (const nonce of ["", null, 1, "n".repeat(MAX_NONCE_LENGTH + 1)]) {
      assert.equal(breachOf({ ...good, nonce }), "nonce-invalid");
    }
    assert.equal(breachOf({ ...good, op: "auth" }), "field-unknown");
    assert.equal(breachOf('{"server":"a","logins":[["a","b"]],"__proto__":{}}'), "field-unknown");
  });

  it("is capped in the number of logins, and in each text, counted in bytes", () => {
    const many = (count: number) => ({ server, logins: Array.from({ length: count }, () => login) });
    assert.equal(breachOf(many(MAX_LOGINS)), "none");
    assert.equal(breachOf(many(MAX_LOGINS + 1)), "logins-too-many");
    const longest = (bytes: number) => "é".repeat(bytes / 2) + "e".repeat(bytes % 2);
    for (const [bytes, requestOf, code] of [
      [MAX_SERVER_BYTES, (text: string) => ({ ...good, server: text }), "server-invalid"],
      [MAX_USER_BYTES, (text: string) => ({ server, logins: [[text, "p"]] }), "logins-invalid"],
      [MAX_PASSWORD_BYTES, (text: string) => ({ server, logins: [["a", text]] }), "logins-invalid"],
    ] as const) {
      assert.equal(breachOf(requestOf(longest(bytes))), "none");
      assert.equal(breachOf(requestOf(`${longest(bytes)}s`)), code);
    }
  });

  it("fits into the body's cap at its longest, and a longer body is not read", () => {
    const longest = ["\\".repeat(MAX_USER_BYTES), '"'.repeat(MAX_PASSWORD_BYTES)];
    const body = JSON.stringify({
      server: "\u0001".repeat(MAX_SERVER_BYTES),
      logins: Array.from({ length: MAX_LOGINS }, () => longest),
      nonce: "\u0001".repeat(MAX_NONCE_LENGTH),
    });
    assert.equal(breachOf(body), "none");
    assert.equal(breachOf(body + " ".repeat(MAX_LOGINS_REQUEST_BYTES - body.length)), "none");
    assert.equal(breachOf(body + " ".repeat(MAX_LOGINS_REQUEST_BYTES - body.length + 1)), "body-too-large");
    // What a relay sends at its longest, as an event of Lambda's: the body is a JSON string in it.
    const sent = JSON.stringify({
      ...good,
      logins: Array.from({ length: MAX_LOGINS }, () => [
        "\\".repeat(MAX_USER_BYTES),
        "t".repeat(MAX_PASSWORD_BYTES),
      ]),
    });
    assert.ok(JSON.stringify({ body: sent }).length < 6_000_000);
  });

  it("never throws, for any text", () => {
    const isRead = (text: string) => typeof parseLoginsRequest(text) === "object";
    fc.assert(fc.property(fc.string({ unit: "binary" }), isRead));
    fc.assert(fc.property(fc.json(), isRead));
    fc.assert(fc.property(fc.array(fc.jsonValue()), (logins) => isRead(JSON.stringify({ server, logins }))));
  });
});
