import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { secondAfterMs, silenceMs } from "../../relay/second-attempt.ts";

describe("the second attempt", () => {
  it("is none where the first one's fault asks for none", () => {
    assert.equal(
      secondAfterMs(undefined, 10_000, () => 0),
      undefined,
    );
  });

  it("begins at the wait that is asked for, and at most 100 ms and half of that wait later", () => {
    for (const [retryAfterMs, random, waitMs] of [
      [0, 0, 0],
      [0, 1, 100],
      [500, 0, 500],
      [500, 1, 850],
    ] as const) {
      assert.equal(
        secondAfterMs(retryAfterMs, 10_000, () => random),
        waitMs,
      );
    }
  });

  it("is none where less than 50 ms would be left for it", () => {
    assert.equal(
      secondAfterMs(500, 551, () => 0),
      500,
    );
    assert.equal(
      secondAfterMs(500, 550, () => 0),
      undefined,
    );
  });

  it("begins beside a silent first one after half of the time", () => {
    assert.equal(silenceMs(10_000), 5_000);
  });
});
