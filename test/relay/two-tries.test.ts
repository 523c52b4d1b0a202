import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { ApiFault, type Try, type Verdict } from "../../relay/api.ts";
import { askTwice, DeadlineFault, type TwoTriesOptions } from "../../relay/two-tries.ts";

/** A try that a test answers. */
class FakeTry implements Try {
  readonly isFresh: boolean;
  readonly answer: Promise<Verdict>;
  isGivenUp = false;
  resolve: (verdict: Verdict) => void = () => {};
  reject: (fault: unknown) => void = () => {};

  constructor(isFresh: boolean) {
    this.isFresh = isFresh;
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  giveUp(): void {
    this.isGivenUp = true;
  }
}

/** Asks, and gives the tries that were begun so far and what comes of it. */
function ask(options: Partial<TwoTriesOptions> = {}) {
  const tries: FakeTry[] = [];
  const begin = (isFresh: boolean) => {
    const one = new FakeTry(isFresh);
    tries.push(one);
    return one;
  };
  const asked = askTwice({ begin, deadlineMs: 10_000, hedgeAfterMs: 5_000, random: () => 0, ...options });
  // A test looks at what became of it later.
  asked.catch(() => {});
  return { tries, asked };
}

/** Lets promises settle: no timer takes part in that. */
const settled = () => new Promise((resolve) => setImmediate(resolve));
const tick = async (ms: number) => {
  mock.timers.tick(ms);
  await settled();
};

const yes: Verdict = { allow: true };
const no: Verdict = { allow: false, reason: "no-session" };
const retried = (retryAfterMs = 0) => new ApiFault("api-status", "502", retryAfterMs);
const final = new ApiFault("api-status", "500");

describe("two tries of a login", () => {
  // Timers stand still but for tick(); performance.now() goes on, so that whatever passes by itself is far from a limit.
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
  afterEach(() => mock.timers.reset());

  it("are one where the first gives a verdict, yes or no", async () => {
    for (const verdict of [yes, no]) {
      const { tries, asked } = ask();
      tries[0]?.resolve(verdict);
      assert.deepEqual(await asked, verdict);
      await tick(60_000);
      assert.deepEqual(
        tries.map(({ isFresh, isGivenUp }) => [isFresh, isGivenUp]),
        [[false, false]],
      );
    }
  });

  it("are one where the fault says nothing of a second, and that fault is told at once", async () => {
    for (const fault of [final, new TypeError("unforeseen")]) {
      const { tries, asked } = ask();
      tries[0]?.reject(fault);
      await assert.rejects(asked, fault);
      await tick(60_000);
      assert.equal(tries.length, 1);
    }
  });

  it("are two where the first fails and a second may not, over a new connection", async () => {
    const { tries, asked } = ask();
    tries[0]?.reject(retried());
    await settled();
    await tick(0);
    assert.deepEqual(
      tries.map(({ isFresh }) => isFresh),
      [false, true],
    );
    tries[1]?.resolve(yes);
    assert.deepEqual(await asked, yes);
  });

  it("have the wait between them that the fault asks for, and a share of chance above it", async () => {
    for (const [retryAfterMs, random, waitMs] of [
      [0, 0.5, 50],
      [2_000, 0, 2_000],
      [2_000, 0.5, 2_550],
    ] as const) {
      const { tries } = ask({ random: () => random });
      tries[0]?.reject(retried(retryAfterMs));
      await settled();
      await tick(waitMs - 1);
      assert.equal(tries.length, 1);
      await tick(1);
      assert.equal(tries.length, 2);
    }
  });

  it("are one where Retry-After is longer than the time that is left", async () => {
    for (const retryAfterMs of [9_950, 10_000, 3_600_000, Number.POSITIVE_INFINITY]) {
      const { tries, asked } = ask();
      tries[0]?.reject(retried(retryAfterMs));
      await assert.rejects(asked, { code: "api-status", retryAfterMs });
      await tick(60_000);
      assert.equal(tries.length, 1);
    }
  });

  it("are never three, whatever the two say", async () => {
    const { tries, asked } = ask();
    tries[0]?.reject(retried());
    await settled();
    await tick(0);
    const fault = new ApiFault("api-throttled", "429", 0);
    tries[1]?.reject(fault);
    await assert.rejects(asked, { code: "api-status" });
    await tick(60_000);
    assert.equal(tries.length, 2);
  });

  it("are side by side where the first is silent for too long, and the first verdict of the two wins", async () => {
    for (const winner of [0, 1]) {
      const { tries, asked } = ask();
      await tick(4_999);
      assert.equal(tries.length, 1);
      await tick(1);
      assert.equal(tries.length, 2);
      const loser = 1 - winner;
      assert.equal(tries[loser]?.isGivenUp, false);
      tries[winner]?.resolve(no);
      assert.deepEqual(await asked, no);
      assert.deepEqual([tries[winner]?.isGivenUp, tries[loser]?.isGivenUp], [false, true]);
      tries[loser]?.resolve(yes);
      await settled();
      assert.deepEqual(await asked, no, "what the loser says is nobody's answer");
    }
  });

  it("wait for the other one where one of the two has failed, and begin no third", async () => {
    for (const first of [0, 1]) {
      const { tries, asked } = ask();
      await tick(5_000);
      tries[first]?.reject(retried());
      await tick(1_000);
      assert.equal(tries.length, 2);
      tries[1 - first]?.resolve(yes);
      assert.deepEqual(await asked, yes);
    }
  });

  it("tell the fault that came first where both have failed", async () => {
    for (const first of [0, 1]) {
      const { tries, asked } = ask();
      await tick(5_000);
      tries[first]?.reject(final);
      await settled();
      tries[1 - first]?.reject(new ApiFault("api-throttled", "429"));
      await assert.rejects(asked, final);
    }
  });

  it("do not begin side by side once a second waits for its time", async () => {
    const { tries } = ask();
    tries[0]?.reject(retried(8_000));
    await settled();
    await tick(5_000);
    assert.equal(tries.length, 1);
    await tick(3_000);
    assert.equal(tries.length, 2);
  });

  it("end at the deadline, and both are given up", async () => {
    const { tries, asked } = ask();
    await tick(5_000);
    await tick(4_999);
    assert.deepEqual(
      tries.map(({ isGivenUp }) => isGivenUp),
      [false, false],
    );
    await tick(1);
    assert.deepEqual(
      tries.map(({ isGivenUp }) => isGivenUp),
      [true, true],
    );
    tries[0]?.resolve(yes);
    await assert.rejects(asked, { name: "DeadlineFault", code: "deadline", detail: "10000ms" });
  });

  it("end at the deadline with the fault of the first where it had one, and without a second that waits", async () => {
    const { tries, asked } = ask();
    tries[0]?.reject(retried(8_000));
    await settled();
    await tick(8_000);
    await tick(2_000);
    await assert.rejects(asked, { code: "api-status" });
    assert.equal(tries[1]?.isGivenUp, true);
  });

  it("are one where the second would begin at the deadline or later", async () => {
    for (const hedgeAfterMs of [10_000, 20_000]) {
      const { tries, asked } = ask({ hedgeAfterMs });
      await tick(10_000);
      await assert.rejects(asked, DeadlineFault);
      await tick(60_000);
      assert.equal(tries.length, 1);
    }
  });

  it("are over at the deadline though the machine slept through it: a late yes is none", async () => {
    const { tries, asked } = ask({ deadlineMs: 30, hedgeAfterMs: 15 });
    const startedMs = performance.now();
    while (performance.now() - startedMs < 31);
    tries[0]?.resolve(yes);
    await assert.rejects(asked, DeadlineFault);
  });
});
