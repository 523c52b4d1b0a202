import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BreakerState, leastGapMs, leastPatienceMs } from "../../relay/breaker-state.ts";

/** A state whose two first probes failed at 0 and at 500 ms. */
function opened(): BreakerState {
  const state = new BreakerState(10_000);
  assert.equal(state.suspect(0), 0);
  assert.deepEqual(state.failed(state.begin(0), 0), { probeAfterMs: leastGapMs });
  assert.equal(state.failed(state.begin(leastGapMs), leastGapMs), "opened");
  return state;
}

describe("what the breaker decides", () => {
  it("is to probe once for any number of faults, and not before the gap since the last probe", () => {
    const state = new BreakerState(10_000);
    assert.deepEqual([state.suspect(0), state.suspect(1)], [0, undefined]);
    state.succeeded(state.begin(0), 10);
    assert.equal(state.suspect(100), leastGapMs - 100);
  });

  it("is to open at the second failed probe in a row", () => {
    assert.equal(opened().isOpen, true);
  });

  it("is nothing where a login was answered since the probe was sent", () => {
    const state = new BreakerState(10_000);
    state.suspect(0);
    const run = state.begin(0);
    state.answered(1);
    assert.equal(state.failed(run, 2), "nothing");
    assert.equal(state.suspect(3), leastGapMs - 3);
  });

  it("counts a probe as failed once", () => {
    const state = new BreakerState(10_000);
    state.suspect(0);
    const run = state.begin(0);
    assert.notEqual(state.failed(run, 600), "nothing");
    assert.equal(state.failed(run, 700), "nothing");
    assert.equal(state.isOpen, false);
  });

  it("is to close at the first probe that is answered, and to probe at twice the wait until then", () => {
    const state = opened();
    assert.deepEqual(
      Array.from({ length: 6 }, () => state.nextWaitMs(0)),
      [500, 1_000, 2_000, 4_000, 5_000, 5_000],
    );
    assert.equal(state.nextWaitMs(1), 3_750);
    assert.equal(state.succeeded(state.begin(20_000), 20_010), true);
    assert.equal(state.isOpen, false);
  });

  it("gives a slow API twice the time that its probe took, a login's time at most", () => {
    const state = new BreakerState(10_000);
    for (const [tookMs, patienceMs] of [
      [1, leastPatienceMs],
      [1_000, 2_000],
      [9_000, 10_000],
    ] as const) {
      state.succeeded(state.begin(0), tookMs);
      assert.equal(state.patienceMs, patienceMs);
    }
  });

  it("is nothing where a probe could not be sent", () => {
    const state = new BreakerState(10_000);
    state.suspect(0);
    state.unsent(state.begin(0));
    assert.deepEqual([state.isOpen, state.suspect(600)], [false, 0]);
  });
});
