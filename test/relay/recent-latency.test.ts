import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RecentLatency } from "../../relay/recent-latency.ts";

function after(...tookMs: readonly number[]): RecentLatency {
  const latency = new RecentLatency();
  for (const one of tookMs) latency.add(one);
  return latency;
}

const times = (count: number, tookMs: (at: number) => number) =>
  Array.from({ length: count }, (_, at) => tookMs(at));

describe("the latency of late", () => {
  it("is not told before a hundred answers", () => {
    assert.equal(after().p99Ms, undefined);
    assert.equal(after(...times(99, () => 5)).p99Ms, undefined);
    assert.equal(after(...times(100, () => 5)).p99Ms, 5);
  });

  it("is what 99 of a hundred stay below, in whatever order they come", () => {
    assert.equal(after(...times(100, (at) => at + 1)).p99Ms, 99);
    assert.equal(after(...times(100, (at) => 1_000 - at)).p99Ms, 999);
    assert.equal(after(...times(100, (at) => (at === 50 ? 60_000 : 9))).p99Ms, 9, "one is no hundredth");
    assert.equal(after(...times(1_000, (at) => ((at * 7) % 1_000) + 1)).p99Ms, 990);
  });

  it("is looked at anew every hundred", () => {
    const latency = after(...times(100, () => 5));
    for (const tookMs of times(99, () => 50)) latency.add(tookMs);
    assert.equal(latency.p99Ms, 5);
    latency.add(50);
    assert.equal(latency.p99Ms, 50);
  });

  it("forgets what is a thousand answers old", () => {
    const slowOnce = times(100, () => 900);
    assert.equal(after(...slowOnce, ...times(900, () => 5)).p99Ms, 900);
    assert.equal(after(...slowOnce, ...times(1_000, () => 5)).p99Ms, 5);
  });
});
