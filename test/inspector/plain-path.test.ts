import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { search } from "@aws-lambda-powertools/jmespath";
import fc from "fast-check";
import type { Document, DocumentObject } from "../../inspector/php/document.ts";
import { plainPathOf, valueAt } from "../../inspector/plain-path.ts";

describe("a plain path", () => {
  it("is names joined by dots, quoted where they need it", () => {
    assert.deepEqual(plainPathOf("user"), ["user"]);
    assert.deepEqual(plainPathOf("_sf2.user_1.name"), ["_sf2", "user_1", "name"]);
    assert.deepEqual(plainPathOf('"symfony/user/sfUser".a."b.c d"'), ["symfony/user/sfUser", "a", "b.c d"]);
    assert.deepEqual(plainPathOf('"é😀"'), ["é😀"]);
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
    ];
    for (const other of others) assert.equal(plainPathOf(other), undefined, other);
  });

  it("finds own keys only", () => {
    const document: Document = { user: { name: "alice" }, list: ["a"] };
    assert.equal(valueAt(document, ["user", "name"]), "alice");
    for (const path of [
      ["toString"],
      ["__proto__"],
      ["user", "constructor"],
      ["list", "length"],
      ["list", "0"],
    ]) {
      assert.equal(valueAt(document, path), null, path.join("."));
    }
  });

  it("finds what the JMESPath library finds", () => {
    const key = fc.constantFrom("a", "b", "c_1", "d/e", "__proto__", "length", "é", "$class");
    const { document } = fc.letrec<{ document: Document }>((tie) => ({
      document: fc.oneof(
        { depthSize: "small" },
        fc.constantFrom(null, true, false, 0, 1.5, "", "text"),
        fc.array(tie("document"), { maxLength: 3 }),
        fc.array(fc.tuple(key, tie("document")), { maxLength: 4 }).map((entries) => {
          const object = Object.create(null) as DocumentObject;
          for (const [name, value] of entries) object[name] = value;
          return object;
        }),
      ),
    }));
    fc.assert(
      fc.property(document, fc.array(key, { minLength: 1, maxLength: 4 }), (found, keys) => {
        const expression = keys.map((name) => `"${name}"`).join(".");
        const path = plainPathOf(expression);
        assert.deepEqual(path, keys);
        assert.strictEqual(valueAt(found, keys), search(expression, found as never));
      }),
      { numRuns: 3000 },
    );
  });
});
