import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { Breaker } from "../../relay/breaker.ts";
import { firstWaitMs, leastGapMs, leastPatienceMs, longestWaitMs } from "../../relay/breaker-state.ts";
import { suspiciousMs } from "../../relay/decide.ts";
import type { Probed } from "../../relay/probe.ts";

const deadlineMs = 10_000;
const alive: Probed = { health: "alive", detail: "" };
const dead: Probed = { health: "dead", detail: "api-unreachable ECONNREFUSED" };
const unknown: Probed = { health: "unknown", detail: "no credentials" };
const startMs = 1_767_225_600_000;

const settled = () => new Promise((resolve) => setImmediate(resolve));
/** Time goes by, a step at a time: a timer that a timer sets is due at its own time. */
const tick = async (ms: number, stepMs = 100) => {
  for (let left = ms; left > 0; left -= stepMs) {
    mock.timers.tick(Math.min(left, stepMs));
    await settled();
  }
};

/** A breaker whose probes a test answers, or that are answered at once. `asks`: each is sent as soon as it begins. */
function open({ asks = true, atOnce }: { asks?: boolean; atOnce?: () => Probed | undefined } = {}) {
  const probes: { ask: () => void; answer: (probed: Probed) => Promise<void>; atMs: number }[] = [];
  const lines: string[] = [];
  const breaker = new Breaker({
    probe: (onAsked) =>
      new Promise((resolve) => {
        if (asks) onAsked();
        const answer = async (probed: Probed) => {
          resolve(probed);
          await settled();
        };
        probes.push({ ask: onAsked, answer, atMs: Date.now() - startMs });
        const probed = atOnce?.();
        if (probed !== undefined) resolve(probed);
      }),
    deadlineMs,
    now: () => Date.now(),
    random: () => 0,
    log: (_, code, fields) => lines.push(`${code} ${fields?.()["detail"] ?? ""}`.trim()),
  });
  return { breaker, probes, lines };
}

describe("the breaker", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"], now: startMs }));
  afterEach(() => mock.timers.reset());

  /** Opens it by probes that fail at once. */
  const opened = async () => {
    const state: { found: Probed | undefined } = { found: dead };
    const all = open({ atOnce: () => state.found });
    all.breaker.suspect();
    await tick(leastGapMs);
    assert.equal(all.breaker.isOpen, true);
    return Object.assign(state, all);
  };

  it("is not opened by any number of faults of logins: they make it probe", async () => {
    const { breaker, probes } = open();
    for (let fault = 0; fault < 1_000; fault++) breaker.suspect();
    assert.deepEqual([breaker.isOpen, probes.length], [false, 1]);
    await probes[0]?.answer(alive);
    for (let fault = 0; fault < 1_000; fault++) breaker.suspect();
    assert.equal(breaker.isOpen, false);
  });

  it("opens when two of its own probes fail in a row, and says why once", async () => {
    const { breaker, probes, lines } = open({ atOnce: () => dead });
    breaker.suspect();
    await tick(leastGapMs - 1);
    assert.deepEqual([breaker.isOpen, probes.length], [false, 1]);
    await tick(1);
    assert.deepEqual([breaker.isOpen, probes.length], [true, 2]);
    for (let fault = 0; fault < 10; fault++) breaker.suspect();
    assert.deepEqual(lines, ["breaker-opened api-unreachable ECONNREFUSED"]);
  });

  it("opens when two of its own probes are silent for too long", async () => {
    const { breaker, lines } = open();
    breaker.suspect();
    await tick(2 * leastPatienceMs - 1);
    assert.equal(breaker.isOpen, false);
    await tick(1);
    assert.equal(breaker.isOpen, true);
    assert.deepEqual(lines, [`breaker-opened no answer within ${leastPatienceMs}ms`]);
  });

  it("is open within two seconds of the first login that a dead API leaves without an answer", async () => {
    for (const probed of [undefined, dead]) {
      const { breaker, probes } = open({ atOnce: () => probed });
      // The worst moment: a probe was answered just before.
      breaker.suspect();
      await probes[0]?.answer(alive);
      await tick(suspiciousMs);
      breaker.suspect();
      await tick(2_000 - suspiciousMs);
      assert.equal(breaker.isOpen, true);
    }
  });

  it("is not opened by one probe that fails", async () => {
    const { breaker, probes } = open();
    breaker.suspect();
    await probes[0]?.answer(dead);
    await tick(leastGapMs);
    await probes[1]?.answer(alive);
    await tick(60_000);
    assert.deepEqual([breaker.isOpen, probes.length], [false, 2]);
    breaker.suspect();
    await probes[2]?.answer(dead);
    assert.equal(breaker.isOpen, false, "they are not two in a row");
  });

  it("probes no more often than twice a second while it is closed, whatever comes of it", async () => {
    for (const results of [[alive], [dead, alive], [unknown]]) {
      let at = 0;
      const { breaker, probes } = open({ atOnce: () => results[at++ % results.length] });
      for (let ms = 0; ms < 10_000; ms += 10) {
        breaker.suspect();
        await tick(10);
      }
      assert.equal(breaker.isOpen, false);
      const gaps = probes.slice(1).map((probe, before) => probe.atMs - (probes[before]?.atMs ?? 0));
      assert.ok(gaps.length > 15 && gaps.every((gap) => gap >= leastGapMs), `${gaps}`);
    }
  });

  it("stays closed where the API has answered a login since a probe that failed", async () => {
    for (const probed of [undefined, dead]) {
      const { breaker, probes } = open();
      breaker.suspect();
      for (let round = 0; round < 10; round++) {
        await tick(1);
        breaker.answered();
        if (probed === undefined) await tick(leastPatienceMs);
        else await probes.at(-1)?.answer(probed);
        assert.equal(breaker.isOpen, false);
        await tick(leastGapMs);
        breaker.suspect();
      }
      // What was answered before a probe says nothing of it.
      await tick(2 * leastPatienceMs);
      assert.equal(breaker.isOpen, true);
    }
  });

  it("does not count the time in which a probe waits for credentials, nor a probe that finds none", async () => {
    const { breaker, probes } = open({ asks: false });
    breaker.suspect();
    await tick(20_000);
    breaker.suspect();
    assert.deepEqual([breaker.isOpen, probes.length], [false, 1]);
    probes[0]?.ask();
    await tick(leastPatienceMs - 1);
    await probes[0]?.answer(unknown);
    await tick(60_000);
    assert.deepEqual([breaker.isOpen, probes.length], [false, 1]);
    breaker.suspect();
    assert.equal(probes.length, 2);
  });

  it("probes ever more rarely while it is open, with no login to make it", async () => {
    const { breaker, probes } = await opened();
    for (let ms = 0; ms < 60_000; ms += 100) {
      breaker.suspect();
      await tick(100);
    }
    const due = [0, 500, 1_000, 2_000, 4_000, 8_000, 13_000, 18_000, 23_000];
    assert.deepEqual(
      probes.slice(0, due.length).map(({ atMs }) => atMs),
      due,
    );
    assert.deepEqual([firstWaitMs, longestWaitMs], [500, 5_000]);
  });

  it("is not closed by a login's answer", async () => {
    const { breaker } = await opened();
    await tick(10);
    breaker.answered();
    await tick(firstWaitMs);
    assert.equal(breaker.isOpen, true);
  });

  it("closes when a probe is answered, says so, and opens again as if it had never been open", async () => {
    const all = await opened();
    all.found = alive;
    await tick(firstWaitMs);
    assert.equal(all.breaker.isOpen, false);
    assert.equal(all.lines.at(-1), "breaker-closed");
    const before = all.probes.length;
    await tick(60_000);
    assert.equal(all.probes.length, before, "nobody suspects it");
    all.found = dead;
    all.breaker.suspect();
    await tick(leastGapMs);
    assert.equal(all.breaker.isOpen, true);
    await tick(firstWaitMs);
    assert.equal(all.probes.length, before + 3);
  });

  it("closes by any of its probes, an early one included, and the others' ends are no news", async () => {
    const { breaker, probes } = open();
    breaker.suspect();
    await tick(2 * leastPatienceMs);
    await tick(firstWaitMs);
    await tick(2 * firstWaitMs);
    assert.deepEqual([breaker.isOpen, probes.length], [true, 4]);
    await probes[2]?.answer(alive);
    assert.equal(breaker.isOpen, false);
    for (const at of [0, 1, 3]) await probes[at]?.answer(dead);
    await tick(60_000);
    assert.deepEqual([breaker.isOpen, probes.length], [false, 4]);
  });

  it("stays open where a probe finds no credentials, and probes on", async () => {
    const all = await opened();
    all.found = unknown;
    await tick(firstWaitMs);
    assert.equal(all.breaker.isOpen, true);
    all.found = alive;
    await tick(2 * firstWaitMs);
    assert.equal(all.breaker.isOpen, false);
  });

  it("gives an API that was slow twice its time from then on, up to a login's, until it is quick again", async () => {
    const { breaker, probes } = open();
    const opensAfter = async (patienceMs: number) => {
      breaker.suspect();
      await tick(2 * patienceMs - 1, 1);
      assert.equal(breaker.isOpen, false, `${patienceMs}`);
      await tick(1);
      assert.equal(breaker.isOpen, true, `${patienceMs}`);
    };
    await opensAfter(leastPatienceMs);
    for (const [tookMs, patienceMs] of [
      [1_000, 2_000],
      [3_000, 6_000],
      [6_000, deadlineMs],
      [0, leastPatienceMs],
    ] as const) {
      const before = probes.length;
      while (probes.length === before) await tick(1, 1);
      const probe = probes.at(-1);
      await tick(tookMs);
      await probe?.answer(alive);
      assert.equal(breaker.isOpen, false);
      await tick(60_000);
      await opensAfter(patienceMs);
    }
  });

  it("takes a late answer for a sign of life: a cold start of a second opens nothing", async () => {
    const { breaker, probes } = open();
    breaker.suspect();
    await tick(1_100);
    assert.equal(probes.length, 2);
    await probes[0]?.answer(alive);
    await tick(60_000);
    assert.deepEqual([breaker.isOpen, probes.length], [false, 2]);
  });
});
