import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { ApiError } from "../../relay/api.ts";
import { DeadlineError } from "../../relay/attempts.ts";
import { RequestSlots } from "../../relay/request-slots.ts";
import type { StillQuestion } from "../../relay/still.ts";
import {
  createStill,
  gatherMs,
  type LoginsQuestion,
  maxWaitingLogins,
  maxWaitingOfOne,
  maxWatchRequests,
  type Still,
  watchMs,
} from "../../relay/watch.ts";

/** A frame of that many logins, "1" for the first letter of each name that is to be live. */
const frame = (users: readonly string[], server = "h"): StillQuestion => ({
  server,
  logins: users.map((user) => JSON.stringify([user, "p"])),
});
const many = (count: number, name = "live", server = "h") =>
  frame(
    Array.from({ length: count }, (_, at) => `${name}${at}`),
    server,
  );

interface Asked extends LoginsQuestion {
  readonly leftMs: number;
  readonly resolve: (live: string) => void;
  readonly reject: (fault: unknown) => void;
}

const character = (user: string) => (user.startsWith("live") ? "1" : user.startsWith("ended") ? "0" : "?");
/** What the function says to these logins. */
const answerTo = ({ logins }: LoginsQuestion) =>
  (JSON.parse(`[${logins}]`) as [string, string][]).map(([user]) => character(user)).join("");

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("the watch over open connections", () => {
  let asked: Asked[];
  let nowMs: number;
  let log: { code: string; fields: unknown }[];
  let counted: string;
  let breaker: { isOpen: boolean };
  let still: Still;
  const caller = new AbortController();

  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout"] });
    asked = [];
    nowMs = 0;
    log = [];
    counted = "";
    breaker = { isOpen: false };
    still = createStill({
      ask: (question, leftMs) =>
        new Promise((resolve, reject) => asked.push({ ...question, leftMs, resolve, reject })),
      slots: new RequestSlots(maxWatchRequests),
      breaker,
      metrics: {
        watched: (answer) => {
          counted += answer;
        },
      },
      log: (_, code, fields) => log.push({ code, fields: fields?.() }),
      now: () => nowMs,
    });
  });
  afterEach(() => mock.timers.reset());
  const gather = () => mock.timers.tick(gatherMs);
  const answerAll = async () => {
    gather();
    while (asked.length > 0) {
      for (const one of asked.splice(0)) one.resolve(answerTo(one));
      await settled();
      gather();
    }
  };

  it("merges the frames of a moment into one request, and tells each frame of its own logins", async () => {
    const other = new AbortController();
    const answers = [
      still(frame(["live1", "ended1"]), caller.signal),
      still(frame(["unknown1"]), other.signal),
      still(frame(["ended2", "live2", "live3"]), caller.signal),
    ];
    assert.equal(asked.length, 0);
    gather();
    assert.equal(asked.length, 1);
    assert.equal(asked[0]?.count, 6);
    await answerAll();
    assert.deepEqual(await Promise.all(answers), ["10", "?", "011"]);
    assert.deepEqual([...counted].sort().join(""), "00111?");
  });

  it("asks at once with a thousand logins, and never with more", async () => {
    const answers = [still(many(600), caller.signal), still(many(600), caller.signal)];
    assert.deepEqual(
      asked.map(({ count }) => count),
      [600],
    );
    gather();
    assert.deepEqual(
      asked.map(({ count }) => count),
      [600, 600],
    );
    const full = Array.from({ length: 10 }, () => still(many(200), caller.signal));
    assert.deepEqual(
      asked.map(({ count }) => count),
      [600, 600, 1000, 1000],
    );
    await answerAll();
    for (const answer of await Promise.all([...answers, ...full])) assert.match(answer ?? "", /^1+$/);
  });

  it("asks of one host in one request", async () => {
    const answers = [
      still(frame(["live1"], "one"), caller.signal),
      still(frame(["ended1"], "other"), caller.signal),
      still(frame(["live2"], "one"), caller.signal),
    ];
    gather();
    for (const { server, logins } of asked) {
      assert.equal(server, logins.includes("ended") ? "other" : "one");
    }
    await answerAll();
    assert.deepEqual(await Promise.all(answers), ["1", "0", "1"]);
  });

  it("has so many requests in flight at most, and the rest has its turn as they are answered", async () => {
    const answers = Array.from({ length: 12 }, () => still(many(1000), caller.signal));
    gather();
    assert.equal(asked.length, maxWatchRequests);
    asked.splice(0, 1)[0]?.resolve("0".repeat(1000));
    await settled();
    gather();
    assert.equal(asked.length, maxWatchRequests);
    await answerAll();
    const all = await Promise.all(answers);
    assert.equal(all.filter((answer) => answer === "1".repeat(1000)).length, 11);
    assert.equal(all[0], "0".repeat(1000));
  });

  it("says unknown of all logins of a request that failed, logs why, and asks the next", async () => {
    for (const [fault, reason] of [
      [new ApiError("api-status", "404"), "api-status"],
      [new ApiError("api-forbidden", "403"), "api-forbidden"],
      [new ApiError("unavailable", ""), "unavailable"],
      [new DeadlineError(watchMs), "deadline"],
      [new TypeError("alice"), "internal-error"],
    ] as const) {
      const answer = still(frame(["live1", "ended1"]), caller.signal);
      gather();
      asked.splice(0)[0]?.reject(fault);
      assert.equal(await answer, "??");
      const last = log.at(-1);
      assert.equal(last?.code, "watch-unknown");
      assert.equal((last?.fields as { reason?: string } | undefined)?.reason, reason);
      assert.doesNotMatch(JSON.stringify(last), /alice|live1/);
    }
    const answer = still(frame(["live1", "ended1"]), caller.signal);
    gather();
    await answerAll();
    assert.equal(await answer, "10");
  });

  it("asks nobody while the breaker is open, nor of what waited while it opened", async () => {
    const waiting = still(frame(["ended1"]), caller.signal);
    breaker.isOpen = true;
    gather();
    assert.equal(await waiting, "?");
    assert.equal(await still(frame(["ended1", "live1"]), caller.signal), "??");
    assert.equal(asked.length, 0);
    assert.equal(counted, "???");
    breaker.isOpen = false;
    const answer = still(frame(["ended1", "live1"]), caller.signal);
    gather();
    await answerAll();
    assert.equal(await answer, "01");
  });

  it("asks nobody of logins that the function could not tell of, and keeps their places", async () => {
    assert.equal(await still({ server: "h", logins: [undefined, undefined] }, caller.signal), "??");
    assert.equal(asked.length, 0);
    const { logins } = frame(["ended1", "live1"]);
    const answer = still(
      { server: "h", logins: [undefined, logins[0], undefined, logins[1]] },
      caller.signal,
    );
    gather();
    await answerAll();
    assert.equal(await answer, "?0?1");
  });

  it("gives a request what is left of the time of its oldest frame", async () => {
    void still(frame(["live1"]), caller.signal);
    nowMs = 15;
    void still(frame(["live2"]), caller.signal);
    nowMs = 20;
    gather();
    assert.equal(asked[0]?.leftMs, watchMs - 20);
    await answerAll();
  });

  it("says unknown of frames that waited half of their time, and the newer ones have the turn", async () => {
    const inFlight = Array.from({ length: maxWatchRequests }, () => still(many(1000), caller.signal));
    const old = Array.from({ length: 3 }, () => still(many(500), caller.signal));
    nowMs = watchMs / 2 + 1;
    const fresh = still(frame(["ended1"]), caller.signal);
    gather();
    asked.splice(0, 1)[0]?.resolve("1".repeat(1000));
    for (const answer of await Promise.all(old)) assert.equal(answer, "?".repeat(500));
    assert.equal(asked.at(-1)?.count, 1);
    await answerAll();
    assert.equal(await fresh, "0");
    for (const answer of await Promise.all(inFlight)) assert.equal(answer, "1".repeat(1000));
  });

  it("holds so many logins of one caller at most: the rest is unknown at once, and other callers are served", async () => {
    const flood = Array.from({ length: 40 }, () => still(many(1000), caller.signal));
    const most = maxWatchRequests * 1000 + maxWaitingOfOne;
    const refused = flood.slice(Math.floor(most / 1000));
    for (const answer of await Promise.all(refused)) assert.equal(answer, "?".repeat(1000));
    assert.ok(log.some(({ fields }) => (fields as { reason: string }).reason === "queue-full"));
    const other = new AbortController();
    const answer = still(frame(["ended1"]), other.signal);
    gather();
    // Within two turns: the line is of callers, not of frames.
    for (const one of asked.splice(0, 2)) one.resolve(answerTo(one));
    await settled();
    gather();
    const its = asked.find(({ logins }) => logins.includes("ended1"));
    its?.resolve(answerTo(its));
    assert.equal(await answer, "0");
    asked = asked.filter((one) => one !== its);
    await answerAll();
  });

  it("holds so many logins of all callers at most", async () => {
    const callers = Array.from({ length: 8 }, () => new AbortController());
    const answers = callers.flatMap(({ signal }) =>
      Array.from({ length: 17 }, () => still(many(1000), signal)),
    );
    await settled();
    const isUnknown = await Promise.all(
      answers.map((answer) => Promise.race([answer.then(() => true), settled().then(() => false)])),
    );
    const held = isUnknown.filter((is) => !is).length;
    assert.ok(held * 1000 <= maxWaitingLogins + maxWatchRequests * 1000, `${held} frames`);
    assert.ok(held * 1000 > maxWaitingLogins, `${held} frames`);
    await answerAll();
  });

  it("asks no more for a caller that has gone", async () => {
    const gone = new AbortController();
    const answer = still(frame(["live1"]), gone.signal);
    gone.abort();
    gather();
    assert.equal(await answer, undefined);
    assert.equal(await still(frame(["live1"]), gone.signal), undefined);
    assert.equal(asked.length, 0);
    assert.equal(counted, "");
  });

  it("loses no frame and mixes up none, whatever comes when", async () => {
    // The same numbers at each run (mulberry32).
    let seed = 7;
    const random = (below: number) => {
      seed = (seed + 0x6d2b79f5) | 0;
      let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
      return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
    };
    const callers = Array.from({ length: 5 }, () => new AbortController());
    const answers: { promise: Promise<string | undefined>; expected: string }[] = [];
    for (let step = 0; step < 2_000; step++) {
      const users = Array.from(
        { length: 1 + random(300) },
        () => ["live", "ended", "unknown"][random(3)] ?? "",
      );
      const { signal } = callers[random(5)] as AbortController;
      const question = frame(users, random(2) === 0 ? "one" : "other");
      answers.push({ promise: still(question, signal), expected: users.map(character).join("") });
      nowMs += random(10);
      if (random(3) === 0) gather();
      const at = random(maxWatchRequests);
      const [one] = asked.splice(at, 1);
      if (one !== undefined) {
        assert.ok(one.count <= 1000);
        if (random(4) === 0) one.reject(new ApiError("api-status", "502"));
        else one.resolve(answerTo(one));
        await settled();
      }
    }
    await answerAll();
    let known = 0;
    for (const { promise, expected } of answers) {
      const answer = await promise;
      if (answer === expected) known++;
      else assert.equal(answer, "?".repeat(expected.length));
    }
    assert.ok(known > 500, `${known} of ${answers.length}`);
  });
});
