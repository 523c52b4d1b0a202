// The lock files: that npm verifies each package that it installs.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

const lockFiles = readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
  (path) => path.endsWith("package-lock.json") && !path.includes("node_modules"),
);

interface Entry {
  readonly integrity?: string;
  readonly resolved?: string;
}

describe("the lock files", () => {
  it("are those of the project and of the parts of its tests", () => {
    assert.ok(lockFiles.includes("package-lock.json"), lockFiles.join());
    assert.ok(lockFiles.length >= 3, lockFiles.join());
  });

  for (const file of lockFiles) {
    const { packages } = JSON.parse(readFileSync(join(root, file), "utf8")) as {
      readonly packages: Readonly<Record<string, Entry>>;
    };
    const entries = Object.entries(packages).filter(([path]) => path !== "");

    it(`have the SHA-512 of every package, for every platform: ${file}`, () => {
      const without = entries.filter(([, { integrity }]) => !/^sha512-[\w+/]{86}==$/.test(integrity ?? ""));
      assert.deepEqual(
        without.map(([path]) => path),
        // The registry has the hash of each of them.
        [],
      );
    });

    it(`name no server, so that each machine asks its own registry: ${file}`, () => {
      const resolved = entries.filter((entry) => entry[1].resolved !== undefined);
      assert.deepEqual(
        resolved.map(([path]) => path),
        [],
      );
    });
  }
});
