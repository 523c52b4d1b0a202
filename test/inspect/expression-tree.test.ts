import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { search } from "@aws-lambda-powertools/jmespath";
import fc from "fast-check";
import { expressionTree } from "../../inspect/expression-tree.ts";
import { type DocumentObject, toDocument } from "../../inspector/session/document.ts";
import { decodePhp } from "../../inspector/session/formats/php.ts";
import { arrayKey, PhpArray, PhpObject, type PhpValue, propertyOf } from "../../inspector/session/model.ts";

function documentOf(text: string): DocumentObject {
  return toDocument(decodePhp(Buffer.from(text, "latin1")));
}

function lines(text: string, showValues = true): string[] {
  const tree = expressionTree(documentOf(text), showValues) ?? [];
  return tree.map(({ path, isExpression, kind }) => `${path} -> ${kind}${isExpression ? "" : " !"}`);
}

const utf8 = fc.string({ unit: "binary" }).map((text) => Buffer.from(text).toString("latin1"));
const bytes = fc.uint8Array({ maxLength: 8 }).map((array) => Buffer.from(array).toString("latin1"));
const odd = fc.constantFrom(
  "",
  "length",
  "__proto__",
  "$class",
  "5",
  "-1",
  "a.b",
  'a"b',
  "a\\",
  "`",
  "'",
  "a|b",
);
const key = fc.oneof(odd, utf8, bytes);

const { value } = fc.letrec<{ value: PhpValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(utf8, bytes, fc.double(), fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }), fc.constant(null)),
    fc.array(tie("value"), { maxLength: 4 }).map((items) => arrayOf(items.map((item, at) => [at, item]))),
    fc.array(fc.tuple(key, tie("value")), { maxLength: 4 }).map(arrayOf),
    fc.array(fc.tuple(key, tie("value")), { maxLength: 4 }).map(objectOf),
  ),
}));

function arrayOf(entries: readonly (readonly [string | number, PhpValue])[]): PhpArray {
  const array = new PhpArray();
  for (const [name, item] of entries) array.entries.set(arrayKey(String(name)), item);
  return array;
}

function objectOf(entries: readonly (readonly [string, PhpValue])[]): PhpObject {
  const object = new PhpObject("User");
  for (const [name, item] of entries) object.properties.set(name, { ...propertyOf(name), value: item });
  return object;
}

describe("the tree of expressions", () => {
  it("has one for every value, in the order of the document", () => {
    assert.deepEqual(lines('a|a:2:{i:0;N;i:1;s:1:"x";}u|O:4:"User":1:{s:4:"name";s:5:"alice";}'), [
      "a -> array(2)",
      "a[0] -> null",
      'a[1] -> "x"',
      "u -> object(2)",
      'u."$class" -> "User"',
      'u.name -> "alice"',
    ]);
  });

  it("masks values, but neither keys nor classes", () => {
    assert.deepEqual(lines('$class|s:5:"alice";u|O:4:"User":1:{s:6:"$class";s:5:"alice";}', false), [
      '"$$class" -> string(5)',
      "u -> object(2)",
      'u."$class" -> "User"',
      'u."$$class" -> string(5)',
    ]);
  });

  it("quotes a key that is no identifier", () => {
    assert.deepEqual(
      lines('symfony/user|a:1:{i:5;i:1;}\xc3\xab|b:1;a"b|i:2;_a1|i:4;toString|i:5;e|a:1:{s:1:"\x1b";i:3;}'),
      [
        '"symfony/user" -> object(1)',
        '"symfony/user"."5" -> 1',
        '"ë" -> true',
        '"a\\"b" -> 2',
        "_a1 -> 4",
        '"toString" -> 5',
        "e -> object(1)",
        'e."\\u001b" -> 3',
      ],
    );
  });

  it("ends where a value is inside itself", () => {
    assert.deepEqual(lines("a|a:1:{i:0;a:1:{i:0;R:1;}}"), [
      "a -> array(1)",
      "a[0] -> array(1)",
      "a[0][0] -> cycle",
    ]);
  });

  it("says of what lies behind an empty key that no expression names it", () => {
    assert.deepEqual(lines('a|a:1:{s:0:"";a:1:{i:5;i:1;}}'), [
      "a -> object(1)",
      'a."" -> object(1) !',
      'a.""."5" -> 1 !',
    ]);
    assert.equal(search('a.""', documentOf('a|a:1:{s:0:"";i:1;}')), null);
  });

  it("is none where it would be too long", () => {
    let text = "v0|a:0:{}";
    for (let slot = 1; slot < 1000; slot++) text += `v${slot}|a:2:{i:0;R:${slot};i:1;R:${slot};}`;
    assert.equal(expressionTree(documentOf(text), true), undefined);
  });

  it("names what each of its expressions evaluates to", () => {
    let evaluated = 0;
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value), { maxLength: 5 }), (variables) => {
        const document = toDocument({ variables: new Map(variables) });
        for (const { path, isExpression, value } of expressionTree(document, true) ?? []) {
          if (!isExpression) continue;
          assert.ok(Object.is(search(path, document as never), value), path);
          evaluated++;
        }
      }),
      { numRuns: 500, seed: 1 },
    );
    assert.ok(evaluated > 1000, `${evaluated}`);
  });
});
