import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe } from "node:test";
import { Search } from "../../../inspector/expressions/search.ts";
import { Budget } from "../../../inspector/session/budget.ts";
import { toDocument } from "../../../inspector/session/document.ts";
import { decodePhp } from "../../../inspector/session/formats/php.ts";
import { wantedBy, whoIsLoggedIn } from "../../../inspector/who.ts";
import { needing } from "../../real/parts.ts";

/** An object of this class with these keys, as serialize() writes it: each value is 1, 2, 3... */
function object(className: string, keys: readonly (string | number)[]): string {
  const pairs = keys.map((key, place) =>
    typeof key === "number" ? `i:${key};i:${place + 1};` : `s:${key.length}:"${key}";i:${place + 1};`,
  );
  return `O:${className.length}:"${className}":${keys.length}:{${pairs.join("")}}`;
}

/** What an expression finds in the object `o`: by a plain path, in a part of the session or all of it, and by search. */
function found(o: string, name: string): unknown {
  const expression = `o.${JSON.stringify(name)}`;
  const bytes = Buffer.from(`o|${o}`, "latin1");
  const results = [expression, `${expression} | @`].flatMap((user) => {
    const expressions = { authenticated: "`true`", user, search: Search };
    const wanted = wantedBy(expressions);
    return [decodePhp(bytes, wanted), decodePhp(bytes)].map((session) => {
      const who = whoIsLoggedIn(session, expressions, 0, wanted);
      return "userName" in who ? Number(who.userName) : who.reason === "no-user-name" ? null : who.detail;
    });
  });
  assert.deepEqual(new Set(results).size, 1, `${results}`);
  return results[0];
}

const keysOf = (o: string) =>
  Object.keys(toDocument(decodePhp(Buffer.from(`o|${o}`, "latin1"))).o as object).slice(1);

describe("the name of a property", () => {
  const { it } = needing();

  it("is its own where it is public", () => {
    assert.equal(found(object("User", ["name", "\0A\0b"]), "name"), 1);
    assert.equal(found(object("stdClass", ["name"]), "name"), 1);
    assert.equal(found(object("User", [0, "name"]), "name"), 2);
    assert.equal(found(object("User", ["name"]), "other"), null);
  });

  it("is its own where it is private, of the object's class, and no other is public", () => {
    const user = object("App\\User", ["\0App\\User\0id", "\0App\\User\0name", "\0*\0role", "\0Base\0id"]);
    assert.equal(found(user, "name"), 2);
    assert.equal(found(user, "App\\User::name"), 2);
    assert.deepEqual(keysOf(user), ["App\\User::id", "name", "App\\User::role", "Base::id"]);
  });

  it("is that with the class in all other cases, and to ask for it without fails", () => {
    for (const [keys, name, key] of [
      [["\0*\0uid"], "uid", "User::uid"],
      [["\0Base\0uid"], "uid", "Base::uid"],
      [["theme", "\0User\0uid"], "uid", "User::uid"],
      [["theme", "\0*\0uid"], "uid", "User::uid"],
      [["x y", "\0User\0uid"], "uid", "User::uid"],
      [["5", "\0User\0uid"], "uid", "User::uid"],
    ] as const) {
      const user = object("User", keys);
      assert.equal(found(user, name), "uncertain-property", JSON.stringify(keys));
      assert.equal(found(user, key), keys.length, JSON.stringify(keys));
    }
  });

  it("is nobody's where two can have it: a value must not vanish by a second one", () => {
    for (const keys of [
      ["locked", "\0*\0locked"],
      ["locked", "\0User\0locked"],
      ["locked", "\0Base\0locked"],
      ["\0User\0locked", "\0*\0locked"],
      ["\0User\0locked", "\0Base\0locked"],
    ]) {
      const user = object("User", keys);
      assert.equal(found(user, "locked"), "uncertain-property", JSON.stringify(keys));
      const who = whoIsLoggedIn(
        decodePhp(Buffer.from(`o|${user}u|i:7;`, "latin1")),
        { authenticated: "not_null(o.locked, `1`) == `1` || o.locked != `1`", user: "u", search: Search },
        0,
      );
      assert.deepEqual(who, { reason: "expression-failed", detail: "uncertain-property" });
    }
    assert.deepEqual(keysOf(object("User", ["x", "\0*\0x", "\0Base\0x"])), ["::x", "User::x", "Base::x"]);
    const both = object("User", ["\0User\0x", "\0*\0x"]);
    assert.deepEqual(keysOf(both), ["\0User\0x", "\0*\0x"]);
    assert.equal(found(both, "User::x"), "uncertain-property");
  });

  it("does not lead to what no class can have declared", () => {
    for (const [className, keys, names] of [
      ["stdClass", ["\0*\0uid"], ["uid", "stdClass::uid"]],
      ["stdClass", ["\0stdClass\0uid"], ["uid", "stdClass::uid"]],
      ["stdClass", ["\0User\0uid"], ["uid", "User::uid"]],
      ["STDCLASS", ["\0*\0uid"], ["uid", "STDCLASS::uid"]],
      ["Bag", [0, "\0*\0uid"], ["uid", "Bag::uid"]],
      ["Bag", ["\0Bag\0uid", -1], ["uid", "Bag::uid"]],
      ["Bag", ["\0stdClass\0uid"], ["uid", "stdClass::uid"]],
      ["Bag", ["\0*\0u id"], ["u id", "Bag::u id"]],
      ["Bag", ["\0Bag\x005"], ["5", "Bag::5"]],
      ["Bag", ["\0Bag\0a::b"], ["a::b", "Bag::a::b"]],
      ["Bag", ["\0B:ag\0uid"], ["uid", "B:ag::uid"]],
    ] as const) {
      const bag = object(className, keys);
      for (const name of names) assert.equal(found(bag, name), null, JSON.stringify([className, keys, name]));
    }
    assert.equal(found(object("stdClass", ["locked", "\0*\0locked"]), "locked"), 1);
  });

  it("cannot be posed as by a public one", () => {
    const bag = object("Bag", ["Bag::uid", "::uid", "\0*\0uid"]);
    assert.deepEqual(keysOf(bag), ["::Bag::uid", "::::uid", "Bag::uid"]);
    assert.equal(found(bag, "Bag::uid"), 3);
  });

  it("takes no more of the budget than names of 500 KB may", () => {
    const className = "B".repeat(200_000);
    const session = decodePhp(
      Buffer.from(
        `o|${object(
          className,
          Array.from({ length: 9000 }, (_, n) => `\0*\0p${n}`),
        )}`,
      ),
    );
    assert.throws(() => toDocument(session, undefined, new Budget()), { code: "too-costly" });
  });
});

describe("a user's keys that PHP wrote", () => {
  const { it } = needing("php");

  it("lead nowhere, though they look like properties", () => {
    const script = `
      class Bag { public function __construct(private array $data) {}
        public function __serialize(): array { return $this->data; }
        public function __unserialize(array $data): void { $this->data = $data; } }
      foreach (["\\0*\\0uid", "\\0stdClass\\0uid", "\\0Bag\\0uid"] as $key) {
        foreach ([[], ["theme" => "dark"], [3 => 4]] as $site) {
          echo json_encode(array_map(base64_encode(...), [
            serialize((object) ($site + [$key => 1])), serialize(new Bag($site + [$key => 1]))])), "\\n";
        }
      }`;
    const { stdout, stderr } = spawnSync("php", ["-r", script], { encoding: "utf8" });
    const pairs = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as string[]);
    assert.equal(pairs.length, 9, stderr);
    for (const [cast = "", bag = ""] of pairs) {
      assert.equal(found(Buffer.from(cast, "base64").toString("latin1"), "uid"), null);
      const written = Buffer.from(bag, "base64").toString("latin1");
      // What a class alone can say: see property-names.ts.
      if (written.startsWith('O:3:"Bag":1:{s:8:"\0Bag\0uid"')) continue;
      assert.ok(
        [null, "uncertain-property"].includes(found(written, "uid") as null),
        JSON.stringify(written),
      );
    }
  });
});
