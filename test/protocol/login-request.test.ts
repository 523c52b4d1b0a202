import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  MAX_NONCE_LENGTH,
  MAX_PASSWORD_BYTES,
  MAX_REQUEST_BYTES,
  MAX_SERVER_BYTES,
  MAX_USER_BYTES,
} from "../../protocol/limits.ts";
import { parseLoginRequest } from "../../protocol/login-request.ts";

const good = { op: "auth", user: "alice", server: "example.org", password: "secret" };

function breachOf(members: unknown): string {
  const parsed = parseLoginRequest(typeof members === "string" ? members : JSON.stringify(members));
  return "problem" in parsed ? parsed.problem : "none";
}

describe("the request of the contract", () => {
  it("is read as it was sent", () => {
    assert.deepEqual(parseLoginRequest(JSON.stringify(good)), { request: good });
    const { password: _, ...isuser } = { ...good, op: "isuser" };
    assert.deepEqual(parseLoginRequest(JSON.stringify(isuser)), { request: isuser });
  });

  it("may ask for the reason of a no, and in one way only", () => {
    const asking = { ...good, explain: true };
    assert.deepEqual(parseLoginRequest(JSON.stringify(asking)), { request: asking });
    const { password: _, ...isuser } = { ...asking, op: "isuser" };
    assert.deepEqual(parseLoginRequest(JSON.stringify(isuser)), { request: isuser });
    for (const explain of [false, 1, "true", null, {}]) {
      assert.equal(breachOf({ ...good, explain }), "explain-invalid");
    }
  });

  it("may carry a nonce of 1 to 32 characters", () => {
    for (const nonce of ["x", "0123456789abcdef0123456789abcdef", "é".repeat(32), '\u0001 "\\']) {
      const asking = { ...good, nonce };
      assert.deepEqual(parseLoginRequest(JSON.stringify(asking)), { request: asking });
      const { password: _, ...isuser } = { ...asking, op: "isuser" };
      assert.deepEqual(parseLoginRequest(JSON.stringify(isuser)), { request: isuser });
    }
    for (const nonce of ["", "x".repeat(33), "😀".repeat(17), "\ud800", null, 1, true, {}, ["x"]]) {
      assert.equal(breachOf({ ...good, nonce }), "nonce-invalid");
    }
  });

  it("may have an empty password, which is no session id but no breach either", () => {
    assert.equal(breachOf({ ...good, password: "" }), "none");
  });

  it("has one stable code for each breach", () => {
    assert.equal(breachOf(""), "body-missing");
    assert.equal(breachOf("{"), "body-not-json");
    for (const body of ["null", "[]", '"auth"', "1"]) assert.equal(breachOf(body), "body-not-an-object");
    for (const op of [undefined, 1, "", "Auth", "setpass"])
      assert.equal(breachOf({ ...good, op }), "op-unknown");
    assert.equal(breachOf({ ...good, admin: true }), "field-unknown");
    assert.equal(breachOf({ ...good, op: "isuser" }), "field-unknown");
    assert.equal(
      breachOf('{"op":"auth","user":"a","server":"b","password":"c","__proto__":{}}'),
      "field-unknown",
    );
    for (const wrong of [undefined, null, 1, "", {}, ["alice"], "\ud800"]) {
      assert.equal(breachOf({ ...good, user: wrong }), "user-invalid");
      assert.equal(breachOf({ ...good, server: wrong }), "server-invalid");
    }
    for (const wrong of [undefined, null, 1, {}, "a\udfff"]) {
      assert.equal(breachOf({ ...good, password: wrong }), "password-invalid");
    }
  });

  it("is capped in every field, counted in bytes", () => {
    const longest = {
      op: "auth",
      user: "é".repeat((MAX_USER_BYTES - 1) / 2),
      server: "s".repeat(MAX_SERVER_BYTES),
      password: "p".repeat(MAX_PASSWORD_BYTES),
    };
    assert.equal(breachOf(longest), "none");
    assert.equal(breachOf({ ...longest, user: `${longest.user}é` }), "user-invalid");
    assert.equal(breachOf({ ...longest, server: `${longest.server}s` }), "server-invalid");
    assert.equal(breachOf({ ...longest, password: `${longest.password}p` }), "password-invalid");
  });

  it("fits into the body's cap at its longest, however it is escaped", () => {
    const control = (bytes: number) => "\u0001".repeat(bytes);
    const longest = {
      op: "auth",
      user: control(MAX_USER_BYTES),
      server: control(MAX_SERVER_BYTES),
      password: control(MAX_PASSWORD_BYTES),
      nonce: control(MAX_NONCE_LENGTH),
      explain: true,
    };
    assert.equal(breachOf(longest), "none");
    const body = JSON.stringify(good);
    assert.equal(breachOf(body + " ".repeat(MAX_REQUEST_BYTES - body.length)), "none");
    assert.equal(breachOf(body + " ".repeat(MAX_REQUEST_BYTES - body.length + 1)), "body-too-large");
    assert.equal(breachOf(`"${"é".repeat(MAX_REQUEST_BYTES / 2)}"`), "body-too-large");
  });

  it("never throws, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => typeof parseLoginRequest(text) === "object"),
    );
    fc.assert(fc.property(fc.json(), (text) => typeof parseLoginRequest(text) === "object"));
  });
});
