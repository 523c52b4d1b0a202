// Which processes the doctor believes: real ones of several users, and what no real process can be made to do.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type Identity, maxDescriptors, Proc, unixListeners } from "../../doctor/proc.ts";
import { findEjabberds, findRelaySockets, findSocketHolder } from "../../doctor/running.ts";
import { endWithParent } from "../../infra/local/process.ts";
import { directory } from "./ejabberd-host.ts";
import { type FakeProcess, type FakeTables, tcpLine, unixLine, writeProcess } from "./fake-proc.ts";

const relayUid = 4001;
const stranger = 4002;
const trusted = new Set([0, relayUid, process.getuid?.() ?? 0]);
const url = "https://id.execute-api.eu-central-1.amazonaws.com/auth";
const node = join(directory, "node");
writeFileSync(node, "", { mode: 0o755 });
const beam = join(directory, "beam.smp");
writeFileSync(beam, "", { mode: 0o755 });

/** Returns the path of a socket that this process listens on until the end. */
async function listeningSocket(): Promise<string> {
  const path = join(mkdtempSync(join(directory, "socket-")), "relay.sock");
  const server = createServer().listen(path);
  await new Promise((resolve) => server.once("listening", resolve));
  after(() => server.close());
  return path;
}

function fakeProc(processes: readonly FakeProcess[], tables: FakeTables): { root: string; proc: Proc } {
  const root = mkdtempSync(join(directory, "proc-"));
  for (const process of processes) writeProcess(root, process, tables);
  return { root, proc: new Proc(root) };
}

const relay = (path: string, more: Partial<FakeProcess> = {}): FakeProcess => ({
  pid: 20,
  uids: [relayUid, relayUid, relayUid, relayUid],
  program: node,
  words: ["node", "/opt/inspectord/relay.mjs", url, "--listen", path],
  environment: { AWS_REGION: "eu-central-1" },
  sockets: [77],
  ...more,
});

describe("the relay behind a socket", () => {
  it("is the process that holds it, with its URL and its environment", async () => {
    const path = await listeningSocket();
    const { proc } = fakeProc([relay(path)], { unix: unixLine(77, path) });
    assert.deepEqual(findSocketHolder(proc, path, trusted), {
      kind: "relay",
      relay: {
        pid: 20,
        uid: relayUid,
        args: [url, "--listen", path],
        environment: { AWS_REGION: "eu-central-1" },
      },
    });
  });

  it("is no process that only has its arguments, whatever its pid and its user", async () => {
    const path = await listeningSocket();
    const words = ["node", "relay.mjs", "https://evil.example/auth", "--listen", path];
    for (const uid of [0, relayUid, stranger]) {
      const alike: FakeProcess = { pid: 2, uids: [uid, uid, uid, uid], program: node, words };
      const { proc } = fakeProc([alike, relay(path)], { unix: unixLine(77, path) });
      const holder = findSocketHolder(proc, path, trusted);
      assert.equal(holder.kind === "relay" && holder.relay.pid, 20);
      assert.equal(findSocketHolder(fakeProc([alike], { unix: "" }).proc, path, trusted).kind, "unseen");
    }
  });

  it("is no connection of a member, and no socket of another path", async () => {
    const path = await listeningSocket();
    for (const unix of [
      unixLine(77, path, "00000000"),
      unixLine(77, await listeningSocket()),
      unixLine(78, path),
    ]) {
      assert.equal(findSocketHolder(fakeProc([relay(path)], { unix }).proc, path, trusted).kind, "unseen");
    }
  });

  it("is not believed if another user's process holds the socket, alone or beside it", async () => {
    const path = await listeningSocket();
    const unix = unixLine(77, path) + unixLine(78, path);
    const uids = [stranger, stranger, stranger, stranger] as const;
    const alike = relay(path, { pid: 30, uids, sockets: [78] });
    for (const processes of [[alike], [relay(path), alike]]) {
      assert.deepEqual(findSocketHolder(fakeProc(processes, { unix }).proc, path, trusted), {
        kind: "stranger",
        uid: stranger,
        pid: 30,
      });
    }
  });

  it("is not believed if a set-user-ID program runs in it: its words are those of whoever started it", async () => {
    const path = await listeningSocket();
    const unix = unixLine(77, path);
    const setUid = join(directory, "set-uid");
    copyFileSync(node, setUid);
    chmodSync(setUid, 0o4755);
    const bySetUid = relay(path, { uids: [0, 0, 0, 0], program: setUid });
    assert.equal(findSocketHolder(fakeProc([bySetUid], { unix }).proc, path, trusted).kind, "stranger");
    for (const uids of [
      [stranger, 0, 0, 0],
      [0, stranger, 0, 0],
      [0, 0, stranger, 0],
      [0, 0, 0, stranger],
    ] as const) {
      const { proc } = fakeProc([relay(path, { uids })], { unix });
      assert.deepEqual(findSocketHolder(proc, path, trusted), { kind: "stranger", uid: undefined, pid: 20 });
    }
  });

  it("is not believed if the process becomes another one while it is read", async () => {
    const path = await listeningSocket();
    const tables = { unix: unixLine(77, path) };
    const uids = [stranger, stranger, stranger, stranger] as const;
    const changes: Readonly<Record<string, Partial<FakeProcess>>> = {
      "the pid is reused": { startTime: 101 },
      "the user changes": { uids },
      "another program is run": { program: beam },
    };
    for (const [name, change] of Object.entries(changes)) {
      const { root } = fakeProc([relay(path)], tables);
      class Racing extends Proc {
        override environment(pid: number) {
          const environment = super.environment(pid);
          writeProcess(root, relay(path, change), tables);
          return environment;
        }
      }
      assert.equal(findSocketHolder(new Racing(root), path, trusted).kind, "stranger", name);
    }
  });

  it("is not seen if the process ends or lets the socket go while it is read", async () => {
    const path = await listeningSocket();
    const tables = { unix: unixLine(77, path) };
    const { root } = fakeProc([relay(path)], tables);
    class LettingGo extends Proc {
      override words(pid: number) {
        const words = super.words(pid);
        writeProcess(root, relay(path, { sockets: [] }), tables);
        return words;
      }
    }
    assert.equal(findSocketHolder(new LettingGo(root), path, trusted).kind, "unseen");
    class Ending extends Proc {
      override identity(): Identity | undefined {
        return undefined;
      }
    }
    assert.equal(
      findSocketHolder(new Ending(fakeProc([relay(path)], tables).root), path, trusted).kind,
      "unseen",
    );
  });

  it("is not found by a path that imitates a line of the kernel's table", async () => {
    const path = await listeningSocket();
    const real = unixLine(77, path);
    const imitated = (inode: number) => unixLine(90, `/tmp/x\n${unixLine(inode, path).trimEnd()}`);
    assert.deepEqual([...unixListeners(real + imitated(77)).keys()].sort(), ["90"]);
    // Root's process that holds some other socket is not made the relay.
    const { proc } = fakeProc([relay(path, { uids: [0, 0, 0, 0], sockets: [66] })], {
      unix: unixLine(66, "/run/other.sock") + imitated(66),
    });
    assert.equal(findSocketHolder(proc, path, trusted).kind, "unseen");
  });

  it(`is looked for among ${maxDescriptors} descriptors of a process at the most`, async () => {
    const path = await listeningSocket();
    const sockets = Array.from({ length: maxDescriptors + 10 }, (_, i) => i + 100);
    const { proc } = fakeProc([relay(path, { sockets })], { unix: "" });
    assert.equal(proc.sockets(20).size <= maxDescriptors, true);
  });

  it("is found by what it listens on, if it is a trusted user's", async () => {
    const path = await listeningSocket();
    const unix = unixLine(77, path);
    assert.deepEqual(findRelaySockets(fakeProc([relay(path)], { unix }).proc, trusted), [path]);
    const uids = [stranger, stranger, stranger, stranger] as const;
    const others: readonly Partial<FakeProcess>[] = [
      { uids },
      { sockets: [] },
      { words: ["node", "server.mjs", "--listen", path] },
      { words: ["node", "relay.mjs", url] },
    ];
    for (const more of others) {
      assert.deepEqual(findRelaySockets(fakeProc([relay(path, more)], { unix }).proc, trusted), []);
    }
    const gone = unixLine(77, "/nonexistent/relay.sock");
    assert.deepEqual(findRelaySockets(fakeProc([relay(path)], { unix: gone }).proc, trusted), []);
  });

  it("is none if there is no socket at the path", () => {
    const { proc } = fakeProc([], {});
    assert.equal(findSocketHolder(proc, "/nonexistent.sock", trusted).kind, "unseen");
    assert.equal(findSocketHolder(proc, node, trusted).kind, "unseen");
  });
});

describe("an ejabberd that runs", () => {
  const yml = join(directory, "running.yml");
  writeFileSync(yml, "");
  const ejabberd = (more: Partial<FakeProcess> = {}): FakeProcess => ({
    pid: 10,
    uids: [0, 0, 0, 0],
    program: beam,
    words: ["/usr/lib/erlang/erts/bin/beam.smp", "-s", "ejabberd"],
    environment: { EJABBERD_CONFIG_PATH: yml },
    sockets: [5, 6],
    ...more,
  });
  const tables = { tcp: tcpLine(5, 5222) + tcpLine(6, 5280, "01") + tcpLine(7, 5443) };

  it("is an Erlang machine of a trusted user that reads this very file, with what it listens on", () => {
    const [found, ...more] = findEjabberds(fakeProc([ejabberd()], tables).proc, yml, trusted);
    assert.deepEqual(more, []);
    assert.deepEqual(found, {
      pid: 10,
      uid: 0,
      environment: { EJABBERD_CONFIG_PATH: yml },
      directory: "/tmp",
      program: beam,
      args: ["-s", "ejabberd"],
      listeners: [{ port: 5222 }],
    });
  });

  it("is none of another user, of another file, or of a program that only has its name", () => {
    const other = join(directory, "other.yml");
    writeFileSync(other, "");
    const alike = [
      ejabberd({ uids: [stranger, stranger, stranger, stranger] }),
      ejabberd({ uids: [stranger, 0, 0, 0] }),
      ejabberd({ environment: { EJABBERD_CONFIG_PATH: other } }),
      ejabberd({ environment: {} }),
      ejabberd({ program: node, name: "beam.smp" }),
    ];
    for (const process of alike) {
      assert.deepEqual(findEjabberds(fakeProc([process], tables).proc, yml, trusted), []);
    }
    assert.deepEqual(findEjabberds(fakeProc([ejabberd()], tables).proc, "/nonexistent.yml", trusted), []);
  });

  it("is not believed if its pid is reused while it is read", () => {
    const { root } = fakeProc([ejabberd()], tables);
    class Racing extends Proc {
      override directory(pid: number) {
        const found = super.directory(pid);
        writeProcess(root, ejabberd({ startTime: 7 }), tables);
        return found;
      }
    }
    assert.deepEqual(findEjabberds(new Racing(root), yml, trusted), []);
  });
});

const asRoot = process.getuid?.() === 0 ? false : "not run as root";
describe("real processes", () => {
  const script = join(directory, "listens.mjs");
  writeFileSync(
    script,
    `import { createServer } from "node:net";
const path = process.argv[process.argv.indexOf("--listen") + 1];
if (process.argv.includes("--idle")) { setInterval(() => {}, 1000); console.log("ready"); }
else createServer().listen(path, () => console.log("ready"));
`,
  );

  async function start(
    uid: number,
    args: readonly string[],
    launcher: readonly string[] = [],
  ): Promise<number> {
    const [command = "", ...rest] = [...launcher, process.execPath, script, url, ...args];
    const child = spawn(command, rest, { uid, gid: uid, stdio: ["ignore", "pipe", "inherit"] });
    endWithParent(child);
    await new Promise((resolve) => child.stdout.once("data", resolve));
    after(() => child.kill("SIGKILL"));
    return child.pid as number;
  }

  function ownedDirectory(uid: number): string {
    const path = mkdtempSync(join(directory, "of-user-"));
    chownSync(path, uid, uid);
    return path;
  }

  it("are believed as root's or the unit's user, and as no other, by the inode that they hold", {
    skip: asRoot,
  }, async () => {
    const proc = new Proc();
    const users = new Set([0, relayUid]);
    for (const uid of [0, relayUid]) {
      const path = join(ownedDirectory(uid), "relay.sock");
      await start(stranger, ["--listen", path, "--idle"]);
      const pid = await start(uid, ["--listen", path]);
      const holder = findSocketHolder(proc, path, users);
      assert.deepEqual(holder.kind === "relay" && [holder.relay.pid, holder.relay.uid], [pid, uid]);
    }
    const path = join(ownedDirectory(stranger), "relay.sock");
    await start(stranger, ["--listen", path]);
    assert.deepEqual(findSocketHolder(proc, path, users), {
      kind: "stranger",
      uid: stranger,
      pid: undefined,
    });
    // A file that is root's does not make root's what another user's process holds.
    chownSync(path, 0, 0);
    const held = findSocketHolder(proc, path, users);
    assert.equal(held.kind === "stranger" && held.uid, stranger);
  });

  it("are not taken for one that listens on the same path elsewhere", { skip: asRoot }, async () => {
    const place = mkdtempSync(join(directory, "mounted-"));
    const path = join(place, "relay.sock");
    const server = createServer().listen(path);
    await new Promise((resolve) => server.once("listening", resolve));
    const inside = `mount -t tmpfs none ${place} && exec "$@"`;
    const pid = await start(0, ["--listen", path], ["unshare", "-m", "sh", "-c", inside, "sh"]);
    const holder = findSocketHolder(new Proc(), path, new Set([0]));
    assert.notEqual(holder.kind === "relay" && holder.relay.pid, pid);
    server.close();
  });
});
