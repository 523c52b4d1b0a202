import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { search } from "@aws-lambda-powertools/jmespath";
import fc from "fast-check";
import { ExpressionFunctions } from "../../../inspector/expressions/functions.ts";
import { Budget } from "../../../inspector/session/budget.ts";
import { toDocument } from "../../../inspector/session/document.ts";
import { decodePhp } from "../../../inspector/session/formats/php.ts";
import { maxSessionBytes } from "../../../inspector/session/limits.ts";

const now = 1_800_000_000;

/** The value of an expression on a session with these variables (name -> bytes), and how it failed. */
function evaluate(expression: string, texts: Readonly<Record<string, string>> = {}) {
  const session = Object.entries(texts)
    .map(([name, text]) => `${name}|s:${text.length}:"${text}";`)
    .join("");
  const functions = new ExpressionFunctions(now, new Budget());
  const document = toDocument(decodePhp(Buffer.from(session, "latin1")));
  const value = search(expression, document as never, { customFunctions: functions }) as unknown;
  return { value: value === null ? null : JSON.parse(JSON.stringify(value)), failure: functions.failure };
}

function resultOf(expression: string, texts: Readonly<Record<string, string>> = {}): unknown {
  const { value, failure } = evaluate(expression, texts);
  assert.equal(failure, undefined, expression);
  return value;
}

function failureOf(expression: string, texts: Readonly<Record<string, string>> = {}): string | undefined {
  const { value, failure } = evaluate(expression, texts);
  if (failure !== undefined) assert.equal(value, null);
  return failure;
}

describe("php_unserialize", () => {
  it("gives what serialize() wrote", () => {
    const values: [string, unknown][] = [
      ["N;", null],
      ["b:1;", true],
      ["i:-5;", -5],
      ['s:5:"alice";', "alice"],
      ['a:2:{i:0;s:1:"a";i:1;s:1:"b";}', ["a", "b"]],
      ['a:1:{s:6:"$class";i:1;}', { $$class: 1 }],
    ];
    for (const [a, value] of values) assert.deepEqual(resultOf("php_unserialize(a)", { a }), value, a);
  });

  it("reads private properties, whose names hold NUL", () => {
    const a = 'O:4:"User":1:{s:10:"\0User\0name";s:5:"alice";}';
    assert.equal(resultOf("php_unserialize(a).name", { a }), "alice");
  });

  it("reads bytes that are no UTF-8", () => {
    const a = 'a:2:{s:4:"name";s:5:"alice";s:3:"raw";s:2:"\xff\xfe";}';
    assert.equal(resultOf("type(a)", { a }), "object");
    assert.equal(resultOf("php_unserialize(a).name", { a }), "alice");
    assert.deepEqual(resultOf("php_unserialize(a).raw", { a }), { $base64: "//4=" });
  });

  it("counts bytes and not characters", () => {
    const a = Buffer.from('s:7:"Jürgen";').toString("latin1");
    assert.equal(resultOf("php_unserialize(a)", { a }), "Jürgen");
  });

  it("fails on anything else, and on anything behind the value", () => {
    for (const a of ["alice", 's:5:"alice"', 's:5:"alice";x', "i:1;i:2;", 's:9:"alice";']) {
      assert.match(failureOf("php_unserialize(a)", { a }) ?? "", /^(malformed|truncated)$/, a);
    }
    assert.equal(failureOf("php_unserialize(a)", { a: "a:1:{i:0;".repeat(600) }), "too-deep");
  });
});

describe("php_session", () => {
  it("gives the variables of a session inside the session", () => {
    const a = 'user|s:5:"alice";authenticated|b:1;';
    assert.deepEqual(resultOf("php_session(a)", { a }), { user: "alice", authenticated: true });
    assert.deepEqual(resultOf("php_session(a)", { a: "" }), {});
    assert.equal(failureOf("php_session(a)", { a: "user" }), "truncated");
  });
});

describe("base64_decode", () => {
  it("gives text, or the bytes of what is none", () => {
    for (const text of ["", "a", "ab", "abc", "abcd"]) {
      const padded = Buffer.from(text).toString("base64");
      for (const a of [padded, padded.replaceAll("=", "")])
        assert.equal(resultOf("base64_decode(a)", { a }), text);
    }
    assert.deepEqual(resultOf("base64_decode(a)", { a: "//4=" }), { $base64: "//4=" });
  });

  it("fails on what is no base64, and on a piece of it", () => {
    for (const a of ["a", "a b=", "YQ=", "YQ===", "=", "abc-", "YWJj\n", "\xff"]) {
      assert.equal(failureOf("base64_decode(a)", { a }), "malformed", a);
    }
  });

  it("goes together with the others", () => {
    const a = Buffer.from('O:1:"A":1:{s:4:"\0A\0d";s:2:"\xff\xfe";}', "latin1").toString("base64");
    assert.deepEqual(resultOf("php_unserialize(base64_decode(a)).d", { a }), { $base64: "//4=" });
    assert.deepEqual(resultOf("a | base64_decode(@) | php_unserialize(@) | type(d)", { a }), "object");
  });
});

describe("json_decode", () => {
  it("gives what JSON says, in the document's own way", () => {
    const a = '{"user":{"id":5,"names":["a","b"],"x":null},"$base64":"YQ==","__proto__":{"admin":true}}';
    assert.equal(resultOf("json_decode(a).user.id", { a }), 5);
    assert.equal(resultOf("json_decode(a).user.names[1]", { a }), "b");
    assert.equal(resultOf("json_decode(a).admin", { a }), null);
    assert.equal(resultOf('json_decode(a)."$base64"', { a }), null);
    assert.equal(failureOf("base64_decode(json_decode(a))", { a }), "not-text");
    assert.equal(resultOf("json_decode(a)", { a: "null" }), null);
    assert.equal(resultOf("json_decode(a).toString", { a: "{}" }), null);
    assert.deepEqual(resultOf("json_decode(a)", { a: "1e999" }), { $float: "INF" });
    assert.deepEqual(resultOf("json_decode(a)", { a: "1.0" }), { $float: "1.0" });
    assert.deepEqual(resultOf("json_decode(a)", { a: "9007199254740993" }), { $int: "9007199254740993" });
  });

  it("fails on what is none, is nested too deep, names a thing twice, or holds half a character", () => {
    for (const a of ["", "{", '{"a":1,']) assert.equal(failureOf("json_decode(a)", { a }), "truncated", a);
    for (const a of ["{a:1}", "'a'", '{"a":1,"a":1}', '"\\ud800"', '{"\\ud800":1}', '"\xff"']) {
      assert.equal(failureOf("json_decode(a)", { a }), "malformed", a.slice(0, 20));
    }
    assert.equal(resultOf("json_decode(a) != `null`", { a: "[".repeat(500) + "]".repeat(500) }), true);
    assert.equal(failureOf("json_decode(a)", { a: "[".repeat(maxSessionBytes - 100) }), "too-deep");
  });
});

describe("not_older_than", () => {
  it("is true below its number of seconds, and false from there on", () => {
    for (const [timestamp, isYoung] of [
      [now, true],
      [now - 1799, true],
      [now - 1799.9, true],
      [now - 1800, false],
      [0, false],
      [now + 300, true],
      [now + 301, false],
      [now * 1000, false],
    ] as const) {
      assert.equal(resultOf(`not_older_than(\`${timestamp}\`, \`1800\`)`), isYoung, `${timestamp}`);
    }
  });

  it("is false for anything but a number", () => {
    for (const literal of [
      "null",
      "true",
      '"1800000000"',
      "[1800000000]",
      '{"a":1800000000}',
      '{"$float":"NAN"}',
    ]) {
      assert.equal(resultOf(`not_older_than(\`${literal}\`, \`1800\`)`), false, literal);
    }
    assert.throws(() => resultOf("not_older_than(`1`, 'x')"), { name: "JMESPathTypeError" });
    assert.throws(() => resultOf("not_older_than(`1`)"), { name: "ArityError" });
  });
});

describe("in_future", () => {
  it("is true for a later time, and false for any other and for anything but a number", () => {
    assert.equal(resultOf(`in_future(\`${now + 1}\`)`), true);
    for (const literal of [now, now - 1, "null", "true", `"${now + 1}"`, `[${now + 1}]`]) {
      assert.equal(resultOf(`in_future(\`${literal}\`)`), false, `${literal}`);
    }
  });
});

describe("the functions of expressions", () => {
  const decoders = ["php_unserialize", "php_session", "json_decode", "base64_decode"];

  it("give null for null: a key that is not there is nobody's", () => {
    for (const name of decoders) assert.equal(resultOf(`${name}(nothing)`), null, name);
  });

  it("fail on what is no text", () => {
    for (const name of decoders) {
      for (const literal of ["1", "true", "[]", "{}", '["a"]']) {
        assert.equal(failureOf(`${name}(\`${literal}\`)`), "not-text", `${name} ${literal}`);
      }
    }
  });

  it("remember a failure that the expression itself would pass over", () => {
    for (const expression of [
      "!php_unserialize(a)",
      "php_unserialize(a) == `null`",
      "php_unserialize(a) || `true`",
      "not_null(php_unserialize(a), `true`)",
      "[php_unserialize(a), php_unserialize(b)][1]",
    ]) {
      assert.equal(evaluate(expression, { a: "x", b: "b:1;" }).failure, "malformed", expression);
    }
  });

  it("are bounded in all that they decode", () => {
    const big = `s:${400_000}:"${"x".repeat(400_000)}";`;
    const calls = (count: number) => `[${Array(count).fill("length(php_unserialize(a))").join()}]`;
    assert.equal((resultOf(calls(5), { a: big }) as number[]).length, 5);
    const functions = new ExpressionFunctions(now, new Budget());
    const search5 = () => search("length(php_unserialize(a))", { a: big }, { customFunctions: functions });
    for (let i = 0; i < 5; i++) search5();
    assert.throws(search5, { name: "JMESPathTypeError" });
    assert.equal(functions.failure, "too-much-to-decode");
  });

  it("give a value or fail by a code, whatever the text", () => {
    const text = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    });
    fc.assert(
      fc.property(text, fc.constantFrom(...decoders), (a, name) => {
        assert.match(evaluate(`${name}(a)`, { a }).failure ?? "none", /^[a-z-]+$/);
      }),
      { numRuns: 3000 },
    );
  });
});
