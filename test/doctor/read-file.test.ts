import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { readFileBytes } from "../../doctor/read-file.ts";
import { temporaryDirectory } from "../real/directory.ts";

const directory = temporaryDirectory();
const path = join(directory, "file");

describe("a file that somebody's configuration names", () => {
  it("is read up to a size", () => {
    writeFileSync(path, "x".repeat(10));
    assert.equal(String(readFileBytes(path, 10).bytes), "x".repeat(10));
    assert.throws(() => readFileBytes(path, 9), { code: "too large" });
    writeFileSync(path, "");
    assert.equal(readFileBytes(path, 9).bytes.length, 0);
  });

  it("is read up to that size, too, if the system does not know its own", () => {
    assert.match(String(readFileBytes("/proc/self/status", 65_536).bytes), /^Name:/);
    assert.throws(() => readFileBytes("/proc/self/status", 10), { code: "too large" });
  });

  it("is no directory, device or pipe, and none of them is waited for", () => {
    const pipe = join(directory, "pipe");
    execFileSync("mkfifo", [pipe]);
    for (const other of [directory, "/dev/zero", pipe]) {
      assert.throws(() => readFileBytes(other, 10), { code: "no file" });
    }
    assert.throws(() => readFileBytes(join(directory, "absent"), 10), { code: "ENOENT" });
  });
});
