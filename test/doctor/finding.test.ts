import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { distinct, type Finding, textOfFinding } from "../../doctor/finding.ts";

const at = { file: "/e.yml", line: 3 };

describe("a finding's text", () => {
  const finding: Finding = { level: "fail", check: "cache", at, says: "it is on", change: "turn it off" };

  it("has its level, its check, its place and what to change", () => {
    assert.equal(textOfFinding(finding, false), "fail  cache        /e.yml:3: it is on -> turn it off");
    assert.equal(
      textOfFinding({ level: "ok", check: "tls", says: "good" }, false),
      "ok    tls          good",
    );
  });

  it("says what to write, to take out or to add, and gives blocks as they are to be pasted", () => {
    const { change: _, ...plain } = finding;
    const adviceOf = (edit: NonNullable<Finding["edit"]>) =>
      textOfFinding({ ...plain, edit }, false).replace(/^.* -> /, "");
    assert.equal(adviceOf({ kind: "replace", at, lines: ["a: b"] }), "write a: b");
    assert.equal(
      adviceOf({ kind: "replace", at, lines: ["a: b", "c: d"] }),
      "write this in its place:\na: b\nc: d",
    );
    assert.equal(adviceOf({ kind: "remove", at }), "take this entry out");
    assert.equal(adviceOf({ kind: "add", at, lines: ["tls: true"] }), "add to this entry tls: true");
    assert.equal(
      adviceOf({ kind: "append", file: "/e.yml", lines: ["a: b", "c: d"] }),
      "add to the end of /e.yml:\na: b\nc: d",
    );
  });

  it("is coloured where it is asked for, in the same columns", () => {
    assert.equal(
      textOfFinding(finding, true),
      "\u001b[31mfail\u001b[0m  cache        /e.yml:3: it is on -> turn it off",
    );
  });

  it("holds no control character of what it repeats, and none that turns a line around", () => {
    const says = "a\nb\u001b[2Jc\u0007\u009b\u202e\u2028";
    for (const isColoured of [false, true]) {
      const text = textOfFinding({ level: "warn", check: "x", says }, isColoured);
      assert.match(text, / a\?b\?\[2Jc\?\?\?\?$/);
    }
  });
});

describe("findings", () => {
  it("are told once each", () => {
    const one: Finding = { level: "ok", check: "x", says: "y" };
    assert.deepEqual(distinct([one, { ...one }, { ...one, says: "z" }]), [one, { ...one, says: "z" }]);
  });
});
