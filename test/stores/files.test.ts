import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { maxSessionBytes } from "../../inspector/session/limits.ts";
import { FilesStore, type FilesStoreOptions } from "../../stores/files.ts";
import { keysWithPrefix } from "../../stores/session-key.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import { filesIni, runPhp, tryPhpAs, writeSession } from "../real/php.ts";
import { getAll, itReadsWhatPhpWrote, tellsOfAPart } from "./conformance.ts";

/** A store whose reports are among these. */
function openStore(options: Partial<FilesStoreOptions> & { readonly directory: string }) {
  const reports: unknown[] = [];
  const report = (...line: unknown[]) => reports.push(line);
  return {
    store: new FilesStore({ keyOf: keysWithPrefix("sess_"), timeoutMs: 1000, report, ...options }),
    reports,
  };
}

const id = (n: number) => `session0of0the0test${String(n).padStart(6, "0")}`;
const unreachable = { name: "StoreError", fault: "store-unreachable" };

describe("the files store with real PHP", () => {
  const { it } = needing("php");
  const directory = temporaryDirectory();
  const ini = filesIni(directory);
  const { store } = openStore({ directory });

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

describe("the files store in a directory that others can write to", () => {
  const { it, before } = needing("php", "root");
  const site = 33;
  const other = 1000;
  const parent = temporaryDirectory();
  before(() => chmodSync(parent, 0o755));

  /** As Debian's: anybody can make a file there, and nobody but root can list them. */
  function sharedDirectory(): string {
    const directory = mkdtempSync(join(parent, "shared-"));
    chmodSync(directory, 0o1733);
    return directory;
  }

  interface Put {
    readonly owner: number;
    readonly mode: number;
    /** The name of root's other file that this is another name of. */
    readonly linkedTo?: string;
  }

  function put(path: string, { owner, mode, linkedTo }: Put): void {
    writeFileSync(linkedTo ?? path, 'user|s:5:"admin";');
    chownSync(linkedTo ?? path, owner, owner);
    chmodSync(linkedTo ?? path, mode);
    if (linkedTo !== undefined) linkSync(linkedTo, path);
  }

  /** What PHP, running as this user, has of a session. */
  function phpReads(uid: number, directory: string): string | undefined {
    const code = "session_id(stream_get_contents(STDIN)); session_start(); echo $_SESSION['user'];";
    return tryPhpAs(uid, code, filesIni(directory), id(1));
  }

  const linkedTo = join(parent, "elsewhere");
  const cases: readonly (Put & {
    readonly isRead: boolean;
    readonly code?: string;
    readonly uid?: number;
  })[] = [
    { owner: site, mode: 0o600, isRead: true },
    { owner: site, mode: 0o644, isRead: true },
    { owner: site, mode: 0o600, linkedTo, isRead: true },
    { owner: site, mode: 0o400, isRead: false, code: "not-writable" },
    { owner: other, mode: 0o666, isRead: false, code: "foreign-owner" },
    { owner: other, mode: 0o600, isRead: false, code: "foreign-owner" },
    { owner: other, mode: 0o000, isRead: false, code: "foreign-owner" },
    { owner: 0, mode: 0o666, isRead: true },
    { owner: 0, mode: 0o666, linkedTo, isRead: true },
    { owner: 0, mode: 0o644, linkedTo, isRead: false, code: "hard-link" },
    { owner: 0, mode: 0o600, linkedTo, isRead: false, code: "hard-link" },
    { owner: 0, mode: 0o600, isRead: true, uid: 0 },
  ];

  for (const { isRead, code, uid = site, ...file } of cases) {
    const name = `of uid ${file.owner}, mode ${file.mode.toString(8)}${file.linkedTo ? ", with a second name" : ""}`;
    it(`${isRead ? "reads" : "ignores"} a file ${name}, as PHP does that runs as uid ${uid}`, async () => {
      const directory = sharedDirectory();
      put(join(directory, `sess_${id(1)}`), file);
      assert.equal(phpReads(uid, directory), isRead ? "admin" : undefined);
      const { store, reports } = openStore({ directory, uid });
      const found = await store.getData(id(1));
      assert.equal(found && String(found.bytes), isRead ? 'user|s:5:"admin";' : null);
      const ignored = ["warn", "session-file", { outcome: "ignored", code }];
      assert.deepEqual(reports, code === undefined ? [] : [ignored]);
      rmSync(linkedTo, { force: true });
    });
  }

  it("reads what PHP wrote there as its own user", async () => {
    const directory = sharedDirectory();
    const written = "session_id(stream_get_contents(STDIN)); session_start(); $_SESSION['user'] = 'alice';";
    assert.equal(tryPhpAs(site, written, filesIni(directory), id(2)), "");
    const { store } = openStore({ directory, uid: site });
    assert.equal(String((await store.getData(id(2)))?.bytes), 'user|s:5:"alice";');
    assert.equal(await openStore({ directory, uid: other }).store.getData(id(2)), null);
  });

  it("tells a file of another that it may not read from one of PHP's that it may not read", async () => {
    const directory = sharedDirectory();
    put(join(directory, `sess_${id(1)}`), { owner: other, mode: 0o600 });
    put(join(directory, `sess_${id(2)}`), { owner: site, mode: 0o600 });
    const asSite = openStore({ directory, uid: site });
    const asOther = openStore({ directory, uid: other });
    process.seteuid?.(site);
    try {
      assert.equal(await asSite.store.getData(id(1)), null);
      assert.notEqual(await asSite.store.getData(id(2)), null);
      await assert.rejects(asOther.store.getData(id(1)), { ...unreachable, detail: "EACCES" });
    } finally {
      process.seteuid?.(0);
    }
    assert.equal(asSite.reports.length, 1);
  });

  it("ignores the files that are not PHP's, and finds all others beside them", async () => {
    const directory = sharedDirectory();
    for (let n = 0; n < 40; n++) {
      put(join(directory, `sess_${id(n)}`), { owner: n % 2 === 0 ? site : other, mode: 0o600 });
    }
    const found = await getAll(
      openStore({ directory, uid: site }).store,
      Array.from({ length: 40 }, (_, n) => id(n)),
    );
    for (let n = 0; n < 40; n++) assert.equal(found.get(id(n)) !== null, n % 2 === 0, String(n));
  });

  it("reads nothing before it is told as which user PHP runs, whoever else can write there", async () => {
    for (const mode of [0o1733, 0o777, 0o1777, 0o770, 0o730, 0o702, 0o720]) {
      const directory = mkdtempSync(join(parent, "shared-"));
      chownSync(directory, site, site);
      chmodSync(directory, mode);
      put(join(directory, `sess_${id(1)}`), { owner: site, mode: 0o600 });
      const { store } = openStore({ directory });
      const untrusted = { name: "StoreError", fault: "store-untrusted", detail: /\?uid=N to SESSION_STORE/ };
      await assert.rejects(store.getData(id(1)), (error: Error & { detail: string }) => {
        assert.match(error.detail, untrusted.detail);
        assert.equal((error as { fault?: string }).fault, untrusted.fault);
        return true;
      });
      // The directory is looked at anew each time.
      chmodSync(directory, 0o755);
      assert.equal(String((await store.getData(id(1)))?.bytes), 'user|s:5:"admin";');
      chmodSync(directory, mode);
      await assert.rejects(getAll(store, [id(1)]), { fault: "store-untrusted" });
    }
  });

  it("takes the directory's owner for PHP where nobody else can write there", async () => {
    const directory = mkdtempSync(join(parent, "own-"));
    chownSync(directory, site, site);
    put(join(directory, `sess_${id(1)}`), { owner: site, mode: 0o600 });
    put(join(directory, `sess_${id(2)}`), { owner: 0, mode: 0o600 });
    put(join(directory, `sess_${id(3)}`), { owner: other, mode: 0o600 });
    const { store } = openStore({ directory });
    assert.notEqual(await store.getData(id(1)), null);
    assert.notEqual(await store.getData(id(2)), null);
    assert.equal(await store.getData(id(3)), null);
  });
});

describe("the files store", () => {
  const directory = temporaryDirectory();
  const { store, reports } = openStore({ directory });
  const path = (n: number) => join(directory, `sess_${id(n)}`);

  it("follows no link, and takes no directory, no pipe and no socket for a session", async () => {
    writeFileSync(join(directory, "elsewhere"), 'user|s:5:"admin";');
    symlinkSync(join(directory, "elsewhere"), path(1));
    mkdirSync(path(2));
    execFileSync("mkfifo", [path(3)]);
    const socket = createServer();
    await new Promise<void>((resolve) => socket.listen(path(4), resolve));
    for (const n of [1, 2, 3, 4]) assert.equal(await store.getData(id(n)), null, String(n));
    await new Promise((resolve) => socket.close(resolve));
    const codes = ["symbolic-link", "not-a-regular-file", "not-a-regular-file", "not-a-regular-file"];
    assert.deepEqual(
      reports,
      codes.map((code) => ["warn", "session-file", { outcome: "ignored", code }]),
    );
  });

  it("reads no more of a huge file than the decoder needs to refuse it", async () => {
    writeFileSync(path(5), Buffer.alloc(maxSessionBytes + 5000, "x"));
    assert.equal((await store.getData(id(5)))?.bytes.length, maxSessionBytes + 1);
  });

  it("is unreachable when its directory is missing: that is no proof that there is no session", async () => {
    const { store: lost } = openStore({ directory: join(directory, "lost") });
    await assert.rejects(lost.getData(id(5)), { ...unreachable, detail: "ENOENT" });
    await assert.rejects(getAll(lost, [id(5), id(6)]), { ...unreachable, detail: "ENOENT" });
    const { store: file } = openStore({ directory: path(5) });
    await assert.rejects(file.getData(id(5)), { ...unreachable, detail: "ENOTDIR" });
  });

  it("tells of all other sessions while it cannot read some", async () => {
    writeFileSync(path(6), 'user|s:5:"alice";');
    const isLost = (each: string) => each >= id(900);
    const keyOf = (each: string) => (isLost(each) ? `sess_${id(6)}/${each}` : `sess_${each}`);
    const { store: partial } = openStore({ directory, keyOf });
    await tellsOfAPart({
      store: partial,
      found: new Map([
        [id(6), 'user|s:5:"alice";'],
        [id(7), null],
        [id(1), null],
      ]),
      lost: Array.from({ length: 20 }, (_, n) => id(900 + n)),
      fault: "store-unreachable",
    });
  });

  it("tells in time of what it has read when its directory hangs", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const pending = store.getMany([id(6), id(7)]);
    const one = store.getData(id(6));
    context.mock.timers.tick(1000);
    await assert.rejects(one, { name: "StoreError", fault: "store-timeout" });
    const { stored, faults } = await pending;
    assert.deepEqual(
      faults.map(({ fault }) => fault),
      ["store-timeout"],
    );
    assert.equal(stored.size, 0);
    context.mock.timers.reset();
    await store.getMany([id(6), id(7)]);
    assert.equal(stored.size, 0);
  });

  it("tells by its caller's limit where that is shorter", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const pending = store.getMany([id(6), id(7)], 10);
    context.mock.timers.tick(10);
    assert.deepEqual(
      (await pending).faults.map(({ fault }) => fault),
      ["store-timeout"],
    );
  });

  it("leaves no file open, whatever it found", async () => {
    const opened = () => readdirSync("/proc/self/fd").length;
    writeFileSync(path(6), 'user|s:5:"alice";');
    await store.getData(id(6));
    const before = opened();
    for (let n = 0; n < 30; n++) await getAll(store, [id(1), id(2), id(3), id(5), id(6), id(7)]);
    assert.equal(opened(), before);
  });

  it("opens at most sixteen files at a time", async () => {
    const ids = Array.from({ length: 100 }, (_, n) => id(1000 + n));
    for (const each of ids) writeFileSync(join(directory, `sess_${each}`), "");
    const before = readdirSync("/proc/self/fd").length;
    let most = 0;
    const look = setInterval(() => {
      most = Math.max(most, readdirSync("/proc/self/fd").length - before);
    });
    await getAll(store, ids);
    clearInterval(look);
    assert.ok(most <= 17, `${most} files`);
  });

  it("never names the session in an error", async () => {
    const { store: lost } = openStore({ directory: "/dev/null/x" });
    await assert.rejects(lost.getData(id(6)), (error: Error) => !String(error.stack).includes(id(6)));
  });
});
