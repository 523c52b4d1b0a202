// How the nodes' store asks its nodes, with clients and a clock of the test's own.

import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type StoredValue, StoreError } from "../../inspector/session-store.ts";
import { NodeStore, type NodeStoreOptions } from "../../stores/nodes.ts";
import { keysWithPrefix } from "../../stores/session-key.ts";
import { someId, textsOf } from "./conformance.ts";

const nodes = ["a", "b", "c"].map((host) => ({ host, port: 1, weight: 1 }));

/** A call of a client that is answered when the test says so. */
interface Call {
  /** The node's host and how many clients it has had: "a1" is its first. */
  readonly client: string;
  readonly keys: readonly string[];
  answer(...texts: (string | null)[]): void;
  fail(error?: Error): void;
}

/** Lets everything happen that waits for nothing. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

function setUp(context: TestContext, options: Partial<NodeStoreOptions> = {}) {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const clock = { nowMs: 5_000_000 };
  const calls: Call[] = [];
  const events: string[] = [];
  const over = new Set<string>();
  const made = new Map<string, number>();
  const store = new NodeStore({
    nodes,
    connect({ host }) {
      const count = (made.get(host) ?? 0) + 1;
      made.set(host, count);
      const client = `${host}${count}`;
      const waiting: ((error: Error) => void)[] = [];
      return {
        get isOver() {
          return over.has(client);
        },
        getEach: (keys) =>
          new Promise<(StoredValue | null)[]>((resolve, reject) => {
            waiting.push(reject);
            const answer = (...texts: (string | null)[]) =>
              resolve(texts.map((text) => (text === null ? null : { bytes: Buffer.from(text), flags: 0 })));
            calls.push({
              client,
              keys,
              answer,
              fail: (error = new StoreError("store-unreachable")) => reject(error),
            });
          }),
        end(reason) {
          events.push(`end ${client}`);
          for (const reject of waiting) reject(reason);
        },
      };
    },
    placement: () => [0],
    keyOf: keysWithPrefix("k."),
    timeoutMs: 1000,
    nowMs: () => clock.nowMs,
    ...options,
  });
  const pass = async (ms: number) => {
    clock.nowMs += ms;
    context.mock.timers.tick(ms);
    await settle();
  };
  return { store, calls, events, over, pass };
}

/** Notes what a promise comes to. */
function outcomeOf(promise: Promise<unknown>): { is: string } {
  const outcome = { is: "waits" };
  promise.then(
    () => {
      outcome.is = "answered";
    },
    ({ fault, name }) => {
      outcome.is = fault ?? name;
    },
  );
  return outcome;
}

describe("a store on nodes", () => {
  it("gives up at its time limit to the millisecond, after two tries of half the time each", async (context) => {
    const { store, calls, events, pass } = setUp(context);
    const outcome = outcomeOf(store.getData(someId));
    await pass(499);
    assert.equal(calls.length, 1);
    await pass(1);
    assert.deepEqual(
      calls.map(({ client, keys }) => [client, ...keys]),
      [
        ["a1", `k.${someId}`],
        ["a2", `k.${someId}`],
      ],
    );
    assert.deepEqual(events, ["end a1"]);
    await pass(499);
    assert.equal(outcome.is, "waits");
    await pass(1);
    assert.equal(outcome.is, "store-timeout");
    assert.deepEqual(events, ["end a1", "end a2"]);
    await pass(10_000);
    assert.equal(calls.length, 2);
  });

  it("leaves the second try what the first has left of the time", async (context) => {
    const { store, calls, pass } = setUp(context);
    const outcome = outcomeOf(store.getData(someId));
    await pass(100);
    calls[0]?.fail();
    await settle();
    assert.equal(calls.length, 2);
    await pass(899);
    assert.equal(outcome.is, "waits");
    await pass(1);
    assert.equal(outcome.is, "store-timeout");
  });

  it("shares the time among the copies, and none of it with those that it did not need", async (context) => {
    const { store, calls, pass } = setUp(context, { placement: () => [0, 1] });
    const outcome = outcomeOf(store.getData(someId));
    for (const client of ["a1", "a2", "b1", "b2"]) {
      assert.equal(calls.at(-1)?.client, client);
      assert.equal(outcome.is, "waits");
      await pass(250);
    }
    assert.equal(outcome.is, "store-timeout");
    const next = store.getData(someId);
    calls.at(-1)?.answer("x");
    assert.equal(String((await next)?.bytes), "x");
    assert.equal(calls.length, 5);
  });

  it("asks no copy where the first node has no such session", async (context) => {
    const { store, calls } = setUp(context, { placement: () => [1, 0] });
    const call = store.getData(someId);
    calls[0]?.answer(null);
    assert.equal(await call, null);
    assert.deepEqual(
      calls.map(({ client }) => client),
      ["b1"],
    );
  });

  it("keeps a newer client when an older one fails late", async (context) => {
    const { store, calls, events } = setUp(context);
    const first = store.getData(someId);
    const second = store.getData(`${someId}2`);
    calls[0]?.fail();
    await settle();
    // Both are with the second client now: the first one's end failed the second call, too.
    assert.deepEqual(
      calls.map(({ client }) => client),
      ["a1", "a1", "a2", "a2"],
    );
    calls[1]?.fail();
    await settle();
    calls[2]?.answer("x");
    calls[3]?.answer("y");
    assert.deepEqual([String((await first)?.bytes), String((await second)?.bytes)], ["x", "y"]);
    const third = store.getData(someId);
    assert.equal(calls.at(-1)?.client, "a2");
    calls.at(-1)?.answer(null);
    await third;
    assert.ok(!events.includes("end a2"), events.join());
  });

  it("asks no client that is over, and tries a new one twice", async (context) => {
    const { store, calls, over } = setUp(context);
    const first = store.getData(someId);
    calls[0]?.answer("x");
    await first;
    over.add("a1");
    const second = store.getData(someId);
    assert.equal(calls.at(-1)?.client, "a2");
    calls.at(-1)?.fail();
    await settle();
    assert.equal(calls.at(-1)?.client, "a3");
    calls.at(-1)?.answer("y");
    assert.equal(String((await second)?.bytes), "y");
  });

  it("tells why a call failed that shared its connection with one that timed out", async (context) => {
    const { store, pass } = setUp(context);
    const outcomes = [outcomeOf(store.getData(someId)), outcomeOf(store.getData(`${someId}2`))];
    await pass(500);
    await pass(500);
    assert.deepEqual(
      outcomes.map(({ is }) => is),
      ["store-timeout", "store-timeout"],
    );
  });

  it("passes on an error that nobody foresaw at once: no second try, no copy", async (context) => {
    const { store, calls, events } = setUp(context, { placement: () => [0, 1] });
    const boom = new TypeError("boom");
    const call = store.getData(someId);
    calls[0]?.fail(boom);
    await assert.rejects(call, boom);
    const many = store.getMany([someId]);
    calls[1]?.fail(boom);
    await assert.rejects(many, boom);
    assert.deepEqual(
      calls.map(({ client }) => client),
      ["a1", "a2"],
    );
    assert.deepEqual(events, ["end a1", "end a2"]);
  });

  it("tells of the sessions of all nodes but the one that failed, and why that one failed", async (context) => {
    const { store, calls, pass } = setUp(context, { placement: (id) => [Number(id.at(-1))] });
    const ids = Array.from({ length: 6 }, (_, i) => `${someId}${i % 3}`.replace(/.$/, `${i}${i % 3}`));
    const asking = store.getMany([...ids, ...ids, "x".repeat(256)]);
    assert.deepEqual(
      calls.map(({ client, keys }) => [client, keys.length]),
      [
        ["a1", 2],
        ["b1", 2],
        ["c1", 2],
      ],
    );
    calls[0]?.answer("a", null);
    calls[2]?.fail();
    await settle();
    calls[3]?.fail(new StoreError("store-refused", { detail: "LOADING" }));
    await pass(500);
    await pass(500);
    const { stored, faults } = await asking;
    assert.deepEqual(
      faults.map(({ fault, detail }) => [fault, detail]),
      [
        ["store-refused", "LOADING"],
        ["store-timeout", undefined],
      ],
    );
    const expected = new Map<string, string | null>([
      ["x".repeat(256), null],
      [ids[0] ?? "", "a"],
      [ids[3] ?? "", null],
    ]);
    assert.deepEqual(textsOf(stored), expected);
  });

  it("asks for no key that is longer than any that was stored", async (context) => {
    const { store, calls } = setUp(context, { maxKeyBytes: 30 });
    assert.equal(await store.getData("x".repeat(29)), null);
    assert.equal(calls.length, 0);
    const call = store.getData("x".repeat(28));
    assert.equal(calls.length, 1);
    calls[0]?.answer("x");
    assert.notEqual(await call, null);
  });

  it("asks memcached for no key of more than 250 bytes", async (context) => {
    const { store, calls } = setUp(context);
    assert.equal(await store.getData("x".repeat(249)), null);
    const call = store.getData("x".repeat(248));
    assert.equal(calls.length, 1);
    calls[0]?.answer(null);
    await call;
  });

  it("ends its connections when it is closed, and fails what waits on them", async (context) => {
    const { store, events } = setUp(context);
    const call = store.getData(someId);
    store.close();
    const closed = { name: "StoreError", fault: "store-unreachable", detail: "connection-closed" };
    await assert.rejects(call, closed);
    // Nothing is opened again.
    assert.deepEqual(new Set(events), new Set(["end a1"]));
  });
});
