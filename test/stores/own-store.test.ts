// What a class of the operator's own can do wrong, and what becomes of it: a fault, in time, with nothing of its content.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type OwnStore, StoreError } from "../../inspector/session-store.ts";
import { GuardedStore } from "../../stores/own-store.ts";

const id = "0secret0session0id0secret0";
const other = "1secret0session0id0secret1";
const keyOf = (sessionId: string) => `prefix:${sessionId}`;
const timeoutMs = 200;

function guarded(store: Partial<OwnStore>): GuardedStore {
  return new GuardedStore({ getData: async () => null, ...store }, { keyOf, timeoutMs });
}

/** A store that returns this, whatever its type says. */
function returning(value: unknown): GuardedStore {
  return guarded({ getData: async () => value as never });
}

async function faultOf(store: GuardedStore): Promise<readonly unknown[]> {
  const error = await store.getData(id).then(
    (value) => assert.fail(`it returned ${value === null ? "null" : "bytes"}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof StoreError);
  assert.ok(!`${error.message} ${error.detail}`.includes("secret"));
  return [error.fault, error.detail];
}

describe("a store of the operator's own", () => {
  it("is asked for the key, and has its bytes passed on with or without flags", async () => {
    const asked: string[] = [];
    const store = guarded({
      async getData(key) {
        asked.push(key);
        return asked.length === 1 ? Buffer.from("user|N;") : { bytes: Buffer.from("x"), flags: 48 };
      },
    });
    assert.deepEqual(await store.getData(id), { bytes: Buffer.from("user|N;"), flags: 0 });
    assert.deepEqual(await store.getData(other), { bytes: Buffer.from("x"), flags: 48 });
    assert.deepEqual(asked, [keyOf(id), keyOf(other)]);
  });

  it("keeps no hand on the bytes that it returned", async () => {
    const bytes = Buffer.from("user|N;");
    const stored = await returning(bytes).getData(id);
    bytes.fill(0);
    assert.equal(String(stored?.bytes), "user|N;");
  });

  it("has nothing but null for a session that is not there", async () => {
    assert.equal(await returning(null).getData(id), null);
    const noBytes: unknown[] = [
      ...[undefined, true, false, 0, 1, "", "user|N;", [], [1, 2], {}, new Map(), () => {}, Symbol("x"), 7n],
      ...[new ArrayBuffer(3), new Uint16Array(2), new DataView(new ArrayBuffer(1)), { length: 3 }],
      ...[{ bytes: "user|N;", flags: 0 }, { bytes: null, flags: 0 }, { bytes: Buffer.from("x") }],
      ...[-1, 0.5, 2 ** 32, Number.NaN, "0"].map((flags) => ({ bytes: Buffer.from("x"), flags })),
      Object.create(Uint8Array.prototype),
    ];
    for (const value of noBytes) {
      const [fault, detail] = await faultOf(returning(value));
      assert.equal(fault, "store-failed", String(detail));
    }
  });

  it("fails with a value far beyond the longest session, and passes on one that is only too long to be read", async () => {
    assert.deepEqual(await faultOf(returning(Buffer.alloc(1_048_577))), ["store-failed", "value-too-long"]);
    assert.equal((await returning(Buffer.alloc(1_048_576)).getData(id))?.bytes.length, 1_048_576);
  });

  it("fails with the kind of the error that it throws, and with no word of it", async () => {
    const secret = (error: Error, more: object = {}) =>
      Object.assign(error, { message: `secret ${id}` }, more);
    class OddError extends Error {
      override readonly name = `secret ${id}`;
    }
    const kinds: [unknown, string][] = [
      [secret(new TypeError()), "TypeError"],
      [secret(new Error(), { code: "ECONNREFUSED" }), "ECONNREFUSED"],
      [secret(new TypeError("x", { cause: secret(new Error(), { code: "ENOTFOUND" }) })), "ENOTFOUND"],
      [secret(new Error(), { code: `secret ${id}` }), "Error"],
      [secret(new Error(), { code: 7 }), "Error"],
      [new OddError(), "Error"],
      [`secret ${id}`, "Error"],
      [undefined, "Error"],
      [null, "Error"],
    ];
    for (const [thrown, kind] of kinds) {
      const later = guarded({ getData: () => Promise.reject(thrown) });
      assert.deepEqual(await faultOf(later), ["store-failed", kind]);
      const atOnce = guarded({
        getData() {
          throw thrown;
        },
      });
      assert.deepEqual(await faultOf(atOnce), ["store-failed", kind]);
    }
  });

  it("may name the fault itself, in the words that there are", async () => {
    const throwing = (error: StoreError) => guarded({ getData: () => Promise.reject(error) });
    const refused = new StoreError("store-refused", { detail: "access-denied" });
    assert.deepEqual(await faultOf(throwing(refused)), ["store-refused", "access-denied"]);
    const odd = new StoreError("store-refused", { detail: `secret ${id}` as "busy" });
    assert.deepEqual(await faultOf(throwing(odd)), ["store-refused", undefined]);
    const made = new StoreError("allowed" as "store-refused");
    assert.deepEqual(await faultOf(throwing(made)), ["store-failed", undefined]);
  });

  it("has its time, and is told when it is over", async () => {
    let signal: AbortSignal | undefined;
    const store = guarded({
      getData(_key, given) {
        signal = given;
        return new Promise(() => {});
      },
    });
    assert.deepEqual(await faultOf(store), ["store-timeout", undefined]);
    assert.equal(signal?.aborted, true);
  });

  it("may close badly", () => {
    const store = guarded({
      close() {
        throw new Error("x");
      },
    });
    store.close();
  });
});

describe("a store of the operator's own, asked for many", () => {
  it("is asked for each where it has no getMany, some at a time, each once", async () => {
    let atOnce = 0;
    let most = 0;
    const asked: string[] = [];
    const store = guarded({
      async getData(key) {
        asked.push(key);
        most = Math.max(most, ++atOnce);
        await new Promise((resolve) => setTimeout(resolve, 1));
        atOnce--;
        return Buffer.from(key);
      },
    });
    const ids = Array.from({ length: 40 }, (_, i) => `${id}${i}`);
    const { stored, faults } = await store.getMany([...ids, ...ids]);
    assert.deepEqual(faults, []);
    assert.deepEqual([...stored.keys()], ids);
    assert.equal(String(stored.get(ids[3] ?? "")?.bytes), keyOf(ids[3] ?? ""));
    assert.deepEqual([asked.length, most], [40, 16]);
  });

  it("tells of those that it can tell of", async () => {
    const one = guarded({
      async getData(key) {
        if (key === keyOf(other)) throw new RangeError("secret");
        return null;
      },
    });
    const { stored, faults } = await one.getMany([id, other]);
    assert.deepEqual([...stored], [[id, null]]);
    assert.deepEqual(
      faults.map(({ fault, detail }) => [fault, detail]),
      [["store-failed", "RangeError"]],
    );
  });

  it("ends a question about many by its caller's limit where that is shorter", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    const never = () => new Promise<never>(() => {});
    const pending = guarded({ getData: never, getMany: never }).getMany([id, other], 10);
    context.mock.timers.tick(10);
    const { stored, faults } = await pending;
    assert.equal(stored.size, 0);
    assert.deepEqual(
      faults.map(({ fault }) => fault),
      ["store-timeout"],
    );
  });

  it("answers for every key, by its own getMany", async () => {
    const answers: [unknown, unknown[], string[]][] = [
      [
        new Map([
          [keyOf(id), Buffer.from("a")],
          [keyOf(other), null],
        ]),
        [id, other],
        [],
      ],
      [new Map([[keyOf(id), null]]), [id], ["key-left-out"]],
      [
        new Map<string, unknown>([
          [keyOf(id), undefined],
          [keyOf(other), "text"],
        ]),
        [],
        ["not-bytes", "not-bytes"],
      ],
      [{ [keyOf(id)]: null, [keyOf(other)]: null }, [], ["not-bytes"]],
      [undefined, [], ["not-bytes"]],
    ];
    for (const [answer, found, details] of answers) {
      const { stored, faults } = await guarded({ getMany: async () => answer as never }).getMany([id, other]);
      assert.deepEqual([...stored.keys()], found);
      assert.deepEqual(
        faults.map(({ detail }) => detail),
        details,
      );
    }
  });

  it("has one limit over all, and what comes later counts no more", async () => {
    let answer: ((value: null) => void) | undefined;
    const store = guarded({
      getData: (key) =>
        key === keyOf(id)
          ? Promise.resolve(null)
          : new Promise((resolve) => {
              answer = resolve;
            }),
    });
    const { stored, faults } = await store.getMany([id, other]);
    answer?.(null);
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual([...stored], [[id, null]]);
    assert.deepEqual(
      faults.map(({ fault }) => fault),
      ["store-timeout"],
    );
  });
});
