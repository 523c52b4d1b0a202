import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Command, parseCommand } from "../../relay/command.ts";

function read(payload: string | Uint8Array): Command {
  return parseCommand(Buffer.from(payload));
}

const id = "alice0session0of0the0tests0";
const ticket = "eyJhbGciOiJkaXIifQ..AAAAAAAAAAAAAAAA.c2VhbGVk.AAAAAAAAAAAAAAAAAAAAAA";

describe("a command", () => {
  it("asks whether a user may log in", () => {
    for (const password of [id, ticket]) {
      const request = { op: "auth", user: "alice", server: "example.org", password };
      assert.deepEqual(read(`auth:alice:example.org:${password}`), { request });
    }
  });

  it("asks whether there is a user", () => {
    const request = { op: "isuser", user: "alice", server: "example.org" };
    assert.deepEqual(read("isuser:alice:example.org"), { request });
  });

  it("is split at three colons: what stands behind another one belongs to the password", () => {
    for (const password of [`${id}:x`, `:${id}`, `x:${id}`, `${id}:`, ":"]) {
      assert.deepEqual(read(`auth:alice:example.org:${password}`), { problem: "malformed-session-id" });
    }
    assert.deepEqual(read(`isuser:alice:example.org:${id}`), { problem: "server-invalid" });
  });

  it("is refused when the password can be neither a session id nor a ticket", () => {
    for (const password of [
      "",
      "secret",
      "pässwörd€😀",
      `\ufeff${id}`,
      `${id}\n`,
      `${id}.`,
      "a.b.c.d",
      " ",
    ]) {
      assert.deepEqual(read(`auth:alice:example.org:${password}`), { problem: "malformed-session-id" });
    }
  });

  it("is refused when ejabberd cannot have passed its names", () => {
    const impossible = [
      ...["\0", "\u0001", "\u001f", "\u007f", "\u0085", "\u009b", "\ue000", "\ufffe", "\u{10ffff}"],
      ...[" ", "\u00a0", "\u2003", "\u3000", "\u2028", "\u2029", "\n", "\r", "\t"],
      ...["\u00ad", "\u200b", "\u200d", "\u200e", "\u202e", "\u2066", "\u2060", "\ufeff", "\u{e0001}"],
      ...["/", "@"],
    ];
    for (const one of impossible) {
      for (const name of [one, `${one}alice`, `al${one}ice`, `alice${one}`]) {
        assert.deepEqual(read(`auth:${name}:example.org:${id}`), { problem: "user-invalid" }, name);
        assert.deepEqual(read(`isuser:${name}:example.org`), { problem: "user-invalid" }, name);
        assert.deepEqual(read(`auth:alice:${name}:${id}`), { problem: "server-invalid" }, name);
        assert.deepEqual(read(`isuser:alice:${name}`), { problem: "server-invalid" }, name);
      }
    }
    for (const one of ['"', "&", "'", "<", ">"]) {
      assert.deepEqual(read(`auth:al${one}ice:example.org:${id}`), { problem: "user-invalid" });
    }
    assert.deepEqual(read("isuser:alice:example.org:5222"), { problem: "server-invalid" });
  });

  it("has names of every script, with escapes, digits and marks", () => {
    const names = [
      ...[
        "alice",
        "4711",
        "john\\20doe",
        "o\\27neil",
        "alice\\40example.org",
        "jürgen",
        "łukasz",
        "νίκοσ",
        "алёна",
      ],
      ...["王小明", "محمد", "דוד", "हिन्दी", "a_b-c.d~e!f$g%h*i+j=k?l^m`n{o|p}q", "a".repeat(1023), "e\u0301"],
    ];
    for (const user of names) {
      const request = { op: "isuser", user, server: "example.org" };
      assert.deepEqual(read(`isuser:${user}:example.org`), { request });
    }
    for (const server of [
      "localhost",
      "xn--bcher-kva.example",
      "bücher.example",
      "127.0.0.1",
      "a_b.example",
    ]) {
      assert.deepEqual(read(`isuser:alice:${server}`), { request: { op: "isuser", user: "alice", server } });
    }
  });

  it("is refused when it is not UTF-8", () => {
    for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf]]) {
      const payload = Buffer.concat([Buffer.from("auth:alice:example.org:"), Buffer.from(bytes)]);
      assert.deepEqual(read(payload), { problem: "not-utf8" });
    }
  });

  it("is refused when something is missing or empty", () => {
    assert.deepEqual(read("auth"), { problem: "user-invalid" });
    assert.deepEqual(read("auth:"), { problem: "user-invalid" });
    assert.deepEqual(read("auth:alice"), { problem: "server-invalid" });
    assert.deepEqual(read("auth:alice:"), { problem: "server-invalid" });
    assert.deepEqual(read("auth:alice:example.org"), { problem: "password-invalid" });
    assert.deepEqual(read("isuser:alice"), { problem: "server-invalid" });
    assert.deepEqual(read(""), { problem: "operation-unknown" });
  });

  it("is refused when it is longer than the contract allows", () => {
    assert.deepEqual(read(`auth:alice:example.org:${"x".repeat(60_000)}`), { problem: "password-invalid" });
  });

  it("is refused when it would change an account", () => {
    for (const payload of [
      "setpass:alice:example.org:new",
      "tryregister:alice:example.org:new",
      "removeuser:alice:example.org",
      "removeuser3:alice:example.org:secret",
      "certauth:alice:example.org:PEM",
    ]) {
      assert.deepEqual(read(payload), { problem: "operation-unsupported" });
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
      assert.deepEqual(read(payload), { problem: "operation-unknown" });
    }
  });

  it("comes of any bytes, and never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const command = parseCommand(bytes);
        assert.ok("problem" in command || "request" in command);
      }),
    );
  });
});
