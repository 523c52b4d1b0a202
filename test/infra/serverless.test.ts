import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const text = readFileSync(fileURLToPath(new URL("../../serverless.yml", import.meta.url)), "utf8");

describe("serverless.yml", () => {
  it("lets the same callers ask both routes: they differ in nothing but the path", () => {
    const routes = [...text.matchAll(/- httpApi:\n((?: {10,}.*\n)+)/g)].map(([, lines = ""]) => lines);
    const paths = routes.map((lines) => /path: (.*)/.exec(lines)?.[1]);
    assert.deepEqual(paths, ["/auth", "/sessions"]);
    const [auth, sessions] = routes.map((lines) => lines.replace(/path: .*/, ""));
    assert.equal(sessions, auth);
  });
});
