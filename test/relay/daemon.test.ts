import assert from "node:assert/strict";
import { once } from "node:events";
import fs, { existsSync, lstatSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { type Daemon, ListenError, listen, maxMembers, type ServeMember } from "../../relay/daemon.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { until } from "./peer.ts";

const newPath = () => join(temporaryDirectory(), "relay.sock");

const daemons: Daemon[] = [];
const members: Socket[] = [];
afterEach(async () => {
  for (const member of members.splice(0)) member.destroy();
  await Promise.all(daemons.splice(0).map((daemon) => daemon.stop()));
});

/** Answers nothing, and ends with the member or when it is told to. */
const idle: ServeMember = (member, stop) =>
  new Promise<void>((resolve) => {
    member.resume().on("end", resolve);
    stop.addEventListener("abort", () => resolve());
  });

async function start(path: string, serveMember: ServeMember = idle): Promise<Daemon> {
  const daemon = await listen(path, serveMember);
  daemons.push(daemon);
  return daemon;
}

async function joinPool(path: string): Promise<Socket> {
  const member = connect({ path, allowHalfOpen: true });
  members.push(member);
  await once(member, "connect");
  return member;
}

const errorOf = (path: string) =>
  start(path).then(
    () => assert.fail("it listens"),
    (error) => {
      assert.ok(error instanceof ListenError && error.name === "ListenError");
      return error.message;
    },
  );

describe("the socket of a pool", () => {
  it("is for its owner and group whatever the umask, which is as it was afterwards", async () => {
    const before = process.umask(0);
    try {
      for (const umask of [0, 0o077, 0o777]) {
        const path = newPath();
        process.umask(umask);
        await start(path);
        assert.equal(statSync(path).mode & 0o777, 0o660);
        assert.equal(process.umask(), umask);
      }
    } finally {
      process.umask(before);
    }
  });

  it("is so from its first moment on: before its mode is set, too", async (t) => {
    const path = newPath();
    const modes: number[] = [];
    t.mock.method(fs, "chmodSync", (changed: string, mode: number) => {
      modes.push(statSync(changed).mode & 0o777, mode);
    });
    syncBuiltinESMExports();
    const before = process.umask(0);
    try {
      await start(path);
    } finally {
      process.umask(before);
      t.mock.restoreAll();
      syncBuiltinESMExports();
    }
    assert.deepEqual(modes, [0o660, 0o660]);
    assert.equal(statSync(path).mode & 0o777, 0o660);
  });

  it("has a path of at most 107 bytes, and letters may have more than one", async () => {
    const directory = temporaryDirectory();
    const left = 107 - Buffer.byteLength(directory) - 1;
    await start(join(directory, "x".repeat(left)));
    const umlauts = "ü".repeat(Math.floor(left / 2)).padEnd(left - Math.floor(left / 2), "x");
    await start(join(directory, umlauts));
    for (const name of ["x".repeat(left + 1), `${umlauts}x`]) {
      assert.match(await errorOf(join(directory, name)), /has more than 107 bytes: choose a shorter one$/);
    }
  });

  it("takes the place of no file, directory or link, and leaves them where they are", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "file"), "");
    symlinkSync(join(directory, "nowhere"), join(directory, "link"));
    const live = newPath();
    await start(live);
    symlinkSync(live, join(directory, "link-to-live"));
    for (const path of [
      join(directory, "file"),
      join(directory, "link"),
      join(directory, "link-to-live"),
      directory,
    ]) {
      assert.match(await errorOf(path), /^--listen: .* exists and is not a socket$/);
      assert.ok(lstatSync(path));
    }
  });

  it("says that its directory must exist where a part of the path is missing or a file", async () => {
    const file = join(temporaryDirectory(), "file");
    writeFileSync(file, "");
    for (const path of [join(file, "relay.sock"), join(temporaryDirectory(), "none", "relay.sock")]) {
      assert.match(
        await errorOf(path),
        /^--listen: the socket cannot be created \(E[A-Z]+\): its directory must exist/,
      );
    }
  });

  it("is not taken from another relay", async () => {
    const path = newPath();
    await start(path);
    assert.equal(await errorOf(path), "--listen: another relay is listening on the socket");
    const member = await joinPool(path);
    assert.equal(member.destroyed, false);
  });

  it("is gone after stop, and may be listened on again", async () => {
    const path = newPath();
    await (await start(path)).stop();
    assert.equal(existsSync(path), false);
    await start(path);
    await joinPool(path);
  });
});

describe("the members of a pool", () => {
  it("are counted while they are connected", async () => {
    const path = newPath();
    const daemon = await start(path);
    assert.equal(daemon.members(), 0);
    const first = await joinPool(path);
    const second = await joinPool(path);
    await until(() => daemon.members() === 2, "not both are counted");
    first.destroy();
    await until(() => daemon.members() === 1, "one that has gone is counted");
    second.destroy();
    await until(() => daemon.members() === 0, "one that has gone is counted");
  });

  it("get what is written for them after the end of their questions, and are then let go", async () => {
    const path = newPath();
    const daemon = await start(path, async (member) => {
      member.resume();
      await once(member, "end");
      await new Promise((resolve) => setTimeout(resolve, 20));
      member.write("the answer");
    });
    const member = await joinPool(path);
    let received = "";
    member.setEncoding("utf8").on("data", (text: string) => {
      received += text;
    });
    member.end("a question");
    await once(member, "end");
    assert.equal(received, "the answer");
    await until(() => daemon.members() === 0, "it is counted still");
  });

  it("may go in the middle of an answer: the others are served", async () => {
    const path = newPath();
    const daemon = await start(path, async (member) => {
      for await (const chunk of member) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        member.write(chunk);
      }
    });
    const gone = await joinPool(path);
    const other = await joinPool(path);
    gone.write("x");
    other.write("x");
    gone.destroy();
    assert.equal(String((await once(other, "data"))[0]), "x");
    await until(() => daemon.members() === 1, "one that has gone is counted");
    other.write("y");
    assert.equal(String((await once(other, "data"))[0]), "y");
  });

  it("are told to stop one after another over half a second, and none is taken any more", async () => {
    const path = newPath();
    const toldMs: number[] = [];
    const daemon = await start(path, async (member, stop) => {
      await idle(member, stop);
      toldMs.push(performance.now());
    });
    for (let count = 0; count < 4; count++) await joinPool(path);
    await until(() => daemon.members() === 4, "not all are there");
    const startedMs = performance.now();
    const stopped = daemon.stop();
    assert.equal(existsSync(path), false);
    await assert.rejects(joinPool(path), { code: "ENOENT" });
    await stopped;
    // Timers may be late, and a millisecond early.
    const sinceMs = toldMs.map((at) => at - startedMs);
    for (const [at, leastMs] of [0, 125, 250, 375].entries()) {
      assert.ok((sinceMs[at] as number) >= leastMs - 1, `${sinceMs}`);
    }
  });

  it("may end what is under way before the daemon has stopped", async () => {
    const path = newPath();
    let answer = () => {};
    const daemon = await start(path, async (member) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      member.write("the answer");
    });
    const member = await joinPool(path);
    await until(() => daemon.members() === 1, "it is not there");
    let isStopped = false;
    const stopped = daemon.stop().then(() => {
      isStopped = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(isStopped, false);
    answer();
    assert.equal(String((await once(member, "data"))[0]), "the answer");
    member.end();
    await stopped;
  });

  it(`are ${maxMembers} at most: whoever comes then is sent away`, async () => {
    const path = newPath();
    const daemon = await start(path);
    // In parts that the queue of the socket has room for.
    for (let joined = 0; joined < maxMembers; joined += 256) {
      await Promise.all(Array.from({ length: 256 }, () => joinPool(path)));
      await until(() => daemon.members() === joined + 256, "not all are there");
    }
    const last = await joinPool(path);
    await once(last.resume(), "end");
    assert.equal(daemon.members(), maxMembers);
    members.shift()?.destroy();
    await until(() => daemon.members() < maxMembers, "it is counted still");
    await joinPool(path);
    await until(() => daemon.members() === maxMembers, "there is room again");
  });
});
