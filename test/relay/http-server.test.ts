// The bundle with --http, asked as MongooseIM's documentation says that it asks, and by anybody else.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { localKey } from "../../infra/local/api.ts";
import { freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { maxHttpConnections, maxPipelined, maxStrangers, serveHttp } from "../../relay/http-server.ts";
import { temporaryDirectory } from "../real/directory.ts";
import {
  allowGood,
  badSession,
  goodSession,
  type StandIn,
  say,
  startStandIn,
  tell,
} from "../stand-in/api-gateway.ts";
import { NumberedCaller } from "./numbered-caller.ts";
import { until } from "./peer.ts";

const directory = temporaryDirectory();
const secretFile = join(directory, "secret");
const secret = "mongooseim:DzviNQw3qyGJDrJDu+ClyA";
writeFileSync(secretFile, `${secret}\n`, { mode: 0o600 });
const basic = (text = secret) => `Basic ${Buffer.from(text).toString("base64")}`;
/** No field at all. */
const none = "none";
const good = `/check_password?user=alice&server=localhost&pass=${goodSession}`;

describe("the bundled relay with --http", () => {
  let api: StandIn;
  let relay: RunningProcess;
  let port: number;

  const start = async (...args: string[]) => {
    port = await freePort();
    relay = await startProcess({
      command: process.execPath,
      args: [
        ...[relayPath, api.url, "--region", "eu-central-1"],
        ...["--http", `127.0.0.1:${port}`, "--http-secret-file", secretFile, ...args],
      ],
      env: { ...process.env, ...localKey },
      isReady: (output) => output.includes("code=listening"),
    });
  };
  before(async () => {
    api = await startStandIn(allowGood, { verifies: true });
    await start("--listen", join(directory, "relay.sock"));
  });
  after(async () => {
    await relay.stop();
    await api.stop();
  });

  /** Returns "STATUS BODY". */
  const ask = (path: string, { method = "GET", authorization = basic(), body = "" } = {}) =>
    new Promise<string>((resolve, reject) => {
      const headers = authorization === none ? {} : { authorization };
      const asked = request({ host: "127.0.0.1", port, path, method, headers, agent: false }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => {
          // MongooseIM takes no chunked body.
          assert.equal(Number(response.headers["content-length"]), text.length);
          resolve(`${response.statusCode} ${text}`);
        });
      });
      asked.on("error", reject);
      asked.end(body);
    });

  it("answers a login with true or false", async () => {
    assert.equal(await ask(good), "200 true");
    assert.equal(await ask(good.replace(goodSession, badSession)), "200 false");
    assert.equal(await ask("/check_password?user=alice&server=localhost&pass="), "200 false");
    assert.equal(
      await ask(`/check_password?user=alice&server=localhost&pass=${"x".repeat(2_000)}`),
      "200 false",
    );
  });

  it("answers whether a user exists as the function's policy says, and true while that is not known", async () => {
    const exists = "/user_exists?user=alice&server=localhost&pass=";
    assert.equal(await ask(exists), "200 true");
    api.reply = tell({ allow: true, isuser: "none" });
    await ask(good);
    assert.equal(await ask(exists), "200 false");
    api.reply = tell({ allow: true, isuser: "all" });
    await ask(good);
    assert.equal(await ask(exists), "200 true");
    api.reply = allowGood;
  });

  it("refuses a login that cannot be decided, as neither true nor false", async () => {
    api.reply = say(503, '{"error":"unavailable"}');
    assert.equal(await ask(good), "403 ");
    api.reply = allowGood;
  });

  it("refuses whoever does not give the secret, and asks nobody", async () => {
    const asked = api.bodies.length;
    for (const authorization of [
      none,
      "",
      "Basic",
      basic(`${secret}x`),
      basic(secret.slice(0, -1)),
      basic("mongooseim:"),
      basic().replace("Basic", "Bearer"),
      basic().toLowerCase(),
      secret,
    ]) {
      assert.equal(await ask(good, { authorization }), "403 ", authorization);
    }
    assert.equal(api.bodies.length, asked);
  });

  it("refuses other methods, other paths and other forms, and asks nobody", async () => {
    const asked = api.bodies.length;
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      assert.equal(await ask(good, { method, body: "x".repeat(100_000) }), "403 ");
    }
    for (const path of [
      "/",
      "/register?user=a&server=b&pass=c",
      "/metrics",
      `${good}&x=1`,
      good.replace("alice", "a:b"),
    ]) {
      assert.equal(await ask(path), "403 ", path);
    }
    assert.equal(api.bodies.length, asked);
  });

  it("answers many at a time, each its own, over kept connections", async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, at) =>
        ask(`${good.replace("alice", `user${at}`)}${at % 2 === 0 ? "" : "x"}`),
      ),
    );
    assert.deepEqual(
      answers,
      Array.from({ length: 200 }, (_, at) => (at % 2 === 0 ? "200 true" : "200 false")),
    );
  });

  /** Opens a connection that says this, and tells when it has ended. */
  const open = (text: string) => {
    const opened = { said: "", isClosed: false, socket: connect(port, "127.0.0.1") };
    opened.socket
      .setEncoding("utf8")
      .on("data", (chunk: string) => {
        opened.said += chunk;
      })
      .on("error", () => {})
      .on("close", () => {
        opened.isClosed = true;
      });
    if (text !== "") opened.socket.write(text);
    return opened;
  };
  const raw = (path: string, authorization = basic()) =>
    `GET ${path} HTTP/1.1\r\nhost: relay\r\nauthorization: ${authorization}\r\n\r\n`;
  const exists = "/user_exists?user=alice&server=localhost&pass=";

  it("takes no more than 1024 connections of those who know the secret", async () => {
    const all: ReturnType<typeof open>[] = [];
    for (let at = 0; at < maxHttpConnections; at++) {
      const opened = open(raw(exists));
      all.push(opened);
      if (at % 32 === 0) await until(() => opened.said !== "", "no answer");
    }
    await until(() => all.every(({ said }) => said.endsWith("true")), "some have no answer");
    const more = open(raw(exists));
    await until(() => more.isClosed, "one more is taken");
    assert.equal(more.said, "");
    assert.equal(all.filter(({ isClosed }) => isClosed).length, 0);
    for (const { socket } of all) socket.destroy();
    await until(() => all.every(({ isClosed }) => isClosed), "some stay");
    assert.equal(await ask(good), "200 true");
  });

  it("ends a connection that gives a wrong secret with its answer", async () => {
    const opened = open(raw(good, basic("mongooseim:guess")));
    await until(() => opened.isClosed, "it stays");
    assert.match(opened.said, /^HTTP\/1\.1 403 .*connection: close\r\n/is);
  });

  it("holds no more than 512 connections without the secret, the newest ones, and serves beside them", async () => {
    const silent = Array.from({ length: 2 * maxStrangers }, () => open(""));
    const closed = () => silent.filter(({ isClosed }) => isClosed).length;
    await until(() => closed() === maxStrangers, "none is ended");
    for (let i = 0; i < 5; i++) assert.equal(await ask(good), "200 true");
    const kept = open(raw(exists));
    await until(() => kept.said !== "", "no answer");
    const later = Array.from({ length: maxStrangers + 1 }, () => open("GET /"));
    await until(() => later.some(({ isClosed }) => isClosed), "none is ended");
    assert.equal(kept.isClosed, false);
    for (const { socket } of [...silent, ...later, kept]) socket.destroy();
  });

  it("ends a connection that asks on and on without waiting for an answer", async () => {
    api.reply = () => {};
    const before = api.bodies.length;
    const greedy = open(
      Array.from({ length: 500 }, (_, at) => raw(good.replace("alice", `user${at}`))).join(""),
    );
    await until(() => greedy.isClosed, "it stays");
    await until(() => api.bodies.length >= before + maxPipelined, "nobody asked");
    assert.equal(api.bodies.length, before + maxPipelined);
    api.reply = allowGood;
    const patient = open(Array.from({ length: maxPipelined }, () => raw(good)).join(""));
    await until(() => patient.said.match(/true/g)?.length === maxPipelined, "an answer is missing");
    patient.socket.destroy();
  });

  it("serves the socket beside it", async () => {
    const caller = await NumberedCaller.open(join(directory, "relay.sock"));
    assert.equal(await caller.ask(`auth:alice:localhost:${goodSession}`), "yes");
    caller.socket.destroy();
  });

  it("survives bytes that are no HTTP, and a caller that goes", async () => {
    for (const bytes of [
      "\0\x07hello:1",
      "GET /\r\n\r\n",
      `GET /${"x".repeat(100_000)} HTTP/1.1\r\n\r\n`,
      "\xff".repeat(500),
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => socket.end(bytes));
        socket.on("error", () => {}).on("close", () => resolve());
        socket.resume();
      });
    }
    assert.equal(await ask(good), "200 true");
  });

  it("logs neither a URL, nor a session, nor the secret", () => {
    const log = relay.output();
    assert.match(log, /code=refused/);
    assert.doesNotMatch(log, /check_password|pass=|DzviNQw3|alice|localhost/);
  });

  it("answers what is in flight when it is told to stop, and ends without a socket, too", async () => {
    await relay.stop();
    await start();
    let answer = () => {};
    api.reply = (...args) => {
      answer = () => allowGood(...args);
    };
    const before = api.bodies.length;
    const asked = ask(good);
    await until(() => api.bodies.length > before, "nobody asked");
    const stopped = relay.stop();
    await new Promise((resolve) => setTimeout(resolve, 100));
    answer();
    assert.equal(await asked, "200 true");
    await stopped;
    assert.equal(relay.child.exitCode, 0);
    api.reply = allowGood;
  });

  it("ends with 2 and says why where it cannot be what it is told to be", async () => {
    const open = join(directory, "open");
    writeFileSync(open, secret, { mode: 0o644 });
    for (const [args, why] of [
      [
        ["--http", `127.0.0.1:${new URL(api.url).port}`, "--http-secret-file", secretFile],
        /cannot be listened on \(EADDRINUSE\)/,
      ],
      [["--http", "127.0.0.1:5290", "--http-secret-file", open], /chmod o-rwx/],
      [["--http", "127.0.0.1:5290"], /--http-secret-file is missing/],
      [["--http", "0.0.0.0:5290", "--http-secret-file", secretFile], /not an address of the loopback/],
      [
        ["--http-secret-file", secretFile, "--listen", join(directory, "other.sock")],
        /for --http, which is missing/,
      ],
    ] as const) {
      const ended = spawnSync(process.execPath, [relayPath, api.url, "--region", "eu-central-1", ...args], {
        env: { ...process.env, ...localKey },
        encoding: "utf8",
        timeout: 10_000,
      });
      assert.equal(ended.status, 2, ended.stderr);
      assert.match(ended.stderr, why);
    }
  });
});

describe("an HTTP server that stops", () => {
  it("answers what is in flight, and does not wait for a connection that says nothing", async () => {
    const port = await freePort();
    let decided = () => {};
    const server = await serveHttp({
      host: "127.0.0.1",
      port,
      secret,
      decide: () =>
        new Promise((resolve) => {
          decided = () => resolve("allowed");
        }),
      log: () => {},
    });
    const silent = connect(port, "127.0.0.1").on("error", () => {});
    const half = connect(port, "127.0.0.1", () => half.write("GET /")).on("error", () => {});
    await Promise.all([once(silent, "connect"), once(half, "connect")]);
    const asked = request({ host: "127.0.0.1", port, path: good, headers: { authorization: basic() } }).end();
    const before = decided;
    await until(() => decided !== before, "nobody is asked");
    const stopped = server.stop();
    decided();
    const [response] = await once(asked, "response");
    assert.equal(String(await response.setEncoding("utf8").toArray()), "true");
    await stopped;
    for (const socket of [silent, half]) socket.destroy();
  });
});
