import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { JudgingTime } from "../../inspector/judging-time.ts";

function timeOf() {
  let nowMs = 1_000_000;
  const time = new JudgingTime(() => nowMs);
  /** Whether work of this many milliseconds is done for the user. */
  const spend = (user: string, tookMs: number) =>
    time.spend(user, () => {
      nowMs += tookMs;
      return true;
    }) ?? false;
  return { time, spend };
}

describe("the time for the sessions of one question", () => {
  it("ends for a user whose sessions took long, and goes on for the others", () => {
    const { spend } = timeOf();
    assert.deepEqual(
      [spend("mallory", 240), spend("mallory", 100), spend("mallory", 0)],
      [true, true, false],
    );
    for (let at = 0; at < 100; at++) assert.equal(spend(`user${at}`, 1), true);
    assert.equal(spend("mallory", 0), false);
  });

  it("ends for all where many users' sessions took long", () => {
    const { spend } = timeOf();
    let done = 0;
    while (done < 1000 && spend(`user${done}`, 200)) done++;
    assert.equal(done, 15);
    assert.equal(spend("alice", 0), false);
  });

  it("counts work that fails, and gives no time back for a date that is set back", () => {
    const { time, spend } = timeOf();
    assert.throws(() =>
      time.spend("mallory", () => {
        spend("other", 300);
        throw new TypeError("boom");
      }),
    );
    assert.equal(spend("mallory", 0), false);
    assert.equal(spend("carol", -10_000), true);
    assert.equal(spend("carol", 250), true);
    assert.equal(spend("carol", 0), false);
  });
});
