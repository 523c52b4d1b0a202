import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { problemOfExpression } from "../../../inspector/expressions/search.ts";

describe("the problem of an expression", () => {
  it("is nothing where it can be read", () => {
    assert.equal(problemOfExpression('"a/b".c[0].d'), undefined);
    assert.equal(problemOfExpression("length(roles) > `0`"), undefined);
    assert.equal(
      problemOfExpression("php_unserialize(token).user && not_older_than(last, `1800`)"),
      undefined,
    );
  });

  it("is said where it cannot", () => {
    for (const expression of [
      "",
      "a.",
      "a ==",
      "nofunction(a)",
      "length(a, b)",
      "json_decode()",
      "constructor",
    ]) {
      assert.equal(typeof problemOfExpression(expression), "string", expression);
    }
  });
});
