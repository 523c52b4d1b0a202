// Which values of a session are taken for its user's name, and which are not, whatever they look like.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { whoIn } from "../../../inspect/find/who-candidates.ts";
import { decodeJson } from "../../../inspector/session/formats/json.ts";

function whoOf(session: Readonly<Record<string, unknown>>) {
  return whoIn(decodeJson(Buffer.from(JSON.stringify(session))));
}

function usersOf(session: Readonly<Record<string, unknown>>): [string, string][] {
  return whoOf(session).candidates.map(({ user, authenticated }) => [user, authenticated]);
}

describe("what can be the user's name", () => {
  it("stands beside a mark of the login, which must be a yes", () => {
    assert.deepEqual(usersOf({ username: "alice", logged_in: true }), [["username", "logged_in"]]);
    assert.deepEqual(usersOf({ auth: { ok: 1, name: "alice" } }), [["auth.name", "auth.ok == `1`"]]);
    assert.deepEqual(usersOf({ user: "alice", loggedIn: "yes" }), [["user", "loggedIn == 'yes'"]]);
    for (const mark of [false, 0, "0", "", null, "no"]) {
      assert.deepEqual(usersOf({ username: "alice", logged_in: mark }), [], String(mark));
    }
  });

  it("stands for the login by itself where there is no mark, unless it is nobody's", () => {
    assert.deepEqual(usersOf({ user: "alice" }), [["user", "user != `null` && user != ''"]]);
    assert.deepEqual(usersOf({ user_id: 7 }), [["user_id", "user_id > `0`"]]);
    assert.deepEqual(usersOf({ user_id: "7" }), [["user_id", "to_number(user_id) > `0`"]]);
    for (const nobody of [0, "0", "", null, -1, 0.5, true, [], { a: 1 }]) {
      assert.deepEqual(usersOf({ user_id: nobody }), [], String(nobody));
    }
  });

  it("is told by its key, the likeliest first", () => {
    const session = {
      nickname: "Al",
      uid: 7,
      status: "fine",
      user: { id: 7, email: "a@example.org", username: "alice" },
    };
    const users = usersOf(session).map(([user]) => user);
    assert.deepEqual(users, ["user.username", "uid", "user.id", "user.email", "nickname"]);
    assert.deepEqual(usersOf({ id: 7, name: "x", email: "y", status: "z", title: "t" }), []);
  });

  it("goes behind all others where it stands inside a text, which a user may have written", () => {
    const session = { user_id: 7, blob: '{"username":"admin","authenticated":true}' };
    assert.deepEqual(
      usersOf(session).map(([user]) => user),
      ["user_id", "json_decode(blob).username"],
    );
    const [, inside] = whoOf(session).candidates;
    assert.match(inside?.cautions.join() ?? "", /only if no user can write that text/);
    // Nor is a mark inside a text one.
    assert.equal(whoOf(session).candidates[0]?.hasMark, false);
  });
});

describe("what looks like the user's name and proves no login", () => {
  it("is no candidate, and the operator is told why", () => {
    const cases: Readonly<Record<string, Record<string, unknown>>> = {
      "it is set before the password is checked": { last_username: "alice" },
      "it is what the visitor typed into a form": { _old_input: { username: "alice" } },
      "it says who is remembered, not who is logged in": { remember_me: "alice" },
      "guests have a cart or an order, too": { cart: { user_id: 7 } },
      "it is about a visitor, logged in or not": { visitor: { customer_id: 7 } },
      "it says who asked for a new password": { password_reset: { username: "alice" } },
      "it says who is about to have an account": { registration: { username: "alice" } },
      "it says whom a further factor is asked of": { two_factor: { user_id: 7 } },
      "somebody else is in this user's place": { impersonated: { user_id: 7 } },
      "it is what the visitor typed": { login_form: { username: "alice" } },
      "it is shown once": { flash: { username: "alice" } },
      "it is about somebody else": { referrer: { username: "alice" } },
      "Laravel keeps there whom a second factor is asked of": { login: { id: 7, remember: false } },
    };
    for (const [why, session] of Object.entries(cases)) {
      const { candidates, noProofs } = whoOf(session);
      assert.deepEqual(candidates, [], why);
      assert.deepEqual([...new Set(noProofs.map((one) => one.why))], [why]);
    }
  });

  it("is not told by a part of a word", () => {
    const users = usersOf({ information: { username: "alice" }, platform: { user_id: 7 } }).map(
      ([user]) => user,
    );
    assert.deepEqual(users, ["information.username", "platform.user_id"]);
  });
});

describe("what says that a login is not complete", () => {
  it("is told, so that nobody is let in", () => {
    for (const state of [
      { email_verified: false },
      { mfa_passed: 0 },
      { pending: true },
      { user_banned: "1" },
    ]) {
      assert.equal(whoOf({ user: "alice", ...state }).notYet.length, 1, JSON.stringify(state));
    }
    assert.deepEqual(whoOf({ user: "alice", verified: true, pending: false }).notYet, []);
  });

  it("may be a time, or a state that is well now", () => {
    const { states } = whoOf({ user: "alice", last_activity: 1_795_646_048, verified: true });
    assert.deepEqual(
      states.map(({ expression }) => expression),
      ["last_activity", "verified"],
    );
  });
});

describe("what a visitor wrote into a session", () => {
  it("is bounded: of many names some are told", () => {
    const many = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, i) => [`k${i}`, { username: "a", cart: 1 }]),
    );
    assert.equal(whoOf(many).candidates.length, 12);
  });
});
