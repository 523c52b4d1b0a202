import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import type { Verdict } from "../../protocol/login-answer.ts";
import { ApiError, type Attempt } from "../../relay/api.ts";
import { type AttemptsOptions, askWithRetry, DeadlineError } from "../../relay/attempts.ts";

/** An attempt that a test answers. */
class FakeAttempt implements Attempt {
  readonly isFresh: boolean;
  readonly answer: Promise<Verdict>;
  isAbandoned = false;
  resolve: (verdict: Verdict) => void = () => {};
  reject: (fault: unknown) => void = () => {};

  constructor(isFresh: boolean) {
    this.isFresh = isFresh;
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  abandon(): void {
    this.isAbandoned = true;
  }
}

/** Asks, and gives the attempts that were begun so far and what comes of it. */
function ask(options: Partial<AttemptsOptions> = {}) {
  const attempts: FakeAttempt[] = [];
  const begin = (isFresh: boolean) => {
    const one = new FakeAttempt(isFresh);
    attempts.push(one);
    return one;
  };
  const asked = askWithRetry({
    begin,
    deadlineMs: 10_000,
    slots: { tryTake: () => true, release: () => {} },
    now: () => Date.now(),
    random: () => 0,
    ...options,
  });
  // A test looks at what became of it later.
  asked.catch(() => {});
  return { attempts, asked };
}

/** Lets promises settle: no timer takes part in that. */
const settled = () => new Promise((resolve) => setImmediate(resolve));
const tick = async (ms: number) => {
  mock.timers.tick(ms);
  await settled();
};

const yes: Verdict = { allow: true };
const no: Verdict = { allow: false, reason: "no-session" };
const retried = (retryAfterMs = 0) => new ApiError("api-status", "502", retryAfterMs);
const final = new ApiError("api-status", "500");

describe("two attempts of a login", () => {
  // Time goes by tick() alone, and did not begin at 0.
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_767_225_600_000 }));
  afterEach(() => mock.timers.reset());

  it("are one where the first gives a verdict, yes or no", async () => {
    for (const verdict of [yes, no]) {
      const { attempts, asked } = ask();
      attempts[0]?.resolve(verdict);
      assert.deepEqual(await asked, verdict);
      await tick(60_000);
      assert.deepEqual(
        attempts.map(({ isFresh, isAbandoned }) => [isFresh, isAbandoned]),
        [[false, false]],
      );
    }
  });

  it("are one where the fault says nothing of a second, and that fault is told at once", async () => {
    for (const fault of [final, new TypeError("unforeseen")]) {
      const { attempts, asked } = ask();
      attempts[0]?.reject(fault);
      await assert.rejects(asked, fault);
      await tick(60_000);
      assert.equal(attempts.length, 1);
    }
  });

  it("are two where the first fails and a second may not, over a new connection", async () => {
    const { attempts, asked } = ask();
    attempts[0]?.reject(retried());
    await settled();
    await tick(0);
    assert.deepEqual(
      attempts.map(({ isFresh }) => isFresh),
      [false, true],
    );
    attempts[1]?.resolve(yes);
    assert.deepEqual(await asked, yes);
  });

  it("share a connection where the first is throttled: a storm must not cost a handshake a login", async () => {
    const { attempts, asked } = ask();
    attempts[0]?.reject(new ApiError("api-throttled", "429", 500));
    await settled();
    await tick(500);
    assert.deepEqual(
      attempts.map(({ isFresh }) => isFresh),
      [false, false],
    );
    attempts[1]?.resolve(yes);
    assert.deepEqual(await asked, yes);
  });

  it("have the wait between them that the fault asks for, and a share of chance above it", async () => {
    for (const [retryAfterMs, random, waitMs] of [
      [0, 0.5, 50],
      [2_000, 0, 2_000],
      [2_000, 0.5, 2_550],
    ] as const) {
      const { attempts } = ask({ random: () => random });
      attempts[0]?.reject(retried(retryAfterMs));
      await settled();
      await tick(waitMs - 1);
      assert.equal(attempts.length, 1);
      await tick(1);
      assert.equal(attempts.length, 2);
    }
  });

  it("have a slot each while both are in flight, and are one where no slot is free", async () => {
    let free = 0;
    const slots = {
      tryTake: () => free > 0 && free-- > 0,
      release: () => {
        free++;
      },
    };
    const alone = ask({ slots });
    await tick(5_000);
    assert.equal(alone.attempts.length, 1);
    // The first one's own slot is free again by then.
    alone.attempts[0]?.reject(retried());
    await settled();
    await tick(0);
    assert.equal(alone.attempts.length, 2);
    alone.attempts[1]?.resolve(yes);
    assert.deepEqual(await alone.asked, yes);
    assert.equal(free, 0);

    free = 1;
    const { attempts, asked } = ask({ slots });
    await tick(5_000);
    assert.deepEqual([attempts.length, free], [2, 0]);
    attempts[1]?.resolve(no);
    assert.deepEqual(await asked, no);
    await settled();
    assert.equal(free, 1);
  });

  it("are one where less than 50 ms would be left for a second", async () => {
    for (const [spentMs, retryAfterMs, count] of [
      [0, 9_949, 2],
      [0, 9_951, 1],
      [3_000, 6_949, 2],
      [3_000, 6_951, 1],
      [0, 10_000, 1],
      [0, 3_600_000, 1],
      [0, Number.POSITIVE_INFINITY, 1],
    ] as const) {
      const { attempts, asked } = ask();
      await tick(spentMs);
      attempts[0]?.reject(retried(retryAfterMs));
      await settled();
      await tick(retryAfterMs === Number.POSITIVE_INFINITY ? 60_000 : Math.min(retryAfterMs, 60_000));
      assert.equal(attempts.length, count, `${spentMs} ${retryAfterMs}`);
      if (count === 1) await assert.rejects(asked, { code: "api-status", retryAfterMs });
    }
  });

  it("are one where Retry-After is longer than the time that is left", async () => {
    for (const retryAfterMs of [9_951, 10_000, 3_600_000, Number.POSITIVE_INFINITY]) {
      const { attempts, asked } = ask();
      attempts[0]?.reject(retried(retryAfterMs));
      await assert.rejects(asked, { code: "api-status", retryAfterMs });
      await tick(60_000);
      assert.equal(attempts.length, 1);
    }
  });

  it("are never three, whatever the two say", async () => {
    const { attempts, asked } = ask();
    attempts[0]?.reject(retried());
    await settled();
    await tick(0);
    const fault = new ApiError("api-throttled", "429", 0);
    attempts[1]?.reject(fault);
    await assert.rejects(asked, { code: "api-status" });
    await tick(60_000);
    assert.equal(attempts.length, 2);
  });

  it("are side by side where the first is silent for too long, and the first verdict of the two wins", async () => {
    for (const winner of [0, 1]) {
      const { attempts, asked } = ask();
      await tick(4_999);
      assert.equal(attempts.length, 1);
      await tick(1);
      assert.equal(attempts.length, 2);
      const loser = 1 - winner;
      assert.equal(attempts[loser]?.isAbandoned, false);
      attempts[winner]?.resolve(no);
      assert.deepEqual(await asked, no);
      assert.deepEqual([attempts[winner]?.isAbandoned, attempts[loser]?.isAbandoned], [false, true]);
      attempts[loser]?.resolve(yes);
      await settled();
      assert.deepEqual(await asked, no, "what the loser says is nobody's answer");
    }
  });

  it("wait for the other one where one of the two has failed, and begin no third", async () => {
    for (const first of [0, 1]) {
      const { attempts, asked } = ask();
      await tick(5_000);
      attempts[first]?.reject(retried());
      await tick(1_000);
      assert.equal(attempts.length, 2);
      attempts[1 - first]?.resolve(yes);
      assert.deepEqual(await asked, yes);
    }
  });

  it("tell the fault that came first where both have failed", async () => {
    for (const first of [0, 1]) {
      const { attempts, asked } = ask();
      await tick(5_000);
      attempts[first]?.reject(final);
      await settled();
      attempts[1 - first]?.reject(new ApiError("api-throttled", "429"));
      await assert.rejects(asked, final);
    }
  });

  it("do not begin side by side once a second waits for its time", async () => {
    const { attempts } = ask();
    attempts[0]?.reject(retried(8_000));
    await settled();
    await tick(5_000);
    assert.equal(attempts.length, 1);
    await tick(3_000);
    assert.equal(attempts.length, 2);
  });

  it("end at the deadline, and both are given up", async () => {
    const { attempts, asked } = ask();
    await tick(5_000);
    await tick(4_999);
    assert.deepEqual(
      attempts.map(({ isAbandoned }) => isAbandoned),
      [false, false],
    );
    await tick(1);
    assert.deepEqual(
      attempts.map(({ isAbandoned }) => isAbandoned),
      [true, true],
    );
    attempts[0]?.resolve(yes);
    await assert.rejects(asked, { name: "DeadlineError", code: "deadline", detail: "10000ms" });
  });

  it("end at the deadline with the fault of the first where it had one, and without a second that waits", async () => {
    const { attempts, asked } = ask();
    attempts[0]?.reject(retried(8_000));
    await settled();
    await tick(8_000);
    await tick(2_000);
    await assert.rejects(asked, { code: "api-status" });
    assert.equal(attempts[1]?.isAbandoned, true);
  });

  it("are over at the deadline though the machine slept through it: a late yes is none", async () => {
    const { attempts, asked } = ask();
    // The clock has gone on, and no timer has run yet.
    mock.timers.setTime(Date.now() + 10_000);
    attempts[0]?.resolve(yes);
    await assert.rejects(asked, DeadlineError);
  });
});
