// The parts of the storm's model, each against what arithmetic says of it.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { firstAttemptMs, waitAfterRefusalMs } from "../../../bench/storm/clients.ts";
import { ExtauthPool } from "../../../bench/storm/extauth-pool.ts";
import { Fifo } from "../../../bench/storm/fifo.ts";
import { Lambda } from "../../../bench/storm/lambda.ts";
import { pointsOf } from "../../../bench/storm/plot.ts";
import { Processor } from "../../../bench/storm/processor.ts";
import { RelayHost } from "../../../bench/storm/relay-host.ts";
import { withPart } from "../../../bench/storm/report.ts";
import { TokenBucket } from "../../../bench/storm/token-bucket.ts";
import { waitBeforeAttemptMs } from "../../../infra/page/inspectord.js";

describe("a token bucket", () => {
  it("lets in its burst and its rate times the time, of more that are offered", () => {
    for (const [perSecond, burst, seconds] of [
      [100, 50, 10],
      [0.5, 3, 20],
      [6250, 5000, 2],
    ] as const) {
      const bucket = new TokenBucket({ perSecond, burst });
      let taken = 0;
      const offered = 4 * (burst + perSecond * seconds);
      for (let at = 0; at <= offered; at++) {
        if (bucket.take((at * seconds * 1000) / offered)) taken++;
      }
      assert.ok(Math.abs(taken - (burst + perSecond * seconds)) <= 1, `${taken}`);
    }
  });

  it("lets in all that come slower than its rate, and keeps no more than its burst", () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 2 });
    for (let at = 0; at < 100; at++) assert.equal(bucket.take(at * 101), true);
    assert.deepEqual(
      [1, 2, 3].map(() => bucket.take(3_600_000)),
      [true, true, false],
    );
  });
});

describe("Lambda", () => {
  const options = { concurrency: 5_000, addedPer10s: 1_000, warm: 0, coldMs: 250 };

  it("adds a thousand environments at once, and a hundred a second from then on", () => {
    const lambda = new Lambda(options);
    for (let second = 0; second <= 20; second++) {
      while (lambda.begin(second * 1000) !== undefined);
      assert.equal(lambda.environments, 1_000 + 100 * second);
    }
  });

  it("runs no more at a time than the concurrency, each with a cold start once", () => {
    const lambda = new Lambda({ ...options, concurrency: 3, warm: 1 });
    assert.deepEqual(
      [0, 0, 0, 0].map((at) => lambda.begin(at)),
      [0, 250, 250, undefined],
    );
    lambda.end();
    assert.equal(lambda.begin(1), 0);
  });

  it("takes ten requests a second for each of its concurrency, however short they are", () => {
    const lambda = new Lambda({ ...options, concurrency: 10 });
    let taken = 0;
    for (let ms = 0; ms < 10_000; ms++) {
      if (lambda.begin(ms) === undefined) continue;
      taken++;
      lambda.end();
    }
    assert.ok(Math.abs(taken - (100 + 100 * 10)) <= 1, `${taken}`);
  });
});

describe("a processor", () => {
  it("works off as much as its cores can, and the rest waits", () => {
    const processor = new Processor(4);
    for (let at = 0; at < 1_000; at++) processor.take(0, 2);
    assert.equal(processor.backlogMs(0), 500);
    assert.equal(processor.backlogMs(400), 100);
    assert.equal(processor.take(1_000, 4), 1_001);
  });
});

describe("a queue", () => {
  it("returns what came first, also after thousands", () => {
    const queue = new Fifo();
    let next = 0;
    for (let at = 0; at < 10_000; at++) {
      queue.push(at);
      if (at % 3 > 0) assert.equal(queue.shift(), next++);
    }
    while (!queue.isEmpty) assert.equal(queue.shift(), next++);
    assert.equal(next, 10_000);
    assert.equal(queue.shift(), undefined);
  });
});

describe("extauth's pool", () => {
  it("gives a member one question at a time, and those that still wait in their order", () => {
    const pool = new ExtauthPool(2);
    assert.deepEqual([pool.choose(0), pool.choose(0.999)], [0, 1]);
    assert.deepEqual(
      [1, 2, 3, 4].map((login) => pool.ask(0, login)),
      [true, false, false, false],
    );
    assert.equal(
      pool.next(0, (login) => login !== 2),
      3,
    );
    assert.equal(
      pool.next(0, () => true),
      4,
    );
    assert.equal(
      pool.next(0, () => true),
      undefined,
    );
    assert.equal(pool.ask(0, 5), true);
  });
});

describe("a relay's slots", () => {
  it("are handed to who waited longest, and wait no longer than leaves time for a request", () => {
    const relay = new RelayHost({ maxInFlight: 1, deadlineMs: 10_000 });
    assert.deepEqual([relay.tryTake(), relay.tryTake()], [true, false]);
    assert.equal(relay.wait(7, 10_000), 9_950);
    relay.wait(8, 10_000);
    assert.equal(
      relay.release(16_000, (login) => login !== 7),
      8,
    );
    assert.equal(relay.wait(9, 10_000), 8_750);
  });
});

describe("the clients", () => {
  const sequence = (...values: number[]) => {
    let at = 0;
    return () => values[at++ % values.length] as number;
  };

  it("come half within the half-life, and all within ten", () => {
    const arrivals = { kind: "decaying", halfMs: 83_000 } as const;
    const random = (at: number) => () => at;
    const first = Array.from({ length: 10_000 }, (_, at) => firstAttemptMs(arrivals, random(at / 10_000)));
    const early = first.filter((ms) => ms < 83_000).length;
    assert.ok(Math.abs(early - 5_005) <= 1, `${early}`);
    assert.ok(Math.max(...first) <= 830_000);
  });

  it("wait as the page's own code says", () => {
    for (const random of [0, 0.3, 0.99]) {
      assert.equal(
        firstAttemptMs({ kind: "page", spreadSeconds: 600 }, () => random),
        waitBeforeAttemptMs("lost", 0, 600, random),
      );
      for (const failures of [1, 2, 9]) {
        assert.equal(
          waitAfterRefusalMs("page", failures, sequence(random)),
          waitBeforeAttemptMs("refused", failures, 600, random),
        );
      }
    }
  });

  it("give up, or come again every three seconds", () => {
    assert.equal(
      waitAfterRefusalMs("once", 1, () => 0),
      undefined,
    );
    assert.equal(
      waitAfterRefusalMs("every-3-s", 5, () => 0.5),
      3_000,
    );
  });
});

describe("the report", () => {
  it("replaces the part between its marks, and no other text", () => {
    const page = "a\n<!-- x: written by npm run storm -->\nold\n<!-- end of x -->\nb\n";
    const changed = withPart(page, "x", "new");
    assert.equal(changed, "a\n<!-- x: written by npm run storm -->\n\nnew\n\n<!-- end of x -->\nb\n");
    assert.equal(withPart(changed, "x", "new"), changed);
    assert.throws(() => withPart("a", "x", "new"), /no part x/);
  });

  it("draws the mean of the seconds that a point stands for", () => {
    assert.deepEqual(pointsOf(Float64Array.of(1, 2, 3, 4, 5), 5, 2), [
      [0, 1.5],
      [2, 3.5],
      [4, 5],
    ]);
  });
});
