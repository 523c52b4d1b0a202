import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Command, parseCommand } from "../../relay/command.ts";

function read(payload: string | Uint8Array): Command {
  return parseCommand(Buffer.from(payload));
}

function passwordOf(payload: string): string | undefined {
  const command = read(payload);
  return "request" in command && command.request.op === "auth" ? command.request.password : undefined;
}

describe("a command", () => {
  it("asks whether a user may log in", () => {
    const request = { op: "auth", user: "alice", server: "example.org", password: "secret" };
    assert.deepEqual(read("auth:alice:example.org:secret"), { request });
  });

  it("asks whether there is a user", () => {
    const request = { op: "isuser", user: "alice", server: "example.org" };
    assert.deepEqual(read("isuser:alice:example.org"), { request });
  });

  it("is split at three colons: the password keeps the others", () => {
    assert.equal(passwordOf("auth:alice:example.org:a:b:c"), "a:b:c");
    assert.equal(passwordOf("auth:alice:example.org::"), ":");
    assert.equal(passwordOf("auth:alice:example.org:"), "");
  });

  it("is UTF-8: a password of other letters arrives whole", () => {
    assert.equal(passwordOf("auth:alice:example.org:pässwörd€😀"), "pässwörd€😀");
    assert.equal(passwordOf("auth:alice:example.org:\ufeffx"), "\ufeffx");
  });

  it("is refused when it is not UTF-8", () => {
    for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf]]) {
      const payload = Buffer.concat([Buffer.from("auth:alice:example.org:"), Buffer.from(bytes)]);
      assert.deepEqual(read(payload), { refusal: "not-utf8" });
    }
  });

  it("is refused when something is missing or empty", () => {
    assert.deepEqual(read("auth"), { refusal: "user-invalid" });
    assert.deepEqual(read("auth:"), { refusal: "user-invalid" });
    assert.deepEqual(read("auth:alice"), { refusal: "server-invalid" });
    assert.deepEqual(read("auth:alice:"), { refusal: "server-invalid" });
    assert.deepEqual(read("auth:alice:example.org"), { refusal: "password-invalid" });
    assert.deepEqual(read("isuser:alice"), { refusal: "server-invalid" });
    assert.deepEqual(read(""), { refusal: "operation-unknown" });
  });

  it("is refused when it is longer than the contract allows", () => {
    assert.deepEqual(read(`auth:alice:example.org:${"x".repeat(60_000)}`), { refusal: "password-invalid" });
  });

  it("is refused when it would change an account", () => {
    for (const payload of [
      "setpass:alice:example.org:new",
      "tryregister:alice:example.org:new",
      "removeuser:alice:example.org",
      "removeuser3:alice:example.org:secret",
      "certauth:alice:example.org:PEM",
    ]) {
      assert.deepEqual(read(payload), { refusal: "operation-unsupported" });
    }
  });

  it("is refused when it is not known", () => {
    for (const payload of [
      "AUTH:alice:example.org:x",
      "auth2:a:b:c",
      " auth:a:b:c",
      "constructor:a:b",
      "\0:a:b:c",
    ]) {
      assert.deepEqual(read(payload), { refusal: "operation-unknown" });
    }
  });

  it("comes of any bytes, and never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const command = parseCommand(bytes);
        assert.ok("refusal" in command || "request" in command);
      }),
    );
  });
});
