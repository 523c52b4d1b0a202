import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { maxSessionBytes } from "../../inspector/session/limits.ts";
import { FilesStore } from "../../stores/files.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import { filesIni, runPhp, writeSession } from "../real/php.ts";
import { itReadsWhatPhpWrote } from "./conformance.ts";

describe("the files store with real PHP", () => {
  const { it } = needing("php");
  const directory = temporaryDirectory();
  const ini = filesIni(directory);
  const store = new FilesStore({ directory, keyPrefix: "sess_", timeoutMs: 1000 });

  itReadsWhatPhpWrote(it, () => ({ store, ini }));

  it("agrees with PHP on a session past its lifetime: it lives until its file is collected", async () => {
    const id = writeSession({ user: "alice" }, ini);
    const longAgo = new Date("2020-01-01");
    utimesSync(join(directory, `sess_${id}`), longAgo, longAgo);
    const read =
      "session_id(stream_get_contents(STDIN)); session_start(); echo $_SESSION['user'] ?? 'nobody';";
    assert.equal(runPhp(read, { ...ini, "session.gc_probability": 0 }, id).toString(), "alice");
    utimesSync(join(directory, `sess_${id}`), longAgo, longAgo);
    assert.notEqual(await store.getData(id), null);
    runPhp("session_start(); session_gc();", ini);
    assert.equal(await store.getData(id), null);
  });
});

describe("the files store", () => {
  const directory = temporaryDirectory();
  const store = new FilesStore({ directory, keyPrefix: "sess_", timeoutMs: 1000 });
  const id = (n: number) => `session0of0the0test00000${n}`;

  it("follows no link, and takes no directory and no pipe for a session", async () => {
    writeFileSync(join(directory, "elsewhere"), 'user|s:5:"admin";');
    symlinkSync(join(directory, "elsewhere"), join(directory, `sess_${id(1)}`));
    mkdirSync(join(directory, `sess_${id(2)}`));
    execFileSync("mkfifo", [join(directory, `sess_${id(3)}`)]);
    for (const n of [1, 2, 3]) assert.equal(await store.getData(id(n)), null, String(n));
  });

  it("reads no more of a huge file than the decoder needs to refuse it", async () => {
    writeFileSync(join(directory, `sess_${id(4)}`), Buffer.alloc(maxSessionBytes + 5000, "x"));
    assert.equal((await store.getData(id(4)))?.bytes.length, maxSessionBytes + 1);
  });

  it("is unreachable when its directory is missing: that is no proof that there is no session", async () => {
    const lost = new FilesStore({ directory: join(directory, "lost"), keyPrefix: "sess_", timeoutMs: 1000 });
    await assert.rejects(lost.getData(id(5)), { name: "StoreError", fault: "store-unreachable" });
    await assert.rejects(lost.getMany([id(5), id(6)]), { name: "StoreError", fault: "store-unreachable" });
  });

  it("never names the session in an error", async () => {
    const lost = new FilesStore({ directory: "/dev/null/x", keyPrefix: "sess_", timeoutMs: 1000 });
    await assert.rejects(lost.getData(id(6)), (error: Error) => !String(error.stack).includes(id(6)));
  });
});
