// The bundle as one process for a whole pool, and what it tells an operator.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { localKey } from "../../infra/local/api.ts";
import { freePort } from "../../infra/local/ports.ts";
import { endWithParent, stopProcess } from "../../infra/local/process.ts";
import { frame, relayPath } from "../../infra/local/relay-caller.ts";
import { version } from "../../relay/version.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import {
  allowGood,
  badSession,
  forLogins,
  goodSession,
  type StandIn,
  startStandIn,
} from "../stand-in/api-gateway.ts";
import { Member } from "./member.ts";

const good = `auth:alice:localhost:${goodSession}`;
const bad = `auth:alice:localhost:${badSession}`;
const directory = temporaryDirectory();
const socketPath = join(directory, "relay.sock");

describe("the bundled relay with --listen", () => {
  let api: StandIn;
  let daemon: ChildProcess;
  let log = "";

  /** Starts it and waits until it listens. */
  const start = async (...args: string[]) => {
    log = "";
    daemon = spawn(process.execPath, [relayPath, api.url, "--listen", socketPath, ...args], {
      env: { ...process.env, ...localKey },
      stdio: ["ignore", "pipe", "pipe"],
    });
    endWithParent(daemon);
    daemon.stderr?.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
    for (let tries = 0; tries < 400; tries++) {
      if (existsSync(socketPath) && (await new Member(socketPath).ask(good))) return;
      await sleep(10);
    }
    assert.fail(`it does not listen: ${log}`);
  };
  const until = async (isSo: () => boolean, what: string) => {
    for (let tries = 0; tries < 300 && !isSo(); tries++) await sleep(10);
    assert.ok(isSo(), `${what}: ${log}`);
  };

  before(async () => {
    api = await startStandIn(allowGood, { verifies: true });
  });
  after(() => api.stop());
  afterEach(async () => {
    await stopProcess(daemon);
    api.reply = allowGood;
  });

  it("serves 64 members at a time, each its own answers in its own order", async () => {
    await start();
    const members = Array.from({ length: 64 }, () => new Member(socketPath));
    await Promise.all(
      members.map(async (member, at) => {
        const isGood = Array.from({ length: 20 }, (_, question) => (at + question) % 3 === 0);
        for (const [question, yes] of isGood.entries()) {
          member.socket.write(frame(yes ? good : `${bad}${at}x${question}`));
        }
        const expected = isGood.map((yes) => (yes ? "00020001" : "00020000")).join("");
        assert.equal(await member.answers(20), expected);
        member.socket.destroy();
      }),
    );
    const probes = api.bodies.filter((body) => JSON.parse(body).op === "isuser").length;
    assert.ok(api.connections() <= 1 + 64 + probes, `${api.connections()} connections`);
  });

  it("asks once where members ask the same at the same time", async () => {
    await start();
    const before = api.bodies.length;
    let answer = () => {};
    api.reply = forLogins((...args) => {
      answer = () => allowGood(...args);
    });
    const asked = Array.from({ length: 20 }, () => new Member(socketPath).ask(good));
    await until(() => api.bodies.length > before, "nobody asked");
    await sleep(100);
    answer();
    assert.deepEqual(await Promise.all(asked), new Array(20).fill(true));
    const asking = api.bodies.slice(before).filter((body) => JSON.parse(body).op === "auth");
    assert.equal(asking.length, 1);
  });

  it("serves the others while one member floods it, and answers that one's frames, too", async () => {
    await start();
    for (const junk of [frame("x"), frame(Buffer.from([0xff])), frame(`auth:a:b:${"x".repeat(40)}\0`)]) {
      const flood = new Member(socketPath);
      const count = 20_000;
      flood.socket.write(Buffer.concat(new Array(count).fill(junk)));
      const other = new Member(socketPath);
      for (let login = 0; login < 10; login++) {
        assert.equal(await other.ask(good), true);
        assert.equal(await other.ask(bad), false);
      }
      assert.ok(flood.count < count, "the others waited for all of the flood");
      assert.equal(await flood.answers(count), "00020000".repeat(count));
      flood.socket.destroy();
      other.socket.destroy();
    }
  });

  it("ends the connection of a member that sends a flood of empty frames, and no other", async () => {
    await start();
    const [flood, other] = [new Member(socketPath), new Member(socketPath)];
    assert.equal(await other.ask(good), true);
    flood.socket.write(Buffer.alloc(256 * 1024));
    assert.equal(await other.ask(good), true);
    await until(() => flood.isEnded, "its connection stays");
    assert.equal(await flood.answers(0), "00020000".repeat(64));
    assert.match(log, /level=error .*code=empty-frames/);
    const few = new Member(socketPath);
    few.socket.write(Buffer.concat([...new Array(64).fill(frame("")), frame(good)]));
    assert.equal(await few.answers(65), `${"00020000".repeat(64)}00020001`);
    assert.equal(await other.ask(good), true);
    assert.equal(other.isEnded, false);
  });

  it("lets the socket's owner and group ask, and nobody else", async () => {
    await start();
    assert.equal(statSync(socketPath).mode & 0o777, 0o660);
  });

  it("answers a member that has nothing more to ask, as socat's end of input is", async () => {
    await start();
    const member = new Member(socketPath);
    member.socket.end(frame(good));
    assert.equal(await member.answers(1), "00020001");
    await until(() => member.isEnded, "the connection stays");
  });

  it("answers what is under way when it is told to end, begins nothing else, and leaves no socket", async () => {
    await start();
    let answer = () => {};
    api.reply = forLogins((...args) => {
      answer = () => allowGood(...args);
    });
    const before = api.bodies.length;
    const member = new Member(socketPath);
    const idle = new Member(socketPath);
    member.socket.write(Buffer.concat([frame(good), frame(good)]));
    await until(() => api.bodies.length > before, "nobody asked");
    const exited = once(daemon, "exit");
    daemon.kill("SIGTERM");
    await until(() => idle.isEnded, "the idle member stays");
    answer();
    assert.equal(await member.answers(2), "00020001");
    assert.deepEqual(await exited, [0, null]);
    assert.equal(existsSync(socketPath), false);
  });

  it("takes the place of one that was killed, and not of one that lives", async () => {
    await start();
    const second = spawnSync(process.execPath, [relayPath, api.url, "--listen", socketPath], {
      env: { ...process.env, ...localKey },
      encoding: "utf8",
    });
    assert.equal(second.status, 2);
    assert.match(second.stderr, /another relay is listening/);
    assert.equal(await new Member(socketPath).ask(good), true);
    daemon.kill("SIGKILL");
    await once(daemon, "exit");
    assert.ok(existsSync(socketPath), "it left its socket behind");
    await start();
    assert.equal(await new Member(socketPath).ask(good), true);
  });

  it("ends with 2 and says why where it cannot be what it is told to be", () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    for (const [args, why] of [
      [[api.url, "--listen", file], /--listen: .* exists and is not a socket/],
      [[api.url, "--listen", join(directory, "none", "relay.sock")], /its directory must exist/],
      [[api.url, "--listen", join(directory, "x".repeat(120))], /more than 107 bytes/],
      [["http://example.org/auth", "--listen", socketPath], /plain http to another machine/],
      [[api.url, "--listen", socketPath, "--a\u009b\u202eb"], /^[ -~\n]*--a\\u009b\\u202eb[ -~\n]*$/],
      [[api.url, "--listen", socketPath, "--ca-file", join(directory, "none")], /--ca-file cannot be opened/],
      [[api.url, "--listen", socketPath, "--log-file", join(directory, "no", "log")], /--log-file cannot/],
    ] as const) {
      const ended = spawnSync(process.execPath, [relayPath, ...args], {
        env: { ...process.env, ...localKey },
        encoding: "utf8",
      });
      assert.equal(ended.status, 2, ended.stderr);
      assert.match(ended.stderr, why);
    }
    assert.ok(existsSync(file), "what was there is there still");
  });

  it("serves Prometheus on the loopback, and writes the same at SIGUSR1", async () => {
    const port = await freePort();
    await start("--metrics-port", String(port));
    const member = new Member(socketPath);
    await member.ask(good);
    await member.ask(bad);
    const response = await fetch(`http://127.0.0.1:${port}/metrics`);
    assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    assert.match(text, /^inspectord_relay_logins_total\{outcome="allowed",code=""\} 2$/m);
    assert.match(text, /^inspectord_relay_logins_total\{outcome="refused",code="refused"\} 1$/m);
    assert.match(text, /^inspectord_relay_login_duration_seconds_count 3$/m);
    assert.match(text, /^inspectord_relay_connections 1$/m);
    assert.match(text, /^inspectord_relay_breaker_open 0$/m);
    assert.equal((await fetch(`http://127.0.0.1:${port}/nothing`)).status, 404);
    daemon.kill("SIGUSR1");
    await until(() => /^inspectord_relay_tries_total 3$/m.test(log), "no metrics in the log");
    assert.doesNotMatch(log, /Debugger/);
    assert.equal(await member.ask(good), true);
  });

  it("writes its log to a file, in JSON, and to a new one once that was moved", async () => {
    const path = join(directory, "relay.log");
    await start("--log-file", path, "--log-format", "json");
    await new Member(socketPath).ask(bad);
    renameSync(path, `${path}.1`);
    await new Member(socketPath).ask(bad);
    daemon.kill("SIGHUP");
    await until(() => existsSync(path), "no new file");
    await new Member(socketPath).ask(bad);
    const linesOf = (file: string) =>
      readFileSync(file, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
        .filter(({ code }) => code === "refused");
    assert.equal(linesOf(`${path}.1`).length, 2);
    assert.equal(linesOf(path).length, 1);
    assert.equal(log, "");
    const [{ user }] = linesOf(path);
    assert.match(user, /^[0-9a-f]{12}$/);
    assert.equal(user, linesOf(`${path}.1`)[0].user, "one user is one hash");
    assert.equal(statSync(path).mode & 0o027, 0, "nobody but its owner and group reads it");
  });

  it("tells names where the operator asked for them", async () => {
    await start("--log-users");
    await new Member(socketPath).ask(bad);
    await until(() => log.includes("code=refused"), "no line");
    assert.match(log, /code=refused .*user="alice@localhost"/);
    // ejabberd passes no such name, but the log would hold it as well.
    const member = new Member(socketPath);
    await member.ask(`auth:a\u0301\u{1f600}:localhost:${badSession}`);
    await until(() => log.includes('user="a\u0301\u{1f600}@localhost"'), "no line");
    assert.doesNotMatch(log, /:bad/);
  });
});

describe("the bundled relay's command line", () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [relayPath, ...args], { encoding: "utf8", input: "" });

  it("tells its release and its help, and ends with 0", () => {
    assert.deepEqual(
      [run("--version").stdout, run("--version").status],
      [`inspectord-relay ${version}\n`, 0],
    );
    const { stdout, status, stderr } = run("--help");
    assert.match(stdout, /^usage: relay\.mjs URL \[options\]\n/);
    assert.deepEqual([status, stderr], [0, ""]);
  });
});

describe("a pool of socats before the bundled relay", () => {
  const { it } = needing("socat");

  it("carries frames of every length, torn or whole", async () => {
    const api = await startStandIn(allowGood, { verifies: true });
    const path = join(directory, "socat.sock");
    const daemon = spawn(process.execPath, [relayPath, api.url, "--listen", path], {
      env: { ...process.env, ...localKey },
      stdio: "ignore",
    });
    endWithParent(daemon);
    for (let tries = 0; tries < 400 && !existsSync(path); tries++) await sleep(10);
    const socat = spawn("socat", ["-", `UNIX-CONNECT:${path}`], { stdio: ["pipe", "pipe", "inherit"] });
    endWithParent(socat);
    const received: Buffer[] = [];
    socat.stdout.on("data", (chunk: Buffer) => received.push(chunk));
    const payloads = [good, bad, "x".repeat(65_535), "", "auth:alice:localhost:€:colon", good];
    const stream = Buffer.concat(payloads.map((payload) => frame(payload)));
    for (let at = 0; at < 60; at++) socat.stdin.write(stream.subarray(at, at + 1));
    socat.stdin.end(stream.subarray(60));
    await once(socat, "exit");
    assert.equal(
      Buffer.concat(received).toString("hex"),
      payloads.map((payload) => (payload === good ? "00020001" : "00020000")).join(""),
    );
    await stopProcess(daemon);
    await api.stop();
  });
});
