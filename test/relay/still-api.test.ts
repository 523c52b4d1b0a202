// The bundle with --listen, asked about open connections: what it asks of the API, and what a fault there is worth.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { localKey } from "../../infra/local/api.ts";
import { freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import { frame, relayPath } from "../../infra/local/relay-caller.ts";
import { maxWatchRequests } from "../../relay/watch.ts";
import { temporaryDirectory } from "../real/directory.ts";
import {
  allowGood,
  forLogins,
  goodSession,
  type Reply,
  type StandIn,
  say,
  startStandIn,
  tell,
} from "../stand-in/api-gateway.ts";
import { NumberedCaller } from "./numbered-caller.ts";
import { until } from "./peer.ts";

const path = join(temporaryDirectory(), "relay.sock");
const login = (user: string) => [user, goodSession] as const;
const characters = { live: "1", ended: "0" } as const;

/** Says live or ended of users whose names begin so. */
const tellOfLogins: Reply = (body, ...rest) => {
  const { logins } = JSON.parse(body) as { logins: [string, string][] };
  const live = logins.map(([user]) => characters[user.replace(/\d*$/, "") as "live"] ?? "?").join("");
  tell({ live })(body, ...rest);
};

/** Answers logins as usual, and questions about connections so. */
const forConnections =
  (reply: Reply): Reply =>
  (body, response, request) =>
    (request.url === "/logins" ? reply : allowGood)(body, response, request);

describe("the bundled relay, asked about open connections", () => {
  let api: StandIn;
  let relay: RunningProcess;
  let caller: NumberedCaller;
  let metricsUrl: string;

  const start = async (...args: string[]) => {
    const port = await freePort();
    metricsUrl = `http://127.0.0.1:${port}/metrics`;
    relay = await startProcess({
      command: process.execPath,
      args: [
        relayPath,
        api.url,
        "--listen",
        path,
        "--region",
        "eu-central-1",
        "--metrics-port",
        String(port),
        ...args,
      ],
      env: { ...process.env, ...localKey },
      isReady: (output) => output.includes("listening"),
    });
    caller = await NumberedCaller.open(path);
  };
  const asked = () => api.bodies.map((body) => JSON.parse(body)).filter(({ logins }) => logins !== undefined);
  before(async () => {
    api = await startStandIn(forConnections(tellOfLogins), { verifies: true });
  });
  after(() => api.stop());
  afterEach(async () => {
    caller.socket.destroy();
    await relay.stop();
    api.reply = forConnections(tellOfLogins);
    api.bodies.length = 0;
  });

  it("asks POST /logins beside its own URL, signed, with a nonce, and says live, ended or unknown", async () => {
    await start();
    const logins = [login("live"), login("ended"), login("other"), ["live", "no-session-id"] as const];
    assert.equal(await caller.still("localhost", logins), "10??");
    const [{ nonce, ...question }] = asked();
    assert.deepEqual(question, { server: "localhost", logins: logins.slice(0, 3) });
    assert.match(nonce, /^[\w-]{22}$/);
    assert.deepEqual(new Set(api.refusals), new Set(["none"]));
    const metrics = await (await fetch(metricsUrl)).text();
    assert.match(metrics, /^inspectord_watched_total\{answer="live"\} 1$/m);
    assert.match(metrics, /^inspectord_watched_total\{answer="ended"\} 1$/m);
    assert.match(metrics, /^inspectord_watched_total\{answer="unknown"\} 2$/m);
  });

  it("merges many frames into few requests of at most a thousand logins", async () => {
    await start();
    const frames = Array.from({ length: 50 }, (_, at) =>
      Array.from({ length: 100 }, (_, n) => login(`${(at + n) % 2 === 0 ? "live" : "ended"}${n}`)),
    );
    const answers = await Promise.all(frames.map((logins) => caller.still("localhost", logins)));
    for (const [at, answer] of answers.entries())
      assert.equal(answer, (at % 2 === 0 ? "10" : "01").repeat(50));
    const sizes = asked().map(({ logins }) => logins.length);
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      5_000,
    );
    assert.ok(Math.max(...sizes) <= 1_000 && sizes.length <= 25, sizes.join());
  });

  it("says unknown of all, and lets logins in, whatever the route answers", async () => {
    await start();
    const replies: Readonly<Record<string, Reply>> = {
      "a function of an earlier release: 404": say(404, '{"message":"Not Found"}'),
      "a policy of an earlier release: 403": say(403, '{"message":"Forbidden"}'),
      throttled: say(429, '{"message":"Too Many Requests"}'),
      unavailable: say(503, '{"error":"unavailable"}'),
      "a breach": say(400, '{"error":"logins-invalid"}'),
      "an error": say(500, "Internal Server Error"),
      "a login's answer": tell({ allow: false }),
      "one character too few": tell({ live: "0" }),
      "one too many": tell({ live: "000" }),
      "other characters": tell({ live: "no" }),
      "another nonce": say(200, '{"live":"00","nonce":"another"}'),
      "no nonce": say(200, '{"live":"00"}'),
      garbage: (_, response) => void response.socket?.end("garbage\r\n\r\n"),
      "a closed connection": (_, response) => void response.socket?.destroy(),
    };
    for (const [name, reply] of Object.entries(replies)) {
      api.reply = forConnections(reply);
      assert.equal(await caller.still("localhost", [login("ended"), login("ended")]), "??", name);
      assert.equal(await caller.ask(`auth:alice:localhost:${goodSession}`), "yes", name);
    }
    api.reply = forConnections(tellOfLogins);
    assert.equal(await caller.still("localhost", [login("ended"), login("live")]), "01");
    assert.match(relay.output(), /code=watch-unknown reason=api-status detail=404/);
    assert.doesNotMatch(relay.output(), /breaker-opened/);
    assert.ok(!relay.output().includes(goodSession));
  });

  it("takes a second attempt where a connection was lost", async () => {
    await start();
    let requests = 0;
    api.reply = forConnections((...args) => {
      if (requests++ === 0) args[1].socket?.destroy();
      else tellOfLogins(...args);
    });
    assert.equal(await caller.still("localhost", [login("ended")]), "0");
    assert.equal(requests, 2);
  });

  it("has eight requests in flight at most, which delay no login", async () => {
    await start("--max-in-flight", "2");
    const waiting: (() => void)[] = [];
    api.reply = forConnections((...args) => waiting.push(() => tellOfLogins(...args)));
    const many = Array.from({ length: 1_000 }, (_, at) => login(`ended${at}`));
    const frames = Array.from({ length: 24 }, (_, at) => many.slice(at * 40, at * 40 + 500));
    const answers = frames.map((logins) => caller.still("localhost", logins));
    await until(() => waiting.length === maxWatchRequests, "not eight requests");
    for (let at = 0; at < 40; at++) {
      assert.equal(await caller.ask(`auth:alice${at}:localhost:${goodSession}`), "yes");
    }
    assert.equal(waiting.length, maxWatchRequests);
    api.reply = forConnections(tellOfLogins);
    for (const answer of waiting.splice(0)) answer();
    for (const answer of await Promise.all(answers)) assert.match(answer, /^0+$/);
  });

  it("says unknown at once while the breaker is open, and tells again once it is closed", async () => {
    await start("--deadline-ms", "2000");
    api.reply = (_, response) => void response.socket?.destroy();
    await caller.ask(`auth:alice:localhost:${goodSession}`);
    await until(() => relay.output().includes("breaker-opened"), "the breaker stays closed");
    const before = asked().length;
    assert.equal(await caller.still("localhost", [login("ended")]), "?");
    assert.equal(asked().length, before);
    api.reply = forConnections(tellOfLogins);
    await until(() => relay.output().includes("breaker-closed"), "the breaker stays open");
    assert.equal(await caller.still("localhost", [login("ended")]), "0");
  });

  it("opens no breaker by questions about connections that fail", async () => {
    await start();
    api.reply = forConnections((_, response) => void response.socket?.destroy());
    for (let at = 0; at < 5; at++) assert.equal(await caller.still("localhost", [login("ended")]), "?");
    assert.equal(api.bodies.filter((body) => JSON.parse(body).op === "isuser").length, 0);
    assert.doesNotMatch(relay.output(), /breaker-opened/);
  });

  it("lets logins in beside a flood of questions about connections, and ends the flood's memory with it", async () => {
    await start();
    api.reply = forConnections(() => {});
    const flood = await NumberedCaller.open(path);
    const logins = Array.from({ length: 900 }, (_, at) => login(`ended${at}`));
    const flooding = Array.from({ length: 200 }, () => flood.still("localhost", logins));
    for (let at = 0; at < 20; at++) {
      assert.equal(await caller.ask(`auth:bob${at}:localhost:${goodSession}`), "yes");
    }
    flood.socket.destroy();
    for (const answer of await Promise.all(flooding)) assert.match(answer, /^(\?+|closed|unavailable)$/);
    api.reply = forLogins(forConnections(tellOfLogins));
    assert.equal(await caller.ask(`auth:carol:localhost:${goodSession}`), "yes");
  });

  it("answers no to the question on a connection without numbers, as a relay of before does", async () => {
    await start();
    const { connect } = await import("node:net");
    const member = connect(path);
    let answer = "";
    member.on("data", (chunk) => {
      answer += chunk.toString("hex");
    });
    member.write(frame(`still:localhost\0ended\0${goodSession}\0`));
    await until(() => answer.length >= 8, "no answer");
    assert.equal(answer, "00020000");
    member.destroy();
    assert.equal(asked().length, 0);
  });
});
