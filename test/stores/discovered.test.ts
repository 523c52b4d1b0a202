import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type SessionStore, StoreError } from "../../inspector/session-store.ts";
import { DiscoveredStore } from "../../stores/discovered.ts";
import { someId } from "./conformance.ts";

const limits = {
  findTimeoutMs: 200,
  refreshAfterMs: 60_000,
  refreshAfterFailureMs: 5_000,
  waitAfterMs: 600_000,
};

/** A question that is answered when the test says so. */
interface Question<T> {
  answer(given: T): void;
  fail(error?: Error): void;
}

function ask<T>(questions: Question<T>[]): Promise<T> {
  return new Promise((resolve, reject) => {
    const fault = new StoreError("store-unreachable");
    questions.push({ answer: resolve, fail: (error = fault) => reject(error) });
  });
}

/** A store whose place, time and answers are the test's. */
function setUp() {
  const looks: (Question<string> & { readonly signal: AbortSignal })[] = [];
  const calls: (Question<null> & { readonly place: string })[] = [];
  const events: string[] = [];
  /** What getMany tells of beside what it has found. */
  const faults: StoreError[] = [];
  const askedLimits: (number | undefined)[] = [];
  const clock = { nowMs: 1_000_000 };
  const storeAt = (place: string): SessionStore => ({
    getData: () => {
      const asked: Question<null>[] = [];
      const answer = ask(asked);
      calls.push({ ...(asked[0] as Question<null>), place });
      return answer;
    },
    getMany: async (ids, limitMs) => {
      askedLimits.push(limitMs);
      return {
        stored: new Map(ids.map((id) => [id, { bytes: Buffer.from(place), flags: 0 }])),
        faults: [...faults],
      };
    },
    close: () => events.push(`close ${place}`),
  });
  const store = new DiscoveredStore<string>({
    find(signal) {
      const asked: Question<string>[] = [];
      const answer = ask(asked);
      const look = { ...(asked[0] as Question<string>), signal };
      signal.addEventListener("abort", () => look.fail());
      looks.push(look);
      return answer;
    },
    async open(place) {
      events.push(`open ${place}`);
      return storeAt(place);
    },
    limits,
    nowMs: () => clock.nowMs,
  });
  return { store, looks, calls, events, faults, askedLimits, clock };
}

type SetUp = ReturnType<typeof setUp>;

/** Lets everything happen that waits for nothing. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function answerAt({ looks }: SetUp, place: string): Promise<void> {
  looks.at(-1)?.answer(place);
  await settle();
}

/** Returns whether the promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let hasSettled = false;
  const note = () => {
    hasSettled = true;
  };
  promise.then(note, note);
  await settle();
  return hasSettled;
}

/** Returns one whose place was found. */
async function setUpAt(place: string): Promise<SetUp> {
  const all = setUp();
  const looked = all.store.refresh();
  await answerAt(all, place);
  await looked;
  return all;
}

async function callAt(all: SetUp, place: string): Promise<void> {
  const call = all.store.getData(someId);
  await settle();
  assert.equal(all.calls.at(-1)?.place, place);
  all.calls.at(-1)?.answer(null);
  assert.equal(await call, null);
}

describe("a store whose place is discovered", () => {
  it("is looked for once by the calls that come first, and asked then", async () => {
    const all = setUp();
    const many = [all.store.getMany([someId]), all.store.getMany([someId])];
    await settle();
    assert.equal(all.looks.length, 1);
    await answerAt(all, "a");
    for (const { stored } of await Promise.all(many)) assert.equal(String(stored.get(someId)?.bytes), "a");
    await all.store.getMany([someId], 50);
    assert.deepEqual(all.askedLimits, [undefined, undefined, 50]);
    assert.deepEqual(all.events, ["open a"]);
  });

  it("is unavailable where it was never found, and looked for again by the next call", async () => {
    const all = setUp();
    const failing = all.store.getData(someId);
    await settle();
    all.looks[0]?.fail(new StoreError("discovery-failed", { detail: "throttled" }));
    await assert.rejects(failing, { name: "StoreError", fault: "discovery-failed", detail: "throttled" });
    const failingMany = all.store.getMany([someId]);
    await settle();
    all.looks[1]?.fail(new StoreError("discovery-failed", { detail: "api-error" }));
    const { stored, faults } = await failingMany;
    assert.equal(stored.size, 0);
    assert.deepEqual(
      faults.map(({ fault, detail }) => [fault, detail]),
      [["discovery-failed", "api-error"]],
    );
    const next = all.store.getMany([someId]);
    await answerAt(all, "a");
    assert.equal((await next).stored.size, 1);
  });

  it("is no store's fault but ours where the refresh ends in an error that nobody foresaw", async () => {
    const all = setUp();
    const boom = new TypeError("boom");
    for (const call of [() => all.store.getData(someId), () => all.store.getMany([someId])]) {
      const failing = call();
      await settle();
      all.looks.at(-1)?.fail(boom);
      await assert.rejects(failing, boom);
    }
    // In the background it fails nobody: the place that was found stays.
    const next = all.store.getData(someId);
    await answerAt(all, "a");
    all.calls[0]?.answer(null);
    assert.equal(await next, null);
    all.clock.nowMs += limits.refreshAfterMs;
    await callAt(all, "a");
    all.looks.at(-1)?.fail(boom);
    await settle();
    await callAt(all, "a");
  });

  it("is given up in time where the look never ends", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const all = setUp();
    const failing = all.store.getData(someId);
    const failed = assert.rejects(failing, { name: "StoreError", fault: "store-unreachable" });
    context.mock.timers.tick(limits.findTimeoutMs - 1);
    assert.equal(await isSettled(failing), false);
    assert.equal(all.looks[0]?.signal.aborted, false);
    context.mock.timers.tick(1);
    await failed;
    assert.equal(all.looks[0]?.signal.aborted, true);
  });

  it("is looked for again by a call that tells of a part alone, which waits", async () => {
    const all = await setUpAt("a");
    all.faults.push(new StoreError("store-timeout"));
    all.clock.nowMs += limits.refreshAfterFailureMs;
    const partial = all.store.getMany([someId]);
    assert.equal(await isSettled(partial), false);
    assert.equal(all.looks.length, 2);
    await answerAt(all, "b");
    assert.deepEqual((await partial).faults, all.faults);
    assert.equal((await partial).stored.size, 1);
    await callAt(all, "b");
  });

  it("is looked for again by a call a minute later, which does not wait for it", async () => {
    const all = await setUpAt("a");
    all.clock.nowMs += limits.refreshAfterMs - 1;
    await callAt(all, "a");
    assert.equal(all.looks.length, 1);
    all.clock.nowMs += 1;
    await callAt(all, "a");
    assert.equal(all.looks.length, 2);
    await answerAt(all, "b");
    await callAt(all, "b");
    assert.equal(all.looks.length, 2);
    assert.deepEqual(all.events, ["open a", "open b", "close a"]);
  });

  it("is not opened anew where it is where it was", async () => {
    const all = await setUpAt("a");
    all.clock.nowMs += limits.refreshAfterMs;
    await callAt(all, "a");
    await answerAt(all, "a");
    assert.deepEqual(all.events, ["open a"]);
  });

  it("stays where it was last found while it cannot be found, and is looked for once a minute", async () => {
    const all = await setUpAt("a");
    for (let minute = 1; minute < 10; minute++) {
      all.clock.nowMs += limits.refreshAfterMs;
      await callAt(all, "a");
      all.looks.at(-1)?.fail();
      await settle();
      await callAt(all, "a");
      assert.equal(all.looks.length, 1 + minute);
    }
  });

  it("is looked for again by a call that failed, which waits, but not by each", async () => {
    const all = await setUpAt("a");
    all.clock.nowMs += limits.refreshAfterFailureMs;
    const failing = all.store.getData(someId);
    await settle();
    all.calls[0]?.fail();
    assert.equal(await isSettled(failing), false);
    assert.equal(all.looks.length, 2);
    await answerAt(all, "b");
    await assert.rejects(failing, { name: "StoreError", fault: "store-unreachable" });
    const next = all.store.getData(someId);
    await settle();
    assert.equal(all.calls[1]?.place, "b");
    all.calls[1]?.fail();
    await assert.rejects(next, { fault: "store-unreachable" });
    assert.equal(all.looks.length, 2);
  });

  it("is waited for by a call that finds it long unproven", async () => {
    const all = await setUpAt("a");
    all.clock.nowMs += limits.waitAfterMs;
    const call = all.store.getData(someId);
    await settle();
    all.calls[0]?.answer(null);
    assert.equal(await isSettled(call), false);
    await answerAt(all, "b");
    assert.equal(await call, null);
    await callAt(all, "b");
  });

  it("is left open for the calls that it still has when another place is found", async () => {
    const all = await setUpAt("a");
    const slow = all.store.getData(someId);
    await settle();
    all.clock.nowMs += limits.refreshAfterMs;
    await callAt(all, "a");
    await answerAt(all, "b");
    assert.deepEqual(all.events, ["open a", "open b"]);
    all.calls[0]?.answer(null);
    assert.equal(await slow, null);
    assert.deepEqual(all.events, ["open a", "open b", "close a"]);
  });

  it("is closed, too, where its place is found at that moment", async () => {
    const all = setUp();
    all.store.refresh();
    all.looks[0]?.answer("a");
    all.store.close();
    await settle();
    assert.deepEqual(all.events, ["open a", "close a"]);
  });

  it("is closed with all that is under way", async () => {
    const all = await setUpAt("a");
    all.clock.nowMs += limits.refreshAfterMs;
    await callAt(all, "a");
    all.store.close();
    assert.equal(all.looks[1]?.signal.aborted, true);
    await settle();
    assert.deepEqual(all.events, ["open a", "close a"]);
  });
});
