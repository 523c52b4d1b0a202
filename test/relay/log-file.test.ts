import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openLogFile } from "../../relay/log-file.ts";
import { temporaryDirectory } from "../real/directory.ts";

const newPath = () => join(temporaryDirectory(), "relay.log");
const textOf = (path: string) => readFileSync(path, "utf8");

describe("the log's file", () => {
  it("has each line as soon as it is written, behind what was there", () => {
    const path = newPath();
    writeFileSync(path, "of yesterday\n");
    const file = openLogFile(path);
    file.write("one\n");
    assert.equal(textOf(path), "of yesterday\none\n");
    file.write("zwölf\n");
    assert.equal(textOf(path), "of yesterday\none\nzwölf\n");
  });

  it("is a new one at its path once that was moved and it is told to open it anew, and no line is lost", () => {
    const path = newPath();
    const file = openLogFile(path);
    file.write("one\n");
    renameSync(path, `${path}.1`);
    file.write("two\n");
    file.reopen();
    file.write("three\n");
    assert.deepEqual([textOf(`${path}.1`), textOf(path)], ["one\ntwo\n", "three\n"]);
  });

  it("stays the one it is where a new one cannot be had, and says what the system says", () => {
    const path = newPath();
    const directory = join(path, "..");
    const file = openLogFile(path);
    renameSync(directory, `${directory}-moved`);
    assert.throws(() => file.reopen(), { code: "ENOENT" });
    file.write("one\n");
    assert.equal(textOf(join(`${directory}-moved`, "relay.log")), "one\n");
    rmSync(`${directory}-moved`, { recursive: true });
    mkdirSync(directory);
    file.reopen();
    file.write("two\n");
    assert.equal(textOf(path), "two\n");
  });

  it("cannot be one in a directory that is missing, nor a directory", () => {
    assert.throws(() => openLogFile(join(newPath(), "relay.log")), { code: "ENOENT" });
    assert.throws(() => openLogFile(temporaryDirectory()), { code: "EISDIR" });
  });

  it("holds one file open, however often it is opened anew", { skip: !existsSync("/proc/self/fd") }, () => {
    const file = openLogFile(newPath());
    const before = readdirSync("/proc/self/fd").length;
    for (let times = 0; times < 50; times++) file.reopen();
    assert.equal(readdirSync("/proc/self/fd").length, before);
  });

  it("ends nothing when the disk is full", { skip: !existsSync("/dev/full") }, () => {
    openLogFile("/dev/full").write("a line\n");
  });
});
