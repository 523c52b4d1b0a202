// The bundle while one account does what it can to have the others' logins refused, and while the API is really dead.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { localKey } from "../../infra/local/api.ts";
import { freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { temporaryDirectory } from "../real/directory.ts";
import {
  allowGood,
  badSession,
  goodSession,
  type Reply,
  type StandIn,
  say,
  startStandIn,
} from "../stand-in/api-gateway.ts";
import { Member } from "./member.ts";
import { until } from "./peer.ts";

const path = join(temporaryDirectory(), "relay.sock");
const good = `auth:alice:localhost:${goodSession}`;

/** What the function's death looks like behind API Gateway, by the password that causes it. */
const deaths: Readonly<Record<string, Reply>> = {
  crash: say(500, '{"message":"Internal Server Error"}'),
  gateway: say(502, '{"message":"Bad Gateway"}'),
  timeout: say(504, '{"message":"Gateway Timeout"}'),
  reset: (_, response) => void response.destroy(),
  garbage: (_, response) => void response.socket?.end("garbage\r\n\r\n"),
  silence: () => {},
  node: say(503, '{"error":"unavailable","reason":"store-timeout"}'),
};

/** As the function is while sessions of one account kill it: a password says how. */
const underAttack: Reply = (body, ...rest) => {
  const { password = "" } = JSON.parse(body);
  const [kind = ""] = password.split("-");
  (deaths[kind] ?? allowGood)(body, ...rest);
};

describe("the bundled relay", () => {
  let api: StandIn;
  let relay: RunningProcess | undefined;
  const members: Member[] = [];

  const start = async (url: string, ...args: string[]) => {
    relay = await startProcess({
      command: process.execPath,
      args: [relayPath, url, "--listen", path, "--region", "eu-central-1", ...args],
      env: { ...process.env, ...localKey },
      isReady: (output) => output.includes("listening"),
    });
  };
  const join = () => {
    const member = new Member(path);
    members.push(member);
    return member;
  };
  const log = () => relay?.output() ?? "";

  before(async () => {
    api = await startStandIn(underAttack, { verifies: true });
  });
  after(() => api.stop());
  afterEach(async () => {
    for (const member of members.splice(0)) member.socket.destroy();
    await relay?.stop();
    api.reply = underAttack;
  });

  /** Asks as six members do, each 50 times a second at most, until the others have asked their good logins. */
  const attackedBy = async (payloadOf: (at: number) => string) => {
    let isOver = false;
    let asked = 0;
    const attacks = Array.from({ length: 6 }, async () => {
      const member = join();
      while (!isOver) {
        await Promise.all([member.ask(payloadOf(asked++)), sleep(20)]);
      }
    });
    const others = Array.from({ length: 4 }, async () => {
      const member = join();
      let allowed = 0;
      for (let login = 0; login < 50; login++) {
        if (await member.ask(good)) allowed++;
        await sleep(20);
      }
      return allowed;
    });
    const allowed = (await Promise.all(others)).reduce((sum, one) => sum + one, 0);
    isOver = true;
    // Those that wait for an answer are let go.
    for (const member of members) member.socket.destroy();
    await Promise.all(attacks);
    return { asked, allowed };
  };

  for (const kind of Object.keys(deaths)) {
    it(`lets the others in while one session under a thousand names is a ${kind}`, async () => {
      await start(api.url);
      const { asked, allowed } = await attackedBy(
        (at) => `auth:name${at % 1_000}:localhost:${kind}-session0of0one0account`,
      );
      assert.ok(asked >= 6, `${asked}`);
      assert.ok(allowed >= 0.95 * 200, `${allowed} of 200: ${log()}`);
      assert.doesNotMatch(log(), /breaker-opened/);
    });

    it(`lets the others in while a thousand sessions of one account are a ${kind} each`, async () => {
      await start(api.url);
      const { allowed } = await attackedBy(
        (at) => `auth:mallory:localhost:${kind}-session0of0one0account${at}`,
      );
      assert.ok(allowed >= 0.95 * 200, `${allowed} of 200: ${log()}`);
      assert.doesNotMatch(log(), /breaker-opened/);
    });
  }

  it("probes at most twice a second meanwhile", async () => {
    await start(api.url, "--deadline-ms", "1000");
    const before = api.bodies.length;
    const startedMs = performance.now();
    await attackedBy((at) => `auth:mallory:localhost:crash-session0of0one0account${at}`);
    const seconds = (performance.now() - startedMs) / 1_000;
    const probes = api.bodies.slice(before).filter((body) => JSON.parse(body).op === "isuser");
    assert.ok(probes.length > 0 && probes.length <= 2 * seconds + 1, `${probes.length} in ${seconds} s`);
  });

  const everybody: Readonly<Record<string, Reply>> = {
    "answers 403 to all": say(403, '{"message":"Forbidden"}'),
    "answers 429 to all": say(429, '{"message":"Too Many Requests"}'),
    "answers 503 to all": say(503, '{"message":"Service Unavailable"}'),
    "has no verdict for anybody": say(503, '{"error":"unavailable","reason":"bad-configuration"}'),
  };
  for (const [name, reply] of Object.entries(everybody)) {
    it(`sends every login to an API that ${name}`, async () => {
      await start(api.url, "--deadline-ms", "1000");
      api.reply = reply;
      const member = join();
      for (let login = 0; login < 20; login++) {
        assert.equal(await member.ask(`auth:alice:localhost:${badSession}${login}`), false);
      }
      assert.doesNotMatch(log(), /breaker/);
      api.reply = underAttack;
      assert.equal(await member.ask(good), true);
    });
  }

  const dead: Readonly<Record<string, Reply>> = {
    "is silent": () => {},
    "closes every connection": (_, response) => void response.destroy(),
    "answers 500 to all": say(500, '{"message":"Internal Server Error"}'),
    "says yes to all, and repeats no nonce": say(200, '{"allow":true}'),
    "gives every answer to the next question": say(200, '{"allow":true,"nonce":"another"}'),
  };
  for (const [name, reply] of Object.entries(dead)) {
    it(`refuses at once while the API ${name}, and serves again once it is back, by itself`, async () => {
      await start(api.url);
      const member = join();
      assert.equal(await member.ask(good), true);
      api.reply = reply;
      const logins = Array.from({ length: 8 }, (_, at) =>
        join().ask(`auth:alice:localhost:${badSession}${at}`),
      );
      await until(() => log().includes("code=breaker-opened"), `the breaker is closed: ${log()}`);
      assert.equal(await member.ask(good), false);
      assert.match(log(), /code=breaker-open /);
      api.reply = underAttack;
      // No login is needed for the relay to see it.
      for (let waits = 0; !log().includes("code=breaker-closed") && waits < 300; waits++) await sleep(100);
      assert.equal(await member.ask(good), true, log());
      assert.deepEqual(new Set(await Promise.all(logins)), new Set([false]));
    });
  }

  it("refuses at once while nobody listens", async () => {
    await start(`http://127.0.0.1:${await freePort()}/auth`);
    const member = join();
    assert.equal(await member.ask(good), false);
    await until(() => log().includes("code=breaker-opened"), "the breaker is closed");
    assert.equal(await member.ask(good), false);
    assert.match(log(), /code=breaker-opened detail="api-unreachable ECONNREFUSED"/);
  });
});
