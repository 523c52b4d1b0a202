import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { inspectLogins } from "../../inspector/login-watch.ts";
import { decodePhp } from "../../inspector/session/formats/php.ts";
import { SessionInspector, type SessionInspectorOptions } from "../../inspector/session-inspector.ts";
import { type SessionStore, type StoredValue, StoreError } from "../../inspector/session-store.ts";
import { ticketOpener } from "../../inspector/ticket.ts";
import { readTicketKeys } from "../../inspector/ticket-keys.ts";
import type { Watched } from "../../inspector/verdict.ts";
import type { LoginsRequest, WatchedLogin } from "../../protocol/logins-request.ts";
import { sealTicket } from "./seal-ticket.ts";

const server = "example.org";
const idOf = (name: string) => `${name}0session0of0the0test0`.padEnd(26, "0");
const loggedIn = (name: string) => `user|s:${name.length}:"${name}";authenticated|b:1;`;

interface Call {
  readonly ids: readonly string[];
  readonly limitMs: number | undefined;
}

/** A store with these sessions; those in `away` are on a node that does not answer. */
function storeOf(
  sessions: Readonly<Record<string, string>>,
  { calls = [], away = [] }: { calls?: Call[]; away?: readonly string[] } = {},
): SessionStore {
  const getMany = async (ids: readonly string[], limitMs?: number) => {
    calls.push({ ids, limitMs });
    const reached = ids.filter((id) => !away.includes(id));
    const stored = new Map(
      reached.map((id): [string, StoredValue | null] => {
        const session = sessions[id];
        return [id, session === undefined ? null : { bytes: Buffer.from(session), flags: 0 }];
      }),
    );
    const faults = reached.length < ids.length ? [new StoreError("store-timeout")] : [];
    return { stored, faults };
  };
  return { getData: () => assert.fail("asked of one"), getMany, close() {} };
}

/** Returns what asks about open connections. */
function watchOver(store: SessionStore, changes: Partial<SessionInspectorOptions> = {}) {
  const options = {
    store,
    decode: decodePhp,
    expressions: { authenticated: "authenticated", user: "user" },
    servedHosts: new Set([server]),
    isUserPolicy: "all",
    namesDifferByCase: false,
    nowMs: () => 1_800_000_000_000,
    ...changes,
  } as const;
  const inspector = new SessionInspector(options);
  return (request: LoginsRequest) => inspectLogins({ ...options, inspector }, request);
}

/** Returns live, ended or unknown for each, with the code where there is one. */
async function watch(
  ask: ReturnType<typeof watchOver>,
  logins: readonly WatchedLogin[],
  host = server,
): Promise<string[]> {
  const verdict = await ask({ server: host, logins });
  assert.equal(verdict.outcome, "answered");
  return verdict.watched.map(text);
}

function text(watched: Watched): string {
  if (watched.outcome === "live") return "live";
  return watched.outcome === "ended" ? `ended ${watched.reason}` : `unknown ${watched.code}`;
}

describe("the inspector of open connections", () => {
  const sessions = {
    [idOf("alice")]: loggedIn("alice"),
    [idOf("bob")]: loggedIn("bob"),
    [idOf("flag")]: 'user|s:4:"flag";authenticated|b:0;',
    [idOf("nobody")]: "authenticated|b:1;",
    [idOf("broken")]: 'user|s:9:"alice',
    [idOf("doubtful")]: 'user|s:6:"alice ";authenticated|b:1;',
    [idOf("hosts")]: `${loggedIn("hosts")}hosts|a:1:{i:0;s:9:"other.org";}`,
  };

  it("tells of each what a login would be answered, in the order asked", async () => {
    const ask = watchOver(storeOf(sessions));
    const logins: WatchedLogin[] = [
      ["alice", idOf("alice")],
      ["bob", idOf("alice")],
      ["carol", idOf("carol")],
      ["flag", idOf("flag")],
      ["nobody", idOf("nobody")],
      ["broken", idOf("broken")],
      ["doubtful", idOf("doubtful")],
      ["alice", "no-session-id"],
      ["alice", ""],
      ["alice", idOf("alice")],
    ];
    assert.deepEqual(await watch(ask, logins), [
      "live",
      "ended other-user",
      "ended no-session",
      "ended not-authenticated",
      "ended no-user-name",
      "unknown unreadable-session",
      "unknown doubtful-user-name",
      "unknown malformed-session-id",
      "unknown malformed-session-id",
      "live",
    ]);
  });

  it("knows nothing of a host that is not served, and looks nothing up", async () => {
    const calls: Call[] = [];
    const ask = watchOver(storeOf(sessions, { calls }));
    assert.deepEqual(await watch(ask, [["alice", idOf("alice")]], "other.org"), ["unknown host-not-served"]);
    assert.deepEqual(calls, []);
  });

  it("ends what was opened on a host that the session no longer allows", async () => {
    const ask = watchOver(storeOf(sessions), {
      expressions: { authenticated: "authenticated", user: "user", hosts: "hosts" },
    });
    assert.deepEqual(await watch(ask, [["hosts", idOf("hosts")]]), ["ended host-not-allowed"]);
  });

  it("knows nothing of the sessions on a node that is away, and tells of all others", async () => {
    const ask = watchOver(storeOf(sessions, { away: [idOf("alice"), idOf("carol")] }));
    const logins: WatchedLogin[] = [
      ["alice", idOf("alice")],
      ["bob", idOf("bob")],
      ["carol", idOf("carol")],
      ["dave", idOf("dave")],
    ];
    assert.deepEqual(await watch(ask, logins), [
      "unknown store-timeout",
      "live",
      "unknown store-timeout",
      "ended no-session",
    ]);
  });

  it("knows nothing where the store as a whole is away", async () => {
    const store: SessionStore = {
      ...storeOf({}),
      getMany: () => Promise.reject(new StoreError("discovery-failed", { detail: "throttled" })),
    };
    const verdict = await watchOver(store)({ server, logins: [["a", idOf("a")]] });
    assert.deepEqual(verdict, {
      outcome: "answered",
      watched: [{ outcome: "unknown", code: "discovery-failed", detail: "throttled" }],
    });
  });

  it("looks each session up once, a hundred at a time, each time with its share of the time", async () => {
    const calls: Call[] = [];
    const ask = watchOver(storeOf({}, { calls }));
    const logins = Array.from({ length: 1000 }, (_, at): WatchedLogin => [`user${at}`, idOf(`u${at}x`)]);
    const answers = await watch(ask, logins);
    assert.equal(answers.filter((answer) => answer === "ended no-session").length, 1000);
    assert.deepEqual(
      calls.map(({ ids, limitMs }) => [ids.length, limitMs]),
      Array.from({ length: 10 }, () => [100, 500]),
    );
    assert.equal(new Set(calls.flatMap(({ ids }) => ids)).size, 1000);
    calls.length = 0;
    await watch(
      ask,
      logins.map(([user]) => [user, idOf("same")]),
    );
    assert.deepEqual(
      calls.map(({ ids }) => ids),
      [[idOf("same")]],
    );
  });

  it("has an answer for the others where one session meets a fault of ours", async () => {
    const ask = watchOver(storeOf(sessions), {
      decode: (bytes, wanted) => {
        if (Buffer.from(bytes).includes("bob")) throw new TypeError("boom");
        return decodePhp(bytes, wanted);
      },
    });
    const logins: WatchedLogin[] = [
      ["bob", idOf("bob")],
      ["alice", idOf("alice")],
    ];
    assert.deepEqual(await watch(ask, logins), ["unknown internal-error", "live"]);
  });

  it("leaves a user whose sessions take long without an answer, and no other user", async () => {
    let nowMs = 0;
    const costly = Object.fromEntries(
      Array.from({ length: 50 }, (_, at) => [idOf(`m${at}x`), loggedIn("mallory")]),
    );
    const ask = watchOver(storeOf({ ...costly, ...sessions }), {
      nowMs: () => nowMs,
      decode: (bytes, wanted) => {
        if (Buffer.from(bytes).includes("mallory")) nowMs += 120;
        return decodePhp(bytes, wanted);
      },
    });
    const answers = await watch(ask, [
      ...Object.keys(costly).map((id): WatchedLogin => ["mallory", id]),
      ["alice", idOf("alice")],
      ["carol", idOf("carol")],
    ]);
    assert.deepEqual(answers.slice(0, 4), ["live", "live", "live", "unknown no-time-left"]);
    assert.deepEqual(answers.slice(-3), ["unknown no-time-left", "live", "ended no-session"]);
  });

  it("knows which sessions have gone, also where many users' sessions take all its time", async () => {
    let nowMs = 0;
    const users = Array.from({ length: 40 }, (_, at) => `mallory${at}`);
    const ask = watchOver(storeOf(Object.fromEntries(users.map((user) => [idOf(user), loggedIn(user)]))), {
      nowMs: () => nowMs,
      decode: (bytes, wanted) => {
        nowMs += 120;
        return decodePhp(bytes, wanted);
      },
    });
    const answers = await watch(ask, [
      ...users.map((user): WatchedLogin => [user, idOf(user)]),
      [users[0] as string, idOf("gone")],
      ["carol", idOf("carol")],
    ]);
    assert.deepEqual(answers.slice(-3), ["unknown no-time-left", "ended no-session", "ended no-session"]);
  });

  it("takes a session that a store left out without a fault for no answer", async () => {
    const store: SessionStore = { ...storeOf({}), getMany: async () => ({ stored: new Map(), faults: [] }) };
    await assert.rejects(watchOver(store)({ server, logins: [["a", idOf("a")]] }));
  });
});

describe("the inspector of open connections that were opened with tickets", () => {
  const key = randomBytes(32);
  const keys = readTicketKeys(`2:${key.toString("base64url")}`) ?? assert.fail("keys");
  const nowSeconds = 1_800_000_000;
  const ofSite = (areRequired: boolean) =>
    watchOver(storeOf({ [idOf("alice")]: loggedIn("alice") }), {
      tickets: { open: ticketOpener(keys, 300), areRequired },
      nowMs: () => nowSeconds * 1000,
    });
  const ticket = (changes: Readonly<Record<string, unknown>> = {}, kid = "2") =>
    sealTicket(
      { alg: "dir", enc: "A256GCM", typ: "inspectord", kid },
      { sid: idOf("alice"), aud: server, exp: nowSeconds + 60, jti: "abcdefgh", ...changes },
      key,
    );

  it("does not care for the ticket's own end, in the past or far ahead", async () => {
    for (const exp of [nowSeconds + 60, nowSeconds - 1, nowSeconds - 86_400, nowSeconds + 86_400]) {
      const password = ticket({ exp });
      assert.deepEqual(await watch(ofSite(true), [["alice", password]]), ["live"]);
      assert.deepEqual(await watch(ofSite(true), [["bob", password]]), ["ended other-user"]);
    }
    assert.deepEqual(await watch(ofSite(true), [["alice", ticket({ sid: idOf("gone"), exp: 0 })]]), [
      "ended no-session",
    ]);
  });

  it("knows nothing by a ticket of another key, of another host or changed, nor by a session id", async () => {
    for (const [password, code] of [
      [ticket({}, "another"), "ticket-key-unknown"],
      [ticket({ aud: "other.org" }), "ticket-other-host"],
      [ticket().replace(/..$/, (last) => (last === "AA" ? "QA" : "AA")), "ticket-forged"],
      [`${ticket()}.`, "malformed-session-id"],
      [idOf("alice"), "ticket-required"],
    ] as const) {
      assert.deepEqual(await watch(ofSite(true), [["alice", password]]), [`unknown ${code}`]);
    }
    assert.deepEqual(await watch(ofSite(false), [["alice", idOf("alice")]]), ["live"]);
    assert.deepEqual(await watch(watchOver(storeOf({})), [["alice", ticket()]]), [
      "unknown malformed-session-id",
    ]);
  });
});
