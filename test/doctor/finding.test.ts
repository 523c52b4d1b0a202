import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { lineOf } from "../../doctor/finding.ts";

describe("a finding's line", () => {
  const finding = {
    level: "fail",
    check: "cache",
    at: { file: "/e.yml", line: 3 },
    says: "it is on",
    change: "turn it off",
  } as const;

  it("has its level, its check, its place and what to change", () => {
    assert.equal(lineOf(finding, false), "fail  cache       /e.yml:3: it is on -> turn it off");
    assert.equal(lineOf({ level: "ok", check: "tls", says: "good" }, false), "ok    tls         good");
  });

  it("is coloured where it is asked for, in the same columns", () => {
    assert.equal(
      lineOf(finding, true),
      "\u001b[31mfail\u001b[0m  cache       /e.yml:3: it is on -> turn it off",
    );
  });

  it("holds no control character of what it repeats", () => {
    const says = "a\nb\u001b[2Jc\u0007";
    assert.equal(lineOf({ level: "warn", check: "x", says }, false), "warn  x           a?b?[2Jc?");
  });
});
