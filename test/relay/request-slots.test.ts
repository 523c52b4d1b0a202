import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { describe, it, mock } from "node:test";
import fc from "fast-check";
import {
  longestWaitMs,
  maxInFlight,
  RequestSlots,
  type Turn,
  usualAfter,
} from "../../relay/request-slots.ts";

const longMs = 60_000;

/** Returns slots of which none is free. */
function allTaken(): RequestSlots {
  const slots = new RequestSlots();
  for (let taken = 0; taken < maxInFlight; taken++) assert.ok(slots.tryTake());
  return slots;
}

const caller = () => new AbortController();
const wait = (slots: RequestSlots, gone: AbortSignal, leftMs: number) =>
  slots.wait({ gone, line: gone }, leftMs);
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("the wait for a slot", () => {
  it("leaves a quarter more than the usual time of a request: 50 ms at least, three quarters at most", () => {
    assert.equal(longestWaitMs(0, 10_000), 9_950);
    assert.equal(longestWaitMs(1_000, 10_000), 8_750);
    assert.equal(longestWaitMs(20_000, 10_000), 2_500);
  });

  it("follows the time of the last requests, each of which weighs a sixteenth", () => {
    assert.equal(usualAfter(0, 160), 10);
    assert.equal(usualAfter(100, 100), 100);
  });
});

describe("the slots of requests", () => {
  it("are as many as the operator says", () => {
    const slots = new RequestSlots(2);
    assert.deepEqual([slots.tryTake(), slots.tryTake(), slots.tryTake()], [true, true, false]);
    slots.release(1);
    assert.deepEqual([slots.tryTake(), slots.tryTake()], [true, false]);
  });

  it("are 256 unless told, and each that is released is free again", () => {
    const slots = allTaken();
    assert.equal(maxInFlight, 256);
    assert.equal(slots.tryTake(), false);
    slots.release(1);
    assert.equal(slots.tryTake(), true);
    assert.equal(slots.tryTake(), false);
  });

  it("tell how many requests are in flight", () => {
    const slots = new RequestSlots(3);
    assert.ok(slots.tryTake() && slots.tryTake());
    assert.equal(slots.inFlight, 2);
    slots.release(1);
    assert.equal(slots.inFlight, 1);
  });

  it("go to the callers in turn, however many questions one of them has", async () => {
    const slots = allTaken();
    const order: string[] = [];
    const ask = (name: string, signal: AbortSignal, count: number) => {
      for (let i = 0; i < count; i++) void wait(slots, signal, longMs).then(() => order.push(`${name}${i}`));
    };
    ask("a", caller().signal, 1000);
    ask("b", caller().signal, 2);
    ask("c", caller().signal, 1);
    for (let i = 0; i < 7; i++) slots.release(1);
    await settled();
    assert.deepEqual(order, ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]);
    assert.equal(slots.waiting, 1003 - 7);
    for (let i = 0; i < 1003 - 7; i++) slots.release(1);
    await settled();
    assert.equal(slots.waiting, 0);
  });

  it("expire while they are waited for, and are not granted then", async () => {
    const slots = allTaken();
    const { signal } = caller();
    const turns = [wait(slots, signal, 51), wait(slots, signal, longMs)];
    assert.equal(await turns[0], "expired");
    assert.equal(slots.waiting, 1);
    slots.release(1);
    assert.equal(await turns[1], "granted");
    slots.release(1);
    assert.equal(slots.tryTake(), true);
  });

  it("are waited for no longer than leaves time for a request as long as the last ones", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      for (const [usualMs, leftMs, waitsMs] of [
        [0, 10_000, 9_950],
        [20, 10_000, 9_950],
        [2_000, 10_000, 7_500],
        // An outage's requests took all of their time: it says little of the next ones.
        [10_000, 10_000, 2_500],
      ] as const) {
        const slots = new RequestSlots();
        for (let i = 0; i < 200; i++) slots.release(usualMs);
        while (slots.tryTake());
        let turn: Turn | undefined;
        void wait(slots, caller().signal, leftMs).then((got) => {
          turn = got;
        });
        mock.timers.tick(waitsMs - 1);
        await Promise.resolve();
        assert.equal(turn, undefined);
        mock.timers.tick(2);
        await Promise.resolve();
        assert.equal(turn, "expired");
      }
    } finally {
      mock.timers.reset();
    }
  });

  it("are not granted to a caller that has gone", async () => {
    const slots = allTaken();
    const [leaving, staying] = [caller(), caller()];
    const turns = [1, 2, 3].map(() => wait(slots, leaving.signal, longMs));
    const other = wait(slots, staying.signal, longMs);
    leaving.abort();
    assert.deepEqual(await Promise.all(turns), ["gone", "gone", "gone"]);
    assert.equal(await wait(slots, leaving.signal, longMs), "gone");
    assert.equal(slots.waiting, 1);
    slots.release(1);
    assert.equal(await other, "granted");
  });

  it("go in turn to lines that callers share, and not to those of them that have gone", async () => {
    const slots = allTaken();
    const line = {};
    const order: string[] = [];
    const ask = (name: string, gone: AbortSignal, inLine: object) =>
      slots.wait({ gone, line: inLine }, longMs).then((turn) => order.push(`${name} ${turn}`));
    const leaving = caller();
    void ask("a", caller().signal, line);
    void ask("b", leaving.signal, line);
    void ask("c", caller().signal, line);
    const { signal } = caller();
    void ask("d", signal, signal);
    leaving.abort();
    for (let i = 0; i < 3; i++) slots.release(1);
    await settled();
    assert.deepEqual(order, ["b gone", "a granted", "d granted", "c granted"]);
    assert.equal(slots.waiting, 0);
  });

  it("leave no listener behind on a caller that stays", async () => {
    const slots = allTaken();
    const { signal } = caller();
    for (let i = 0; i < 100; i++) {
      const turn = slots.wait({ gone: signal, line: slots }, longMs);
      slots.release(1);
      assert.equal(await turn, "granted");
    }
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  it("are never more than 256 in use, and none is lost, whatever happens in whatever order", async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant("ask" as const),
        by: fc.nat(4),
        count: fc.integer({ min: 1, max: 400 }),
      }),
      fc.record({
        kind: fc.constant("release" as const),
        by: fc.nat(4),
        count: fc.integer({ min: 1, max: 300 }),
      }),
      fc.record({ kind: fc.constant("leave" as const), by: fc.nat(4), count: fc.constant(1) }),
      fc.record({
        kind: fc.constant("expire" as const),
        by: fc.nat(4),
        count: fc.integer({ min: 1, max: 9 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const slots = new RequestSlots();
        const callers = Array.from({ length: 5 }, caller);
        const count: Record<Turn, number> = { granted: 0, expired: 0, gone: 0 };
        let inUse = 0;
        let asked = 0;
        const ask = async (signal: AbortSignal, withinMs: number) => {
          asked++;
          const turn = slots.tryTake() ? "granted" : await wait(slots, signal, withinMs);
          count[turn]++;
          if (turn === "granted") inUse++;
          assert.ok(inUse <= maxInFlight, `${inUse} in use`);
        };
        const release = () => {
          if (inUse === 0) return;
          inUse--;
          slots.release(1);
        };
        for (const { kind, by, count: times } of steps) {
          const { signal } = callers[by] ?? caller();
          if (kind === "leave") {
            callers[by]?.abort();
            callers[by] = caller();
          }
          for (let i = 0; i < times; i++) {
            if (kind === "ask") void ask(signal, longMs);
            if (kind === "expire") void ask(signal, 0);
            if (kind === "release") release();
          }
          await settled();
        }
        while (inUse > 0) {
          release();
          await settled();
        }
        assert.equal(slots.waiting, 0);
        assert.equal(count.granted + count.expired + count.gone, asked);
        for (let i = 0; i < maxInFlight; i++) assert.ok(slots.tryTake());
        assert.equal(slots.tryTake(), false);
      }),
      { numRuns: 60 },
    );
  });
});
