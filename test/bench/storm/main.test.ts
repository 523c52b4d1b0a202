// `npm run storm`: its command line.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));

describe("npm run storm", () => {
  it("refuses a name that no storm has, and says which there are", () => {
    for (const word of ["--help", "recipes"]) {
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ["--import", "tsx", "bench/storm/main.ts", word],
        { cwd: root, encoding: "utf8" },
      );
      assert.equal(status, 2, stderr);
      assert.equal(stdout, "");
      assert.ok(stderr.startsWith(`There is no storm ${word}: `) && stderr.includes("slow-store"), stderr);
    }
  });
});
