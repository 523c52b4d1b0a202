import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Breaker, faultsToOpen, firstWaitMs, longestWaitMs } from "../../relay/breaker.ts";

/** A breaker that the last of its faults opened at this moment. */
function opened(nowMs: number): Breaker {
  const breaker = new Breaker();
  for (let fault = 1; fault <= faultsToOpen; fault++) {
    assert.equal(breaker.admit(nowMs), "ask");
    assert.equal(breaker.failed(nowMs, "ask"), fault === faultsToOpen);
  }
  return breaker;
}

describe("the breaker", () => {
  it("opens at so many faults in a row, and says so once", () => {
    const breaker = opened(0);
    assert.equal(breaker.isOpen, true);
    assert.equal(breaker.failed(0, "ask"), false);
  });

  it("counts anew after each answer", () => {
    const breaker = new Breaker();
    for (let round = 0; round < 3; round++) {
      for (let fault = 1; fault < faultsToOpen; fault++) assert.equal(breaker.failed(0, "ask"), false);
      breaker.answered();
      assert.equal(breaker.isOpen, false);
    }
  });

  it("says no at once until the first look is due, and then looks once", () => {
    const breaker = opened(5_000);
    assert.equal(breaker.admit(5_000), "no");
    assert.equal(breaker.admit(5_000 + firstWaitMs - 1), "no");
    assert.equal(breaker.admit(5_000 + firstWaitMs), "look");
    assert.equal(breaker.admit(5_000 + firstWaitMs), "no");
    assert.equal(breaker.admit(Number.MAX_SAFE_INTEGER), "no", "one look at a time, however long it takes");
  });

  it("waits twice as long after each look that fails, from its end on, up to the longest", () => {
    const breaker = opened(0);
    let nowMs = firstWaitMs;
    for (let waitMs = 2 * firstWaitMs, looks = 0; looks < 10; looks++, waitMs *= 2) {
      assert.equal(breaker.admit(nowMs), "look");
      nowMs += 700;
      assert.equal(breaker.failed(nowMs, "look"), false);
      const expectedMs = Math.min(waitMs, longestWaitMs);
      assert.equal(breaker.admit(nowMs + expectedMs - 1), "no");
      nowMs += expectedMs;
    }
  });

  it("does not wait longer for the late faults of those who asked before it opened", () => {
    const breaker = opened(0);
    for (let late = 0; late < 100; late++) assert.equal(breaker.failed(firstWaitMs / 2, "ask"), false);
    assert.equal(breaker.admit(firstWaitMs), "look");
    breaker.failed(firstWaitMs, "ask");
    assert.equal(breaker.admit(10 * longestWaitMs), "no", "the look goes on");
  });

  it("closes at any answer, and opens again as if it had never been open", () => {
    for (const isLook of [true, false]) {
      const breaker = opened(0);
      if (isLook) {
        breaker.admit(firstWaitMs);
        breaker.failed(firstWaitMs, "look");
        assert.equal(breaker.admit(3 * firstWaitMs), "look");
      }
      breaker.answered();
      assert.equal(breaker.isOpen, false);
      for (let fault = 1; fault <= faultsToOpen; fault++) {
        assert.equal(breaker.admit(10_000), "ask");
        breaker.failed(10_000, "ask");
      }
      assert.equal(breaker.admit(10_000 + firstWaitMs - 1), "no");
      assert.equal(breaker.admit(10_000 + firstWaitMs), "look");
    }
  });
});
