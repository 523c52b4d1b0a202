import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Search } from "../../../inspector/expressions/search.ts";
import { decodePhp } from "../../../inspector/session/formats/php.ts";
import { type Who, whoIsLoggedIn } from "../../../inspector/who.ts";

function who(session: string, user: string): Who {
  return whoIsLoggedIn(
    decodePhp(Buffer.from(session, "latin1")),
    { authenticated: "`true`", user, search: Search },
    0,
  );
}

const list = (count: number, item: (place: number) => string) =>
  `a:${count}:{${Array.from({ length: count }, (_, place) => `i:${place};${item(place)}`).join("")}}`;
const text = (length: number) => `s:${length}:"${"x".repeat(length)}";`;

/** A variable `a` of many items, and `b` of many times that variable: slot 1. */
const squared = (item: string) =>
  `user|s:5:"alice";a|${list(20_000, () => item)}b|${list(20_000, () => "R:2;")}`;

/** Each level holds the one below it twice. */
const doubling = (name: string, firstSlot: number) =>
  Array.from({ length: 60 }, (_, level) => {
    const below = firstSlot + level - 1;
    return `${name}${level}|${level === 0 ? "a:0:{}" : `a:2:{i:0;R:${below};i:1;R:${below};}`}`;
  }).join("");

describe("an expression that meets one part of a session in many places", () => {
  it("is refused where it goes through it in each", () => {
    const costly: readonly (readonly [string, string])[] = [
      [squared("i:1;"), "b[*][*] | [0][0] | to_string(@)"],
      [squared("i:1;"), "b[].[@] | length(@) | to_string(@)"],
      [squared("i:1;"), "map(&length(@[?@ == `1`]), b) | to_string([0])"],
      [squared("i:1;"), "to_string(b)"],
      [`a|${text(200_000)}b|${list(20_000, () => "R:1;")}`, "join('', b)"],
      [`a|${text(200_000)}c|${list(9_000, () => 's:0:"";')}`, "join(a, c)"],
      [`a|${list(30_000, (place) => `i:${30_000 - place};`)}`, "to_string(sort(a)[0])"],
      [`a|${list(25_000, (place) => text(place % 7))}`, "sort_by(a, &@)[0]"],
      [doubling("x", 1) + doubling("y", 61), "x59 == y59 && 'alice'"],
      [doubling("x", 1), "to_string(x59)"],
    ];
    for (const [session, expression] of costly) {
      const found = who(session, expression);
      assert.ok(
        "reason" in found && found.detail === "too-costly",
        `${expression}: ${JSON.stringify(found)}`,
      );
    }
  });

  it("finds what it looks for where that is little", () => {
    for (const [session, expression] of [
      [squared("i:1;"), "user || 'x'"],
      [squared("i:1;"), "b[7][8] == `1` && user"],
      [doubling("x", 2).replace(/^/, 'user|s:5:"alice";'), "x59[0][1][0] && user"],
      ['u|O:1:"U":2:{s:4:"self";r:1;s:4:"name";s:5:"alice";}', "u.self.self.self.name | @"],
      ['u|O:1:"U":2:{s:4:"self";r:1;s:4:"name";s:5:"alice";}', "values(u.self)[?@ == 'alice'] | [0]"],
    ] as const) {
      assert.deepEqual(who(session, expression), { userName: "alice" }, expression);
    }
  });

  it("sees a large document as it is", () => {
    const session = `user|a:2:{s:4:"name";s:5:"alice";s:4:"list";${list(9000, (place) => `i:${place};`)}}`;
    for (const [expression, expected] of [
      ["user.list | length(@) | to_string(@)", "9000"],
      ["user.list[-1] | to_string(@)", "8999"],
      ["user.list[2:4] | to_string(@)", "[2,3]"],
      ["user.list[?@ > `8997`] | to_string(@)", "[8998,8999]"],
      ["sum(user.list) | to_string(@)", "40495500"],
      ["keys(user) | join(',', @)", "name,list"],
      ["user.* | [0]", "alice"],
      ["user | type(list)", "array"],
      ["contains(user.list, `77`) && user.name", "alice"],
      ["merge(user, `{}`).name", "alice"],
      ["[user][].name | [0]", "alice"],
      ["reverse(user.list)[0] | to_string(@)", "8999"],
      ["(user == user) && user.name", "alice"],
    ] as const) {
      assert.deepEqual(who(session, expression), { userName: expected }, expression);
    }
  });

  it("remembers what one of JMESPath's functions failed on, which the library passes over", () => {
    assert.deepEqual(who(`a|${list(2000, () => text(10))}b|${text(200_000)}`, "join(b, a) || 'alice'"), {
      reason: "expression-failed",
      detail: "too-costly",
    });
    const hidden = 'u|O:1:"U":2:{s:1:"a";i:1;s:4:"\0*\0x";i:2;}';
    assert.deepEqual(who(hidden, "map(&x, [u]) || 'alice'"), {
      reason: "expression-failed",
      detail: "uncertain-property",
    });
  });
});
