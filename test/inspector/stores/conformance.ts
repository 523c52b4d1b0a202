// What every session store must do, told as tests. Called by the test of each store.

import assert from "node:assert/strict";
import type { it as testIt } from "node:test";
import type { SessionStore, StoredValue } from "../../../inspector/session-store.ts";
import { destroySession, type Ini, runPhp, writeSession, writeSessions } from "../../real/php.ts";

export interface Subject {
  readonly store: SessionStore;
  /** The settings that make PHP write where the store reads. */
  readonly ini: Ini;
}

/** Gives what is stored of each, as text. */
export function textsOf(found: ReadonlyMap<string, StoredValue | null>): Map<string, string | null> {
  return new Map([...found].map(([id, stored]) => [id, stored && Buffer.from(stored.bytes).toString()]));
}

/** What getMany gives for the sessions of writeSessions(), for these ids in order. */
export function expectedTexts(ids: readonly string[]): Map<string, string | null> {
  return new Map(ids.map((id, i) => [id, `i|i:${i};`]));
}

/** Tells the demands by this `it`, which knows whether the parts that they need are there. */
export function itReadsWhatPhpWrote(it: typeof testIt, subject: () => Subject): void {
  it("gives the bytes that PHP wrote", async () => {
    const { store, ini } = subject();
    const id = writeSession({ user: "alice", authenticated: true }, ini);
    const stored = await store.getData(id);
    assert.equal(String(stored && Buffer.from(stored.bytes)), 'user|s:5:"alice";authenticated|b:1;');
    assert.equal(stored?.flags, 0);
  });

  it("gives bytes that are no text as they are", async () => {
    const { store, ini } = subject();
    const code = '$all = implode(array_map("chr", range(0, 255))); session_start(); $_SESSION["all"] = $all;';
    const id = runPhp(`${code} echo session_id(); session_write_close();`, ini).toString();
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const expected = Buffer.concat([Buffer.from('all|s:256:"'), all, Buffer.from('";')]);
    assert.deepEqual(Buffer.from((await store.getData(id))?.bytes ?? []), expected);
  });

  it("gives null for a session that never was", async () => {
    assert.equal(await subject().store.getData("nobody0has0this0session0id"), null);
  });

  it("gives null for a session that was destroyed", async () => {
    const { store, ini } = subject();
    const id = writeSession({ user: "alice" }, ini);
    assert.notEqual(await store.getData(id), null);
    destroySession(id, ini);
    assert.equal(await store.getData(id), null);
  });

  it("gives empty bytes for a session without variables", async () => {
    const { store, ini } = subject();
    const id = writeSession({}, ini);
    assert.equal((await store.getData(id))?.bytes.length, 0);
  });

  it("answers many at once", async () => {
    const { store, ini } = subject();
    const ids = Array.from({ length: 5 }, (_, i) => writeSession({ i }, ini));
    const found = await Promise.all([...ids, ...ids, ...ids].map((id) => store.getData(id)));
    found.forEach((stored, i) => {
      assert.equal(String(stored && Buffer.from(stored.bytes)), `i|i:${i % 5};`);
    });
  });

  it("gives null for the longest session id that there is", async () => {
    assert.equal(await subject().store.getData("x".repeat(256)), null);
  });

  it("gives a hundred sessions in one call, each under its own id", async () => {
    const { store, ini } = subject();
    const ids = writeSessions(100, ini);
    assert.deepEqual(textsOf(await store.getMany(ids)), expectedTexts(ids));
    const backwards = ids.toReversed();
    assert.deepEqual([...(await store.getMany(backwards)).keys()].toSorted(), ids.toSorted());
    assert.deepEqual(textsOf(await store.getMany(backwards)).get(ids[3] ?? ""), "i|i:3;");
  });

  it("has an entry for each of many ids: null for one that never was, is gone, or is too long", async () => {
    const { store, ini } = subject();
    const [here = "", gone = ""] = writeSessions(2, ini);
    destroySession(gone, ini);
    const empty = writeSession({}, ini);
    const missing = ["nobody0has0this0session0id", gone, "x".repeat(256)];
    assert.deepEqual(
      textsOf(await store.getMany([...missing, here, empty])),
      new Map([...missing.map((id) => [id, null] as const), [here, "i|i:0;"], [empty, ""]]),
    );
  });

  it("has one entry for an id that is asked twice, and none where none is asked", async () => {
    const { store, ini } = subject();
    const [id = ""] = writeSessions(1, ini);
    assert.deepEqual(textsOf(await store.getMany([id, id, id])), new Map([[id, "i|i:0;"]]));
    assert.deepEqual(await store.getMany([]), new Map());
  });
}
