// What is not wanted of a session is only checked: neither the verdict nor the reason why a session cannot be
// read may depend on that.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { valueAt } from "../../../../inspector/expressions/plain-path.ts";
import { Search } from "../../../../inspector/expressions/search.ts";
import { decoders } from "../../../../inspector/session/formats/formats.ts";
import { maxDepth, maxValues } from "../../../../inspector/session/limits.ts";
import { PhpArray, type PhpSession } from "../../../../inspector/session/model.ts";
import { UnreadableSessionError } from "../../../../inspector/session/unreadable.ts";
import { type Wanted, wantedOf } from "../../../../inspector/session/wanted.ts";
import { type WhoExpressions, wantedBy, whoIsLoggedIn } from "../../../../inspector/who.ts";
import { missing } from "../../../real/parts.ts";
import { type Handler, handlers, handMade, mutant, randomNumbers } from "./mutants.ts";

const textHandlers = ["php", "php_binary", "php_serialize"] as const;

function isTextHandler(handler: Handler): handler is (typeof textHandlers)[number] {
  return (textHandlers as readonly Handler[]).includes(handler);
}

/** A session of these variables, each with its value as serialize() writes it. */
function written(handler: Handler, variables: readonly (readonly [string, string])[]): Buffer {
  const parts = variables.map(([name, value]) => {
    if (handler === "php") return `${name}|${value}`;
    return handler === "php_binary"
      ? `${String.fromCharCode(name.length)}${name}${value}`
      : `${counted(name)}${value}`;
  });
  const text = parts.join("");
  return Buffer.from(handler === "php_serialize" ? `a:${parts.length}:{${text}}` : text, "latin1");
}

function counted(text: string): string {
  return `s:${text.length}:"${text}";`;
}

/** Without a reason: the session. */
function read(handler: Handler, bytes: Buffer, wanted?: Wanted): PhpSession | { reason: string } {
  try {
    return decoders[handler](bytes, wanted);
  } catch (error) {
    assert.ok(error instanceof UnreadableSessionError, `threw ${error}`);
    return { reason: error.message };
  }
}

/** Who is logged in by the JMESPath library alone: a pipe into `@` leaves no path plain. */
function whoBySearch(session: PhpSession, { authenticated, user }: WhoExpressions) {
  return whoIsLoggedIn(
    session,
    { authenticated: `${authenticated} | @`, user: `${user} | @`, search: Search },
    0,
  );
}

/**
 * A reference whose target is uncertain counts where it is wanted, and nowhere else. In the binary formats nothing is
 * known of those that are not wanted.
 */
function assertRefusedAlike(
  handler: Handler,
  some: PhpSession | { reason: string },
  all: { reason: string },
): void {
  const doubt = isTextHandler(handler) ? /: uncertain-reference at/ : /: (?:uncertain|bad)-reference at/;
  if (!doubt.test(all.reason)) assert.deepEqual(some, all);
  else if ("reason" in some) assert.match(some.reason, doubt);
}

/** Returns whether the session can be read; fails where that, or who is logged in, depends on what is wanted. */
function compare(handler: Handler, bytes: Buffer, { authenticated, user }: WhoExpressions): boolean {
  const expressions = { authenticated, user, search: Search };
  const wanted = wantedBy(expressions);
  const all = read(handler, bytes);
  const some = read(handler, bytes, wanted);
  const none = read(handler, bytes, []);
  if ("reason" in all) {
    for (const part of [some, none]) assertRefusedAlike(handler, part, all);
    return false;
  }
  assert.ok(!("reason" in some || "reason" in none));
  const inFull = whoBySearch(all, expressions);
  assert.deepEqual(whoIsLoggedIn(some, expressions, 0, wanted), inFull);
  assert.deepEqual(whoIsLoggedIn(all, expressions, 0), inFull);
  return true;
}

const names = ["user", "authenticated", "name", "u", "$user", "5", "\xc3\xab", "\xff", ""];
const scalar = fc.constantFrom(
  ...["N;", "b:0;", "b:1;", "i:5;", "i:-9223372036854775808;", "d:0.5;", "d:-INF;", "d:1.0E+25;", "a:0:{}"],
  ...[counted("alice"), counted("\xff"), counted('";i:1;'), 'E:10:"Role:Admin";', 'O:8:"stdClass":0:{}'],
);
/** These make a session unreadable, or do so in some places. */
const doubtful = fc.constantFrom(
  ...["i:9223372036854775808;", "d:1e1000;", 'E:1:"x";', 'O:3:"a:b":0:{}', 'C:3:"Leg":2:{ab}'],
  ...["R:1;", "R:2;", "R:5;", "r:1;", "r:3;", "R:0;"],
);
const key = fc.constantFrom(
  ...["i:0;", "i:1;", counted("name"), counted("1"), counted("\0*\0name"), counted("\0User\0name")],
  ...[counted("User::name"), counted("\0name"), counted("$class"), counted("5")],
);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    { weight: 30, arbitrary: scalar },
    { weight: 2, arbitrary: doubtful },
    { weight: 10, arbitrary: tie("array") },
    { weight: 10, arbitrary: tie("object") },
  ),
  array: tie("pairs").map((pairs) => `a:${pairs}`),
  object: tie("pairs").map((pairs) => `O:4:"User":${pairs}`),
  pairs: fc
    .array(fc.tuple(key, tie("value")), { maxLength: 4 })
    .map((pairs) => `${pairs.length}:{${pairs.flat().join("")}}`),
}));
const variables = fc.array(fc.tuple(fc.constantFrom(...names), value as fc.Arbitrary<string>), {
  minLength: 2,
  maxLength: 6,
  size: "max",
});
const anyExpressions = fc.record({
  authenticated: fc.constantFrom(
    ...[
      "authenticated",
      "user.name",
      "user != `null`",
      "!u",
      "@ != `{}`",
      "length(keys(@)) > `2`",
      '"5" == `5`',
      "*",
    ],
    ...['"\\u0075ser" != `null`', "contains(values(@), `true`)", "user == name", '"ë" && !"$base64:/w=="'],
  ),
  user: fc.constantFrom(
    "user",
    "user.name",
    "user.name.name",
    "u.name",
    'user."$class"',
    'user."User::name"',
    '"5"."1"',
    'user."1"',
    'name."5".name',
    "name",
    '"$$user"',
    "*.name | [0]",
    "[user, name][1]",
    "user[0]",
  ),
});
/** Bytes put in the place of others: where, how many, and which. */
const anyDamage = fc.option(
  fc.tuple(fc.nat(), fc.nat({ max: 2 }), fc.constantFrom("", "0", "9", "}", ";", ":", '"', "R:1;", "N;")),
  { freq: 1 },
);

describe("a session of which not all is wanted", () => {
  for (const handler of textHandlers) {
    it(`by ${handler} is read, refused and judged as in full`, () => {
      let readable = 0;
      const property = fc.property(variables, anyExpressions, anyDamage, (drawn, expressions, damage) => {
        let bytes = written(handler, drawn);
        if (damage) {
          const [place, length, replacement] = damage;
          const start = place % (bytes.length + 1);
          const rest = bytes.subarray(start + length);
          bytes = Buffer.concat([bytes.subarray(0, start), Buffer.from(replacement), rest]);
        }
        if (compare(handler, bytes, expressions)) readable++;
      });
      fc.assert(property, { numRuns: 10_000, seed: 1 });
      assert.ok(readable > 2000 && readable < 9000, `${readable} were readable`);
    });
  }

  it("is read, refused and found as in full when it is damaged", () => {
    const paths = [["a"], ["b", "x"], ["b", "a"], ["c", "m"]];
    for (const handler of handlers) {
      const random = randomNumbers(3);
      let inPart = 0;
      for (let made = 0; made < 6000; made++) {
        const bytes = Buffer.from(mutant(handler, handMade[handler], random), "latin1");
        const all = read(handler, bytes);
        const wanted = wantedOf(paths.filter(() => random() < 0.5));
        const some = read(handler, bytes, wanted);
        if ("reason" in all) {
          assertRefusedAlike(handler, some, all);
          continue;
        }
        assert.ok(!("reason" in some));
        if (some.variables.size < all.variables.size) inPart++;
        for (const { name, inside } of wanted) {
          for (const path of inside === undefined ? [[name]] : inside.map((inner) => [name, inner.name])) {
            assert.deepEqual(valueAt(some, path), valueAt(all, path), bytes.toString("latin1"));
          }
        }
      }
      assert.ok(inPart > 200, `${handler}: ${inPart} were not read in full`);
    }
  });

  it("is not completed by what a longer one left behind", () => {
    const inside = `a:3:{i:1;d:-1.5E+25;i:-2;O:4:"User":1:{${counted("name")}b:1;}${counted("k")}${counted("x")}}`;
    const reason = (session: object) => ("reason" in session ? session.reason : "readable");
    for (const handler of handlers) {
      const sessions: Buffer[] = handMade[handler].map((session) => Buffer.from(session, "latin1"));
      if (isTextHandler(handler)) {
        sessions.push(
          written(handler, [
            ["a", inside],
            ["b", "i:12;"],
          ]),
        );
      }
      for (const bytes of sessions) {
        const whole = reason(read(handler, bytes, []));
        for (let length = 0; length < bytes.length; length++) {
          const cut = bytes.subarray(0, length);
          assert.equal(reason(read(handler, cut, [])), reason(read(handler, cut)));
          assert.equal(reason(read(handler, bytes, [])), whole);
        }
      }
    }
  });

  it("holds no key twice in a binary format, however many keys there are and in whatever order", () => {
    const two = (number: number) => String.fromCharCode(number >> 8, number & 255);
    const igbinary = (keys: readonly string[]) =>
      `\0\0\0\x02\x14\x02\x11\x01a\x05\x11\x01b\x15${two(keys.length + 300)}${keys.join("")}${filling("\x08", "\0")}`;
    const msgpack = (keys: readonly string[]) =>
      `\x82\xa1a\xc3\xa1b\xde${two(keys.length + 300)}${keys.join("")}${filling("\xcd", "\xc0")}`;
    const filling = (type: string, value: string) =>
      Array.from({ length: 300 }, (_, place) => `${type}${two(0x7000 + place)}${value}`).join("");
    const isReadInPart = (handler: Handler, session: string) => {
      const { variables } = decoders[handler](Buffer.from(session, "latin1"), wantedOf([["a"]]));
      return !variables.has("b");
    };
    const names = Array.from({ length: 200 }, (_, name) => `k${String(name).padStart(3, "0")}`);
    for (const count of [1, 2, 63, 64, 65, 200]) {
      for (const repeated of [undefined, 0, count - 1]) {
        const keys =
          repeated === undefined ? names.slice(0, count) : [...names.slice(0, count), names[repeated]];
        const igbinaryKeys = keys.map((name) => `\x11\x04${name}\0`);
        const msgpackKeys = keys.map((name) => `\xa4${name}\xc0`);
        if (repeated === undefined) {
          assert.ok(isReadInPart("igbinary", igbinary(igbinaryKeys)));
          assert.ok(isReadInPart("msgpack", msgpack(msgpackKeys)));
        } else {
          assert.throws(() => isReadInPart("igbinary", igbinary(igbinaryKeys)), /malformed/);
          assert.throws(
            () =>
              isReadInPart(
                "igbinary",
                igbinary([...igbinaryKeys.slice(0, -1), `\x0e${String.fromCharCode(repeated + 2)}\0`]),
              ),
            /malformed/,
          );
          assert.throws(() => isReadInPart("msgpack", msgpack(msgpackKeys)), /malformed/);
        }
      }
    }
    for (const [handler, session, integers] of [
      [
        "igbinary",
        igbinary,
        [
          "\x06\x05\0",
          "\x06\x02\0",
          "\x07\x01\0",
          "\x08\x01\0\0",
          "\x20\x7f\xff\xff\xff\xff\xff\xff\xfe\0",
          "\x20\x7f\xff\xff\xff\xff\xff\xff\xff\0",
        ],
      ],
      [
        "msgpack",
        msgpack,
        [
          "\x05\xc0",
          "\x02\xc0",
          "\xff\xc0",
          "\xcd\x01\0\xc0",
          "\xcf\x7f\xff\xff\xff\xff\xff\xff\xfe\xc0",
          "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\xc0",
        ],
      ],
    ] as const) {
      assert.ok(isReadInPart(handler, session(integers)));
      const name = handler === "igbinary" ? "\x11\x01k\0" : "\xa1k\xc0";
      for (const integer of integers) {
        assert.throws(() => isReadInPart(handler, session([...integers, integer])), /malformed/);
        assert.throws(() => isReadInPart(handler, session([integer, name, integer])), /malformed/);
      }
    }
    // Other texts with the same print.
    const alike = ["\x11\x0aabcd12wxyz\0", "\x11\x0aabcd34wxyz\0"];
    assert.ok(isReadInPart("igbinary", igbinary(alike)));
    assert.throws(() => isReadInPart("igbinary", igbinary([...alike, alike[0] ?? ""])), /malformed/);
    assert.throws(() => isReadInPart("igbinary", igbinary(["\x0d\0", "\x0d\0"])), /malformed/);
    assert.ok(isReadInPart("igbinary", igbinary(["\x0d\0", ...alike])));
  });

  it("is judged as in full when real PHP has written it", { skip: missing("php") }, () => {
    const script = fileURLToPath(new URL("random-sessions.php", import.meta.url));
    for (const handler of handlers) {
      const args = [script, "write", handler, "2", "500"];
      const lines = spawnSync("php", args, { encoding: "utf8", maxBuffer: 2 ** 30 })
        .stdout.trim()
        .split("\n");
      assert.equal(lines.length, 500);
      let readable = 0;
      for (const line of lines) {
        const bytes = Buffer.from(JSON.parse(line).bytes, "base64");
        for (const name of ["v", "valice", "v__proto__", "leg1"]) {
          const expressions = { authenticated: `${name} == \`true\``, user: `"${name}"` };
          if (compare(handler, bytes, expressions)) readable++;
        }
      }
      // PHP's msgpack writes some that it does not read itself.
      if (handler === "msgpack") assert.ok(readable > 1500, `${readable} were readable`);
      else assert.equal(readable, 2000);
    }
  });

  it("is held to the same limits", () => {
    const wanted = ["user", counted("alice")] as const;
    const deep = (depth: number) => `${"a:1:{i:0;".repeat(depth)}N;${"}".repeat(depth)}`;
    const { authenticated, user } = { authenticated: "user != `null`", user: "user" };
    for (const handler of textHandlers) {
      const around = handler === "php_serialize" ? 1 : 0;
      for (const [value, isReadable] of [
        [deep(maxDepth - around), true],
        [deep(maxDepth - around + 1), false],
        ["a:2147483647:{", false],
        ["s:99999999999:", false],
      ] as const) {
        const bytes = written(handler, [wanted, ["skipped", value]]);
        assert.equal(compare(handler, bytes, { authenticated, user }), isReadable, value.slice(0, 20));
      }
    }
    for (const handler of ["php", "php_binary"] as const) {
      const many = (count: number) => written(handler, Array(count).fill(["z", "N;"]));
      assert.equal(compare(handler, many(maxValues), { authenticated, user }), true);
      assert.equal(compare(handler, many(maxValues + 1), { authenticated, user }), false);
    }
  });

  it("is refused where what is not wanted is written as PHP does not write it", () => {
    const expressions = { authenticated: "user != `null`", user: "user" };
    for (const handler of textHandlers) {
      for (const value of [
        ...[
          "i:-0;",
          "i:00;",
          "i:-;",
          "i:;",
          's:01:"x";',
          's:x:"";',
          "b:2;",
          "d:;",
          "d:.5;",
          "d:1e;",
          "d:1E+1000;",
        ],
        ...['O:0:"":0:{}', 'O:2:"\\a":0:{}', "a:1:{N;N;}", "a:1:{i:0;}", "a:01:{i:0;N;}"],
      ]) {
        const bytes = written(handler, [
          ["user", counted("alice")],
          ["z", value],
        ]);
        assert.equal(compare(handler, bytes, expressions), false, value);
      }
    }
    for (const value of ["\x11\0", "\x12\0\x01a", "\x07\0", "\x08\0\x05", "\x0e\x03", "\x14\x01\0\0"]) {
      const bytes = Buffer.from(`\0\0\0\x02\x14\x02\x11\x04user\x11\x05alice\x11\x01z${value}`, "latin1");
      assert.equal(compare("igbinary", bytes, expressions), false, Buffer.from(value).toString("hex"));
    }
  });

  it("is held to the same limits in igbinary", () => {
    const session = (value: Buffer) =>
      Buffer.concat([Buffer.from("\0\0\0\x02\x14\x02\x11\x04user\x11\x05alice\x11\x01z", "latin1"), value]);
    const deep = (depth: number) => Buffer.from(`${"\x14\x01\x06\0".repeat(depth)}\0`, "latin1");
    const many = (count: number) => {
      const list = Buffer.alloc(5 + count * 6);
      list[0] = 0x16;
      list.writeUInt32BE(count, 1);
      let end = 5;
      for (let key = 0; key < count; key++) {
        const width = key < 0x100 ? 1 : key < 0x1_0000 ? 2 : 4;
        list[end] = width === 1 ? 0x06 : width === 2 ? 0x08 : 0x0a;
        end = list.writeUIntBE(key, end + 1, width) + 1;
      }
      return list.subarray(0, end);
    };
    const expressions = { authenticated: "user != `null`", user: "user" };
    for (const [value, isReadable] of [
      [deep(maxDepth - 1), true],
      [deep(maxDepth), false],
      // The session, the user and the list are values, too.
      [many(maxValues - 3), true],
      [many(maxValues - 2), false],
    ] as const) {
      assert.equal(compare("igbinary", session(value), expressions), isReadable);
    }
  });

  it("has nothing made of what is not wanted, references or not", () => {
    for (const handler of textHandlers) {
      const slot = handler === "php_serialize" ? 2 : 1;
      for (const value of ["N;", `R:${slot};`]) {
        const bytes = written(handler, [
          ["a", `a:1:{i:0;${counted("x")}}`],
          ["b", value],
          ["c", value],
        ]);
        const { variables } = decoders[handler](bytes, wantedOf([["b"]]));
        assert.deepEqual([...variables.keys()], ["b"], handler);
        assert.deepEqual(variables.get("b"), decoders[handler](bytes).variables.get("b"), handler);
      }
    }
  });

  it("is read where only what is not wanted refers to what is uncertain", () => {
    const leg = 'C:3:"Leg":4:{i:1;}';
    for (const handler of textHandlers) {
      const slot = (number: number) => number + (handler === "php_serialize" ? 1 : 0);
      const sessions: [string, string][][] = [
        [
          ["leg", leg],
          ["cart", `a:2:{i:0;O:8:"stdClass":0:{}i:1;r:${slot(4)};}`],
        ],
        [
          ["leg", leg],
          ["cart", `R:${slot(40)};`],
        ],
        [["cart", `a:3:{i:0;i:1;i:0;i:2;i:1;R:${slot(3)};}`]],
      ];
      for (const doubtful of sessions) {
        const bytes = written(handler, [["user", counted("alice")], ...doubtful]);
        assert.match((read(handler, bytes) as { reason: string }).reason, /uncertain-reference/);
        for (const name of ["user", "leg", "cart"]) {
          const part = read(handler, bytes, wantedOf([[name]]));
          assert.equal("reason" in part, name === "cart", name);
        }
      }
    }
  });

  it("follows wanted references wherever they lead", () => {
    for (const handler of textHandlers) {
      const slot = (number: number) => number + (handler === "php_serialize" ? 1 : 0);
      const bytes = written(handler, [
        [
          "skipped",
          `a:2:{i:0;O:4:"User":2:{${counted("name")}${counted("alice")}${counted("self")}r:${slot(2)};}i:1;i:7;}`,
        ],
        ["user", `r:${slot(2)};`],
        ["again", `r:${slot(6)};`],
        ["number", `R:${slot(5)};`],
        ["ring", `a:2:{i:0;R:${slot(8)};i:1;R:${slot(1)};}`],
      ]);
      const whole = decoders[handler](bytes);
      for (const names of [["user"], ["again", "number"], ["ring"], ["user", "ring", "again"]]) {
        const { variables } = decoders[handler](bytes, wantedOf(names.map((name) => [name])));
        for (const name of names) assert.deepEqual(variables.get(name), whole.variables.get(name), name);
      }
      const { variables } = decoders[handler](bytes, wantedOf([["user"], ["again"]]));
      assert.equal(variables.get("user"), variables.get("again"));
    }
  });

  it("is not touched by what a refused one left behind", () => {
    for (const handler of textHandlers) {
      const slot = (number: number) => number + (handler === "php_serialize" ? 1 : 0);
      const refused = written(handler, [
        ["skipped", `a:2:{i:0;${counted("x".repeat(30))}i:1;a:1:{i:0;N;}}`],
        ["user", `a:2:{i:0;R:${slot(3)};i:1;N;}`],
        ["leg", 'C:3:"Leg":4:{i:1;}'],
        ["cart", `R:${slot(40)};`],
      ]);
      const plain = written(handler, [["user", `a:1:{i:0;${counted("1".repeat(90))}}`]]);
      const before = decoders[handler](plain);
      assert.ok("reason" in read(handler, refused));
      assert.ok("reason" in read(handler, refused, wantedOf([["user"], ["cart"]])));
      assert.deepEqual(decoders[handler](plain), before);
      assert.deepEqual(decoders[handler](plain, wantedOf([["user"]])), before);
    }
  });

  it("takes no more of the stack than its nesting, however references chain", () => {
    const count = 16_000;
    for (const handler of textHandlers) {
      const first = handler === "php_serialize" ? 2 : 1;
      const links = Array.from({ length: count }, (_, place) => [
        `k${place.toString(36)}`,
        place === 0 ? "a:0:{}" : `a:1:{i:0;R:${first + place - 1};}`,
      ]) as [string, string][];
      const bytes = written(handler, links);
      const last = `k${(count - 1).toString(36)}`;
      for (const wanted of [undefined, wantedOf([[last]])]) {
        let value = decoders[handler](bytes, wanted).variables.get(last);
        let depth = 0;
        for (; value instanceof PhpArray && value.entries.size > 0; depth++) value = value.entries.get(0);
        assert.equal(depth, count - 1);
      }
    }
  });
});
