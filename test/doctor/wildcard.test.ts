import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { expandWildcard, hasWildcard, maxMatches } from "../../doctor/wildcard.ts";
import { temporaryDirectory } from "../real/directory.ts";

const root = temporaryDirectory();
for (const path of [
  "a/x.pem",
  "a/y.pem",
  "a/.hidden.pem",
  "a/z.key",
  "b/x.pem",
  "b/c/deep.pem",
  "a/[odd].pem",
]) {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), "");
}
const found = (pattern: string) =>
  expandWildcard(join(root, pattern)).map((path) => path.slice(root.length + 1));

describe("a path with wildcards", () => {
  it("means the files that there are, in order", () => {
    assert.deepEqual(found("a/*.pem"), ["a/[odd].pem", "a/x.pem", "a/y.pem"]);
    assert.deepEqual(found("?/x.pem"), ["a/x.pem", "b/x.pem"]);
    assert.deepEqual(found("*/x.{pem,key}"), ["a/x.pem", "b/x.pem"]);
    assert.deepEqual(found("a/[w-y].pem"), ["a/x.pem", "a/y.pem"]);
    assert.deepEqual(found("**/deep.pem"), ["b/c/deep.pem"]);
    assert.deepEqual(found("a/.*.pem"), ["a/.hidden.pem"]);
    assert.deepEqual(found("c/*.pem"), []);
    assert.deepEqual(found("a/x.pem/*"), []);
  });

  it("is told from one without", () => {
    assert.equal(hasWildcard("/a/b.pem"), false);
    for (const pattern of ["*", "?", "[a]", "{a,b}"]) assert.equal(hasWildcard(pattern), true);
  });

  it(`means ${maxMatches} files at the most, and follows no circle without end`, () => {
    const many = join(root, "many");
    mkdirSync(many);
    symlinkSync(many, join(many, "circle"));
    for (let i = 0; i < maxMatches + 5; i++) writeFileSync(join(many, `${i}.pem`), "");
    assert.equal(found("many/*.pem").length, maxMatches);
    assert.ok(found("many/**/1.pem").length <= maxMatches);
  });
});
