// What a store of the operator's own must do: all that the stores' conformance suite demands of the sessions that PHP
// wrote, and of a service that is away, hangs or fails. Whatever happens, it is a fault or what is stored.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, type it as testIt } from "node:test";
import { openCustom } from "../../handlers/custom-store.ts";
import type { SessionStore } from "../../inspector/session-store.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { filesIni, writeSession } from "../real/php.ts";
import { getAll, itReadsWhatPhpWrote, someId } from "../stores/conformance.ts";
import type { StartSite, StoreSite } from "./site.ts";

const timeoutMs = 1_000;
const prefix = "sess_";

/** Tells the demands of custom/NAME.ts by this `it`, on the service that `start` starts. */
export function itIsAStore(it: typeof testIt, name: string, start: StartSite): void {
  const directory = mkdtempSync(join(temporaryDirectory(), "sessions-"));
  const ini = filesIni(directory);
  let site: StoreSite;
  let store: SessionStore;

  before(async () => {
    site = await start();
    const { settings, password } = site;
    const url = {
      kind: "custom",
      name,
      settings,
      ...(password !== undefined && { password: () => password }),
    };
    const keyOf = (sessionId: string) => prefix + sessionId;
    store = withPhpsSessions(await openCustom(url as Parameters<typeof openCustom>[0], { keyOf, timeoutMs }));
  });
  after(async () => {
    store.close();
    await site.end();
  });

  /** The site keeps its sessions by the service: what PHP wrote into files lies there before the store is asked. */
  function withPhpsSessions(own: SessionStore): SessionStore {
    const kept = new Set<string>();
    const keep = async () => {
      const there = readdirSync(directory);
      for (const key of there) {
        await site.put(key, readFileSync(join(directory, key)));
        kept.add(key);
      }
      for (const key of [...kept].filter((one) => !there.includes(one))) await site.remove(key);
    };
    return {
      getData: async (id) => {
        await keep();
        return own.getData(id);
      },
      getMany: async (ids) => {
        await keep();
        return own.getMany(ids);
      },
      close: () => own.close(),
    };
  }

  itReadsWhatPhpWrote(it, () => ({ store, ini }));

  it("is a fault while the service is away, and finds the session once it is back", async () => {
    const id = writeSession({ user: "alice" }, ini);
    assert.notEqual(await store.getData(id), null);
    await site.stopServer();
    await assert.rejects(store.getData(id), { name: "StoreError" });
    assert.notDeepEqual((await store.getMany([id, someId])).faults, []);
    await site.startServer();
    assert.notEqual(await store.getData(id), null);
  });

  it("is a fault in time while the service hangs, and finds the session once it goes on", async () => {
    const id = writeSession({ user: "alice" }, ini);
    assert.notEqual(await store.getData(id), null);
    const goOn = await site.hang();
    const calls = await Promise.allSettled([store.getData(id), store.getData(someId), getAll(store, [id])]);
    for (const call of calls) {
      assert.equal(call.status === "rejected" && call.reason.fault, "store-timeout");
    }
    goOn();
    assert.notEqual(await store.getData(id), null);
  });

  it("is a fault while the service fails, never a session and never none", async () => {
    const id = writeSession({ user: "alice" }, ini);
    const goOn = await site.fail();
    await assert.rejects(store.getData(id), { name: "StoreError" });
    await assert.rejects(store.getData(someId), { name: "StoreError" });
    const { stored, faults } = await store.getMany([id, someId]);
    assert.deepEqual([...stored], []);
    assert.ok(faults.length > 0);
    goOn();
    assert.notEqual(await store.getData(id), null);
  });

  it("finds no session under a key that only begins or ends so, or of another case", async () => {
    const id = `0The0own0${writeSession({ user: "alice" }, ini)}`.slice(0, 40);
    await site.put(`${prefix}${id}`, Buffer.from('user|s:5:"alice";'));
    assert.notEqual(await store.getData(id), null);
    for (const other of [id.slice(0, -1), `${id}0`, id.toLowerCase(), `${id},`]) {
      assert.equal(await store.getData(other), null, other);
    }
    await site.remove(`${prefix}${id}`);
  });

  it("gives at most a fault for a value far beyond the longest session", async () => {
    const id = "0the0longest0session0of0all0";
    await site.put(`${prefix}${id}`, Buffer.alloc(8 * 1024 * 1024, "a"));
    const got = await store.getData(id).catch((error: Error) => error.name);
    assert.ok(
      got === "StoreError" || (typeof got === "object" && got !== null && got.bytes.length > 524_288),
    );
    await site.remove(`${prefix}${id}`);
  });
}
