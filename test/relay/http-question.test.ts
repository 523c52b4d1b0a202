import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseCommand } from "../../relay/command.ts";
import { commandOf } from "../../relay/http-question.ts";

const session = "nobody0has0this0session0id";
const loginOf = (target: string) => {
  const command = commandOf(target);
  return command !== undefined && "request" in command ? command.request : command;
};

describe("a question over HTTP", () => {
  it("is a login, with its values in any order, or whether a user exists", () => {
    const login = { op: "auth", user: "alice", server: "example.org", password: session };
    for (const query of [
      `user=alice&server=example.org&pass=${session}`,
      `pass=${session}&server=example.org&user=alice`,
      `server=example.org&user=%61lice&pass=%6e${session.slice(1)}`,
    ]) {
      assert.deepEqual(loginOf(`/check_password?${query}`), login);
    }
    const exists = { op: "isuser", user: "alice", server: "example.org" };
    for (const query of ["user=alice&server=example.org", "user=alice&server=example.org&pass="]) {
      assert.deepEqual(loginOf(`/user_exists?${query}`), exists);
    }
  });

  it("has its values back as they were, whatever characters they hold", () => {
    const value = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
      .filter((text) => !text.includes(":"));
    fc.assert(
      fc.property(value, value, fc.string({ unit: "grapheme", maxLength: 60 }), (user, server, pass) => {
        const asked = parseCommand(Buffer.from(`auth:${user}:${server}:${pass}`));
        // As forms are encoded, and as percent-encoding alone does it.
        const query = Object.entries({ user, server, pass }).map(
          ([name, text]) => `${name}=${encodeURIComponent(text)}`,
        );
        assert.deepEqual(commandOf(`/check_password?${query.join("&")}`), asked);
        assert.deepEqual(commandOf(`/check_password?${new URLSearchParams({ user, server, pass })}`), asked);
      }),
    );
  });

  it("is none with a colon in user or server, which would move a part of one value to the next", () => {
    for (const query of [
      "user=alice:example.org&server=x&pass=y",
      "user=alice%3Aexample.org&server=x&pass=y",
      "user=alice&server=example.org%3ax&pass=y",
    ]) {
      assert.equal(commandOf(`/check_password?${query}`), undefined, query);
      assert.equal(commandOf(`/user_exists?${query}`), undefined, query);
    }
    // In the password it is a part of it, and no session id has one.
    assert.deepEqual(commandOf("/check_password?user=alice&server=b&pass=a:b"), {
      problem: "malformed-session-id",
    });
  });

  it("is none in another form", () => {
    for (const target of [
      "",
      "/",
      "*",
      "/check_password",
      "/check_password?",
      "/check_password?user=alice",
      "/check_password?user=alice&server=b",
      "/check_password?user=alice&pass=x",
      "/check_password?user=alice&server=b&pass",
      "/check_password?user=alice&server=b&pass=x&pass=y",
      "/check_password?user=alice&user=bob&server=b&pass=x",
      "/check_password?user=alice&server=b&pass=x&more=1",
      "/check_password?user=alice&server=b&pass=x&",
      "/check_password?user=alice&server=b&pass=%",
      "/check_password?user=alice&server=b&pass=%ff",
      "/check_password?user=alice&server=b&pass=%ed%a0%80",
      "/check_password/?user=alice&server=b&pass=x",
      "/CHECK_PASSWORD?user=alice&server=b&pass=x",
      "//check_password?user=alice&server=b&pass=x",
      "http://127.0.0.1/check_password?user=alice&server=b&pass=x",
      "/get_password?user=alice&server=b",
      "/register?user=alice&server=b&pass=x",
      "/constructor?user=alice&server=b&pass=x",
    ]) {
      assert.equal(commandOf(target), undefined, target);
    }
  });

  it("is refused as a frame of the same values is", () => {
    const refusal = (target: string) => {
      const command = commandOf(target);
      return command !== undefined && "problem" in command ? command.problem : command;
    };
    assert.equal(refusal("/check_password?user=&server=b&pass=x"), "user-invalid");
    assert.equal(refusal(`/check_password?user=a&server=b&pass=${"x".repeat(1025)}`), "password-invalid");
  });

  it("throws nothing, for any target", () => {
    fc.assert(fc.property(fc.string(), (target) => void commandOf(`/check_password?${target}`)));
  });
});
