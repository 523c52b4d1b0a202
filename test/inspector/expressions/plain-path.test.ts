import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { search } from "@aws-lambda-powertools/jmespath";
import fc from "fast-check";
import { plainPathOf, valueAt } from "../../../inspector/expressions/plain-path.ts";
import { toDocument, valueToDocument } from "../../../inspector/session/document.ts";
import { decodePhp } from "../../../inspector/session/formats/php.ts";
import {
  PhpArray,
  PhpEnum,
  PhpObject,
  PhpSerializable,
  type PhpValue,
  propertyOf,
} from "../../../inspector/session/model.ts";

/** The value, or the code of the error. */
function outcome(evaluate: () => unknown): unknown {
  try {
    return evaluate();
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("a plain path", () => {
  it("is names joined by dots, quoted where they need it", () => {
    assert.deepEqual(plainPathOf("user"), ["user"]);
    assert.deepEqual(plainPathOf("_sf2.user_1.name"), ["_sf2", "user_1", "name"]);
    assert.deepEqual(plainPathOf('"symfony/user/sfUser".a."b.c d"'), ["symfony/user/sfUser", "a", "b.c d"]);
    assert.deepEqual(plainPathOf('"é"'), ["\xc3\xa9"]);
  });

  it("is no other expression", () => {
    const others = [
      ...[
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "a b",
        " a",
        "a ",
        "1a",
        "a-b",
        "a[0]",
        "a.*",
        "@",
        "a || b",
        "!a",
        "a|b",
      ],
      ...["`1`", "'a'", "f(a)", '"a', '"a\\"b"', '""', '"a\nb"', "a.[b]", "a.{b: c}", "&a", "a\n", "é"],
      ...['"$class"', 'a."$$b"', '"5"', 'a."-0"', 'a."B::c"', '"\ud800"'],
    ];
    for (const other of others) assert.equal(plainPathOf(other), undefined, other);
  });

  it("finds what PHP stores by these names", () => {
    const session = decodePhp(
      Buffer.from('user|O:1:"U":1:{s:7:"\0U\0name";s:5:"alice";}list|a:1:{i:0;i:1;}'),
    );
    assert.equal(valueAt(session, ["user", "name"]), "alice");
    for (const path of [
      ["toString"],
      ["__proto__"],
      ["user", "constructor"],
      ["list", "length"],
      ["list", "0"],
    ]) {
      assert.equal(valueAt(session, path), null, path.join("."));
    }
  });

  it("finds what the JMESPath library finds in the document", () => {
    const name = fc.constantFrom(
      "a",
      "b",
      "c_1",
      "d/e",
      "__proto__",
      "length",
      "\xc3\xa9",
      "\xff",
      "$class",
      "U::a",
    );
    const stored = fc.oneof(name, fc.constantFrom("\0*\0a", "\0U\0a", "\0V\0a", "\0a"));
    const { value } = fc.letrec<{ value: PhpValue }>((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        fc.constantFrom(null, true, false, 0, 1.5, Number.NaN, 2n ** 60n, "", "text", "\xff"),
        fc.constantFrom(new PhpEnum("a", "b"), new PhpSerializable("a", "b")),
        fc
          .array(fc.tuple(fc.oneof(name, fc.constantFrom(0, 1)), tie("value")), { maxLength: 4 })
          .map((entries) => {
            const array = new PhpArray();
            for (const [key, inner] of entries) array.entries.set(key, inner);
            return array;
          }),
        fc.array(fc.tuple(stored, tie("value")), { maxLength: 4 }).map((entries) => {
          const object = new PhpObject("U");
          for (const [key, inner] of entries)
            object.properties.set(key, { ...propertyOf(key), value: inner });
          return object;
        }),
      ),
    }));
    const variables = fc.array(fc.tuple(name, value), { maxLength: 4 });
    const path = fc.array(fc.constantFrom("a", "b", "c_1", "d/e", "__proto__", "length", "é"), {
      minLength: 1,
      maxLength: 4,
    });
    let found = 0;
    let uncertain = 0;
    fc.assert(
      fc.property(variables, path, (entries, names) => {
        const session = { variables: new Map(entries) };
        const expression = names.map((key) => `"${key}"`).join(".");
        const plainPath = plainPathOf(expression);
        assert.ok(plainPath);
        const inDocument = outcome(() => search(expression, toDocument(session) as never));
        assert.deepEqual(
          outcome(() => valueToDocument(valueAt(session, plainPath))),
          inDocument,
        );
        if (inDocument === "uncertain-property") uncertain++;
        else if (inDocument !== null) found++;
      }),
      { numRuns: 5000, seed: 1 },
    );
    assert.ok(found > 200, `${found} were found`);
    assert.ok(uncertain > 5, `${uncertain} were uncertain`);
  });
});
