import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expressionTree } from "../../inspect/expression-tree.ts";
import { reportOf } from "../../inspect/report.ts";
import { toDocument } from "../../inspector/session/document.ts";
import { decodePhp } from "../../inspector/session/formats/php.ts";

const session = decodePhp(Buffer.from('a|a:1:{i:0;N;}b|a:1:{s:0:"";N;}'));
const tree = expressionTree(toDocument(session), false) ?? [];
const facts = [
  { about: "fits", text: "php", isGood: true },
  { about: "verdict", text: "refused", isGood: false },
];

describe("the report on a session", () => {
  it("is plain text", () => {
    assert.equal(
      reportOf(facts, tree, false),
      [
        "fits      php",
        "verdict   refused",
        "",
        "a     array(1)",
        "a[0]  null",
        "b     object(1)",
        'b.""  null  (an empty key: no expression names this)',
      ].join("\n"),
    );
  });

  it("has colours where they are wanted: good and bad, what is around a value, and its kind", () => {
    const lines = reportOf(facts, tree, true).split("\n");
    assert.equal(lines[0], "fits      \x1b[32mphp\x1b[0m");
    assert.equal(lines[1], "verdict   \x1b[31mrefused\x1b[0m");
    assert.equal(lines[4], "\x1b[2ma\x1b[0m[0]  \x1b[36mnull\x1b[0m");
  });

  it("is empty of a session that is", () => {
    assert.equal(reportOf([], [], false), "");
  });
});
