import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { type Credentials, CredentialsError } from "../../../relay/credentials/credentials.ts";
import {
  CredentialSource,
  firstWaitMs,
  type Load,
  longestLoadMs,
  longestWaitMs,
  renewBeforeEndMs,
} from "../../../relay/credentials/source.ts";

const hourMs = 3_600_000;

/** A source whose time goes by `tick` alone, and what it did so far. */
function open(t: TestContext, load: Load) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: hourMs });
  const lines: string[] = [];
  const state = { loads: 0, lines, dateOffsetMs: 0, clockOffsetMs: 0 };
  const source = new CredentialSource({
    load: () => {
      state.loads++;
      return load();
    },
    nowMs: () => Date.now() + state.dateOffsetMs,
    clockMs: () => Date.now() + state.clockOffsetMs,
    random: () => 0.5,
    log: (_, code, fields) => lines.push(`${code} ${fields?.()["detail"]}`),
  });
  return Object.assign(state, {
    source,
    tick: async (ms: number) => {
      t.mock.timers.tick(ms);
      // What the tick began ends in the microtasks of this turn.
      await new Promise((resolve) => setImmediate(resolve));
    },
  });
}

function keys(accessKeyId: string, endsAtMs?: number): Credentials {
  const expiration = endsAtMs === undefined ? {} : { expiration: new Date(endsAtMs) };
  return { accessKeyId, secretAccessKey: `secret of ${accessKeyId}`, ...expiration };
}

const away = () => Promise.reject(new CredentialsError("credentials-unreadable", "away"));
const codeOf = (asked: Promise<Credentials>) =>
  asked.then(
    ({ accessKeyId }) => accessKeyId,
    (fault: CredentialsError) => `${fault.code}: ${fault.detail}`,
  );

describe("the credentials at hand", () => {
  it("are loaded once for all who ask at the same time, and are at hand from then on", async (t) => {
    const opened = open(t, async () => keys("A"));
    const asked = await Promise.all(Array.from({ length: 100 }, () => opened.source.current()));
    assert.ok(asked.every(({ accessKeyId }) => accessKeyId === "A"));
    await opened.tick(1000 * hourMs);
    assert.equal((await opened.source.current()).accessKeyId, "A");
    assert.equal(opened.loads, 1);
  });

  it("are renewed in the background five minutes before their end", async (t) => {
    let made = 0;
    const opened = open(t, async () => keys(`A${++made}`, Date.now() + hourMs));
    await opened.source.current();
    await opened.tick(hourMs - renewBeforeEndMs - 60_000);
    assert.equal(opened.loads, 1);
    await opened.tick(60_000);
    assert.equal(opened.loads, 2, "nobody had to ask");
    assert.equal((await opened.source.current()).accessKeyId, "A2");
    await opened.tick(hourMs - renewBeforeEndMs);
    assert.equal((await opened.source.current()).accessKeyId, "A3");
  });

  it("serve on while renewing them fails, which is tried again and again until it does not", async (t) => {
    let load: Load = async () => keys("A", Date.now() + hourMs);
    const opened = open(t, () => load());
    await opened.source.current();
    load = away;
    await opened.tick(hourMs - renewBeforeEndMs);
    for (let seconds = 0; seconds < 120; seconds++) {
      assert.equal((await opened.source.current()).accessKeyId, "A");
      await opened.tick(1000);
    }
    assert.ok(opened.loads >= 7 && opened.loads <= 10, `${opened.loads}`);
    assert.ok(opened.lines.every((line) => line === "credentials-unreadable away"));
    load = async () => keys("B", Date.now() + hourMs);
    await opened.tick(longestWaitMs);
    assert.equal((await opened.source.current()).accessKeyId, "B");
  });

  it("are tried again although the timer went off a moment too early by the clock", async (t) => {
    let load: Load = async () => keys("A", Date.now() + hourMs);
    const opened = open(t, () => load());
    await opened.source.current();
    load = away;
    await opened.tick(hourMs - renewBeforeEndMs);
    load = async () => keys("B", Date.now() + hourMs);
    opened.clockOffsetMs = -1;
    for (let seconds = 0; seconds < 30; seconds++) await opened.tick(1000);
    assert.equal((await opened.source.current()).accessKeyId, "B");
  });

  it("are not asked for without pause where the same ones come again until they end", async (t) => {
    const endsAtMs = 2 * hourMs;
    const opened = open(t, async () => keys("A", endsAtMs));
    await opened.source.current();
    for (let seconds = 0; seconds < 3590; seconds++) await opened.tick(1000);
    assert.ok(opened.loads > 5 && opened.loads < 20, `${opened.loads}`);
  });

  it("are refused once they have ended, and are there again as soon as others can be had", async (t) => {
    let load: Load = async () => keys("A", Date.now() + hourMs);
    const opened = open(t, () => load());
    await opened.source.current();
    load = away;
    await opened.tick(hourMs - renewBeforeEndMs);
    // The last load failed before their end, and the next one may not begin yet.
    await opened.tick(renewBeforeEndMs);
    const { loads } = opened;
    assert.equal(await codeOf(opened.source.current()), "credentials-expired: no others: away");
    assert.equal(opened.loads, loads);
    load = async () => keys("A", Date.now() - 1);
    await opened.tick(longestWaitMs);
    assert.equal(
      await codeOf(opened.source.current()),
      "credentials-expired: no others: those that were loaded have ended",
    );
    load = async () => keys("B", Date.now() + hourMs);
    await opened.tick(longestWaitMs);
    assert.equal(await codeOf(opened.source.current()), "B");
  });

  it("are loaded at most once a second while there are none, then less often, and whoever asks meanwhile hears why", async (t) => {
    const opened = open(t, async () => undefined);
    for (let i = 0; i < 1000; i++) {
      assert.equal(
        await codeOf(opened.source.current()),
        "credentials-missing: none in any of AWS's usual places",
      );
    }
    assert.equal(opened.loads, 1);
    await opened.tick(firstWaitMs);
    await codeOf(opened.source.current());
    assert.equal(opened.loads, 2);
    await opened.tick(firstWaitMs);
    await codeOf(opened.source.current());
    assert.equal(opened.loads, 2);
    await opened.tick(firstWaitMs);
    await codeOf(opened.source.current());
    assert.equal(opened.loads, 3);
  });

  it("can be had although the date was set back after a load failed", async (t) => {
    let load: Load = away;
    const opened = open(t, () => load());
    await codeOf(opened.source.current());
    opened.dateOffsetMs = -24 * hourMs;
    load = async () => keys("A");
    await opened.tick(firstWaitMs);
    assert.equal(await codeOf(opened.source.current()), "A");
  });

  it("end by the date, although no timer went off while the machine slept", async (t) => {
    const opened = open(t, async () => keys("A", Date.now() + opened.dateOffsetMs + hourMs));
    await opened.source.current();
    opened.dateOffsetMs = 2 * hourMs;
    await opened.source.current();
    assert.equal(opened.loads, 2);
  });

  it("are given up when nothing comes, and tried again", async (t) => {
    let load: Load = () => new Promise(() => {});
    const opened = open(t, () => load());
    const asked = codeOf(opened.source.current());
    await opened.tick(longestLoadMs);
    assert.equal(await asked, `credentials-unreadable: nothing loaded within ${longestLoadMs}ms`);
    load = async () => keys("A");
    await opened.tick(firstWaitMs);
    assert.equal(await codeOf(opened.source.current()), "A");
  });

  it("are waited for as briefly as at first once others have come", async (t) => {
    let load: Load = away;
    const opened = open(t, () => load());
    // The waits have grown to the longest.
    for (let minutes = 0; minutes < 5; minutes++) {
      await codeOf(opened.source.current());
      await opened.tick(60_000);
    }
    load = async () => keys("A", Date.now() + hourMs);
    assert.equal(await codeOf(opened.source.current()), "A");
    load = away;
    await opened.tick(hourMs - renewBeforeEndMs);
    const { loads } = opened;
    // After the wait of the success itself comes the next longer one, and not the longest.
    await opened.tick(2 * firstWaitMs - 1);
    assert.equal(opened.loads, loads);
    await opened.tick(1);
    assert.equal(opened.loads, loads + 1);
    await opened.tick(4 * firstWaitMs);
    assert.equal(opened.loads, loads + 2);
  });

  it("tell of an error that nobody foresaw its name alone", async (t) => {
    const opened = open(t, () => Promise.reject(new TypeError("secret of A")));
    assert.equal(await codeOf(opened.source.current()), "credentials-unreadable: TypeError");
    assert.deepEqual(opened.lines, ["credentials-unreadable TypeError"]);
  });
});

describe("credentials that AWS refused", () => {
  it("are replaced by those that were put in their place, for all who were refused", async (t) => {
    let now = "A";
    const opened = open(t, async () => keys(now));
    await opened.source.current();
    await opened.tick(hourMs);
    now = "B";
    const renewed = await Promise.all(Array.from({ length: 50 }, () => opened.source.renew()));
    assert.deepEqual(new Set(renewed), new Set([true]));
    assert.equal(await opened.source.renew(), true, "this one was signed just before the change");
    assert.equal(opened.loads, 2);
    assert.equal((await opened.source.current()).accessKeyId, "B");
  });

  it("are replaced where the secret alone is another", async (t) => {
    let secretAccessKey = "old";
    const opened = open(t, async () => ({ accessKeyId: "A", secretAccessKey }));
    await opened.source.current();
    await opened.tick(hourMs);
    secretAccessKey = "new";
    assert.equal(await opened.source.renew(), true);
  });

  it("are looked for less and less often while the same ones come", async (t) => {
    const opened = open(t, async () => keys("A"));
    await opened.source.current();
    await opened.tick(hourMs);
    for (let i = 0; i < 3000; i++) {
      assert.equal(await opened.source.renew(), false);
      await opened.tick(100);
    }
    assert.ok(opened.loads >= 10 && opened.loads <= 16, `${opened.loads} in 300 s`);
  });

  it("serve on where others cannot be had", async (t) => {
    let load: Load = async () => keys("A");
    const opened = open(t, () => load());
    await opened.source.current();
    await opened.tick(hourMs);
    load = away;
    assert.equal(await opened.source.renew(), false);
    assert.equal(await codeOf(opened.source.current()), "A");
    load = async () => keys("B");
    await opened.tick(longestWaitMs);
    assert.equal(await codeOf(opened.source.current()), "B", "loaded in the background");
  });
});
