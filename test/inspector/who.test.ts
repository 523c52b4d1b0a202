import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Search } from "../../inspector/expressions/search.ts";
import { decodePhp } from "../../inspector/session/formats/php.ts";
import { wantedBy, whoIsLoggedIn } from "../../inspector/who.ts";

const now = 1_800_000_000;

function who(session: string | Buffer, authenticated: string, user: string) {
  return whoIsLoggedIn(
    decodePhp(Buffer.from(session as string)),
    { authenticated, user, search: Search },
    now,
  );
}

const plain = 'user|s:5:"alice";authenticated|b:1;';

describe("who is logged in", () => {
  it("is named by a plain variable", () => {
    assert.deepEqual(who(plain, "authenticated", "user"), { userName: "alice" });
  });

  it("is named by a key with slashes and a nested value, as symfony 1 keeps it", () => {
    const session =
      'symfony/user/sfUser/authenticated|b:1;symfony/user/sfUser/attributes|a:1:{s:30:"symfony/user/sfUser/attributes";a:1:{s:8:"nickname";s:5:"alice";}}';
    assert.deepEqual(
      who(
        session,
        '"symfony/user/sfUser/authenticated"',
        '"symfony/user/sfUser/attributes"."symfony/user/sfUser/attributes".nickname',
      ),
      { userName: "alice" },
    );
  });

  it("may be named by a whole number", () => {
    assert.deepEqual(who("id|i:4711;", "id > `0`", "id"), { userName: "4711" });
  });

  it("may be named by a property of an object", () => {
    const session = 'user|O:4:"User":1:{s:10:"\0User\0name";s:5:"alice";}';
    assert.deepEqual(who(session, "user.name != `null`", "user.name"), { userName: "alice" });
  });

  it("is nobody unless the expression gives true itself", () => {
    const values = [
      "b:0;",
      "i:1;",
      's:4:"true";',
      's:1:"1";',
      "d:1;",
      "N;",
      "a:1:{i:0;b:1;}",
      'O:8:"stdClass":0:{}',
    ];
    for (const value of values) {
      assert.deepEqual(
        who(`user|s:5:"alice";authenticated|${value}`, "authenticated", "user"),
        { reason: "not-authenticated" },
        value,
      );
    }
    assert.deepEqual(who('user|s:5:"alice";', "authenticated", "user"), { reason: "not-authenticated" });
    assert.deepEqual(who("", "authenticated", "user"), { reason: "not-authenticated" });
  });

  it("has no name but text or a whole number", () => {
    const values = [
      "N;",
      "b:1;",
      's:0:"";',
      "d:1.5;",
      "d:NAN;",
      "d:INF;",
      "a:0:{}",
      'a:1:{i:0;s:5:"alice";}',
      's:2:"\xff\xfe";',
    ];
    for (const value of values) {
      const session = Buffer.from(`authenticated|b:1;user|${value}`, "latin1");
      assert.deepEqual(who(session, "authenticated", "user"), { reason: "no-user-name" }, value);
    }
  });

  it("is never found in what every object inherits", () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"]) {
      const expression = `"${name}" != \`null\``;
      assert.deepEqual(who(plain, expression, "user"), { reason: "not-authenticated" }, name);
      assert.deepEqual(who(plain, "authenticated", `"${name}"`), { reason: "no-user-name" }, name);
      assert.deepEqual(who(plain, "authenticated", `"${name}".name`), { reason: "no-user-name" }, name);
    }
  });

  it("is refused by kind of error when an expression fails on this session", () => {
    const found = who(plain, "length(authenticated) > `0`", "user");
    assert.ok("reason" in found);
    assert.equal(found.reason, "expression-failed");
    assert.doesNotMatch(JSON.stringify(found), /alice/);
  });

  it("may hang on the time of the last request", () => {
    const expression = "authenticated && not_older_than(last, `1800`)";
    const at = (last: number) => who(`${plain}last|i:${last};`, expression, "user");
    assert.deepEqual(at(now - 1799), { userName: "alice" });
    assert.deepEqual(at(now - 1800), { reason: "not-authenticated" });
    assert.deepEqual(who(plain, expression, "user"), { reason: "not-authenticated" });
  });

  it("is refused when something cannot be decoded, whatever the expression makes of it", () => {
    const session = `${plain}token|s:4:"i:1x";`;
    const refusal = { reason: "expression-failed", detail: "malformed" };
    for (const expression of ["!php_unserialize(token)", "php_unserialize(token) || authenticated"]) {
      assert.deepEqual(who(session, expression, "user"), refusal, expression);
    }
    assert.deepEqual(who(session, "authenticated", "php_unserialize(token) || user"), refusal);
  });

  it("is refused when an expression is no plain path, and no search came with it", () => {
    const found = whoIsLoggedIn(
      decodePhp(Buffer.from(plain)),
      { authenticated: "authenticated || `true`", user: "user" },
      now,
    );
    assert.deepEqual(found, { reason: "expression-failed", detail: "TypeError" });
  });

  it("is refused when an expression compares a session with itself and it has a cycle", () => {
    const found = who('a|O:1:"A":1:{s:1:"a";r:1;}b|O:1:"B":1:{s:1:"a";r:3;}', "a == b", "user");
    assert.ok("reason" in found);
  });
});

describe("what expressions want of a session", () => {
  const wanted = (authenticated: string, user: string) => wantedBy({ authenticated, user });
  const all = (name: string) => ({ name, inside: undefined });

  it("is what plain paths lead to, and no more", () => {
    assert.deepEqual(wanted("auth", "user.name"), [all("auth"), { name: "user", inside: [all("name")] }]);
    assert.deepEqual(wanted('"josé"', '"josé".b'), [all("jos\xc3\xa9")]);
    assert.deepEqual(wanted("user.name", "user.id"), [{ name: "user", inside: [all("name"), all("id")] }]);
  });

  it("is each variable whose name stands in any other expression", () => {
    for (const name of ["user", "name", "other"]) {
      assert.deepEqual(
        wanted("auth", "user.name || other")?.find((found) => found.name === name),
        all(name),
      );
    }
    assert.deepEqual(
      wanted("a.b", "a || c")?.find(({ name }) => name === "a"),
      all("a"),
    );
  });

  it("is a variable by each name that stands for it in a document", () => {
    for (const user of ['"$$class".name', '"5"', '"a::b"', '"-5".a']) {
      const name = user.split('"')[1]?.replace("$$", "$");
      assert.deepEqual(
        wanted("auth", user)?.find((found) => found.name === name),
        { name, inside: undefined },
        user,
      );
    }
  });

  it("is all where an expression can see more than it names", () => {
    for (const user of ["values(@)[0]", "*.name", '"us\\u0065r"', '"$base64:/w=="']) {
      assert.equal(wanted("auth", user), undefined, user);
    }
  });
});
