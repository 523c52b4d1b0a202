// The bundle with --listen, asked in numbered frames: many questions in flight over one connection.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { localKey } from "../../infra/local/api.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import { frame, relayPath } from "../../infra/local/relay-caller.ts";
import { maxInFlight } from "../../relay/request-slots.ts";
import { temporaryDirectory } from "../real/directory.ts";
import {
  allowGood,
  badSession,
  forLogins,
  goodSession,
  type Reply,
  type StandIn,
  startStandIn,
} from "../stand-in/api-gateway.ts";
import { NumberedCaller } from "./numbered-caller.ts";
import { until } from "./peer.ts";

const good = `auth:alice:localhost:${goodSession}`;
const path = join(temporaryDirectory(), "relay.sock");

describe("the bundled relay with numbered frames", () => {
  let api: StandIn;
  let relay: RunningProcess;

  const start = async (...args: string[]) => {
    relay = await startProcess({
      command: process.execPath,
      args: [relayPath, api.url, "--listen", path, "--region", "eu-central-1", ...args],
      env: { ...process.env, ...localKey },
      isReady: (output) => output.includes("listening"),
    });
  };
  before(async () => {
    api = await startStandIn(allowGood, { verifies: true });
  });
  after(() => api.stop());
  afterEach(async () => {
    await relay.stop();
    api.reply = allowGood;
  });

  it("tells yes, no and unavailable apart", async () => {
    await start();
    const caller = await NumberedCaller.open(path);
    assert.equal(await caller.ask(good), "yes");
    assert.equal(await caller.ask(`auth:alice:localhost:${badSession}`), "no");
    assert.equal(await caller.ask("setpass:alice:localhost:x"), "no");
    assert.equal(await caller.ask("auth:alice:localhost:\u0000"), "no");
    api.reply = (_, response) => response.writeHead(503).end('{"error":"unavailable"}');
    assert.equal(await caller.ask(good), "unavailable");
    assert.equal(await caller.ask("isuser:alice:localhost"), "unavailable");
    caller.socket.destroy();
  });

  it("serves today's frames beside them, on the same socket", async () => {
    await start();
    const caller = await NumberedCaller.open(path);
    const member = connect(path);
    let answers = "";
    member.on("data", (chunk) => {
      answers += chunk.toString("hex");
    });
    member.write(Buffer.concat([frame(good), frame("hello:1"), frame(`auth:alice:localhost:${badSession}`)]));
    assert.equal(await caller.ask(good), "yes");
    await until(() => answers.length >= 24, "no answers");
    assert.equal(answers, "000200010002000000020000");
    member.destroy();
    caller.socket.destroy();
  });

  it("has at most 256 requests in flight for 3,000 questions at once, and answers all of them", async () => {
    let most = 0;
    const waiting: (() => void)[] = [];
    api.reply = forLogins((...asked) => {
      waiting.push(() => allowGood(...asked));
      most = Math.max(most, waiting.length);
    });
    await start("--deadline-ms", "20000");
    const before = api.connections();
    const caller = await NumberedCaller.open(path);
    const asked = Array.from({ length: 3_000 }, (_, at) =>
      caller.ask(
        at % 2 === 0 ? `auth:user${at}:localhost:${goodSession}` : `auth:user${at}:localhost:${badSession}`,
      ),
    );
    await until(() => waiting.length === maxInFlight, "not 256 requests");
    // Answered one by one from here on: each answer lets the next question in.
    api.reply = (body, response, request) => {
      most = Math.max(most, waiting.length);
      allowGood(body, response, request);
    };
    for (const answer of waiting.splice(0)) answer();
    const answers = await Promise.all(asked);
    assert.equal(answers.filter((answer) => answer === "yes").length, 1_500);
    assert.ok(answers.every((answer, at) => answer === (at % 2 === 0 ? "yes" : "no")));
    assert.equal(most, maxInFlight);
    const probes = api.bodies.filter((body) => JSON.parse(body).op === "isuser").length;
    assert.ok(api.connections() - before <= maxInFlight + probes, `${api.connections()} connections`);
    caller.socket.destroy();
  });

  it("answers unavailable to what waited too long for its turn", async () => {
    await start("--deadline-ms", "2000");
    const caller = await NumberedCaller.open(path);
    // The relay learns that a request takes half a second: it keeps that much of a question's time free.
    api.reply = forLogins((...asked) => void setTimeout(() => allowGood(...asked), 500));
    await Promise.all(
      Array.from({ length: 64 }, (_, at) => caller.ask(`auth:user${at}:localhost:${goodSession}`)),
    );
    api.reply = forLogins(() => {});
    const before = api.bodies.length;
    const asked = Array.from({ length: maxInFlight + 40 }, (_, at) => caller.ask(`${good}${at}`));
    assert.deepEqual(new Set(await Promise.all(asked)), new Set(["unavailable"]));
    const requests = api.bodies.slice(before).filter((body) => JSON.parse(body).op === "auth").length;
    assert.ok(requests < asked.length, `${requests} requests`);
    assert.match(relay.output(), /code=queue-deadline /);
    caller.socket.destroy();
  });

  it("lets a caller with one question pass another's thousands", async () => {
    const held: Parameters<Reply>[] = [];
    api.reply = forLogins((...asked) => void held.push(asked));
    await start("--deadline-ms", "20000");
    const [flooding, other] = [await NumberedCaller.open(path), await NumberedCaller.open(path)];
    let answered = 0;
    const flood = Array.from({ length: 3_000 }, async (_, at) => {
      await flooding.ask(`auth:user${at}:localhost:${goodSession}`);
      answered++;
    });
    await until(() => held.length === maxInFlight, "not 256 requests");
    const one = other.ask(good);
    const member = connect(path);
    const memberAnswered = new Promise((resolve) =>
      member.once("data", (bytes) => resolve(bytes.toString("hex"))),
    );
    member.write(frame(`auth:bob:localhost:${goodSession}`));
    // Both are in line by the time that the first turn comes.
    await new Promise((resolve) => setTimeout(resolve, 100));
    api.reply = allowGood;
    for (const asked of held.splice(0, 8)) allowGood(...asked);
    assert.equal(await one, "yes");
    assert.equal(await memberAnswered, "00020001");
    assert.ok(answered < 3_000 - maxInFlight, `${answered} of the others came first`);
    for (const asked of held) allowGood(...asked);
    await Promise.all(flood);
    member.destroy();
    flooding.socket.destroy();
    other.socket.destroy();
  });

  it("answers what is in flight when it is told to stop", async () => {
    let answer = () => {};
    api.reply = forLogins((...asked) => {
      answer = () => allowGood(...asked);
    });
    await start();
    const caller = await NumberedCaller.open(path);
    const before = api.bodies.length;
    const asked = caller.ask(good);
    await until(() => api.bodies.length > before, "nobody asked");
    const stopped = relay.stop();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const late = caller.ask(good);
    answer();
    assert.equal(await asked, "yes");
    assert.equal(await late, "closed");
    await stopped;
  });
});
