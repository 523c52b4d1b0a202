import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decodePhp } from "../../inspector/session/formats/php.ts";
import { SessionInspector, type SessionInspectorOptions } from "../../inspector/session-inspector.ts";
import { type SessionStore, StoreError } from "../../inspector/session-store.ts";
import type { Verdict } from "../../inspector/verdict.ts";

const id = "alice0session0of0the0test0";

function loggedIn(name: string): string {
  return `user|s:${Buffer.byteLength(name)}:"${name}";authenticated|b:1;`;
}

type Sessions = Readonly<Record<string, string | Buffer>>;

/** A store with these sessions, which notes what it is asked for. */
function storeOf(sessions: Sessions, asked: string[] = []): SessionStore {
  const getData = async (sessionId: string) => {
    asked.push(sessionId);
    const session = sessions[sessionId];
    return session === undefined ? null : { bytes: Buffer.from(session), flags: 0 };
  };
  const getMany = async (sessionIds: readonly string[]) => {
    const entries = sessionIds.map(async (one) => [one, await getData(one)] as const);
    return { stored: new Map(await Promise.all(entries)), faults: [] };
  };
  return { getData, getMany, close() {} };
}

/** A store of which every question ends in this error. */
function brokenStore(error: Error): SessionStore {
  return { getData: () => Promise.reject(error), getMany: () => Promise.reject(error), close() {} };
}

/** An inspector of a site with this one session. */
function inspectorOf(session: string | Buffer, changes: Partial<SessionInspectorOptions> = {}) {
  const asked: string[] = [];
  const inspector = new SessionInspector({
    store: storeOf({ [id]: session }, asked),
    decode: decodePhp,
    expressions: { authenticated: "authenticated", user: "user" },
    servedHosts: new Set(["example.org"]),
    isUserPolicy: "all",
    namesDifferByCase: false,
    nowMs: () => 1_800_000_000_000,
    ...changes,
  });
  const logIn = (user: string, password = id, server = "example.org"): Promise<Verdict> =>
    inspector.inspect({ op: "auth", user, server, password });
  return { inspector, logIn, asked };
}

const ticketed = (areRequired: boolean): Partial<SessionInspectorOptions> => ({
  tickets: {
    // What a ticket says is ticket.test.ts's: here it says so in words.
    open: (ticket, { host }) =>
      ticket === `a.ticket.of.${host}` ? { sessionId: id } : { problem: "ticket-forged" },
    areRequired,
  },
});

describe("the inspector of a site with tickets", () => {
  it("looks the session up that a ticket holds", async () => {
    const { logIn, asked } = inspectorOf(loggedIn("alice"), ticketed(true));
    assert.deepEqual(await logIn("alice", "a.ticket.of.example.org"), { outcome: "allowed" });
    assert.deepEqual(await logIn("bob", "a.ticket.of.example.org"), {
      outcome: "refused",
      reason: "other-user",
    });
    assert.deepEqual(asked, [id, id]);
  });

  it("looks nothing up for a ticket that does not count", async () => {
    const { logIn, asked } = inspectorOf(loggedIn("alice"), ticketed(false));
    for (const ticket of ["a.forged.ticket.of.nobody", `${id}..a.b.c`]) {
      assert.deepEqual(await logIn("alice", ticket), { outcome: "refused", reason: "ticket-forged" });
    }
    for (const neither of [".", `${id}.`, "a.forged.ticket"]) {
      assert.deepEqual(await logIn("alice", neither), { outcome: "refused", reason: "malformed-session-id" });
    }
    assert.deepEqual(asked, []);
  });

  it("takes a session id only where tickets are not required", async () => {
    assert.deepEqual(await inspectorOf(loggedIn("alice"), ticketed(false)).logIn("alice"), {
      outcome: "allowed",
    });
    const { logIn, asked } = inspectorOf(loggedIn("alice"), ticketed(true));
    assert.deepEqual(await logIn("alice"), { outcome: "refused", reason: "ticket-required" });
    assert.deepEqual(await logIn("alice", "no session id"), {
      outcome: "refused",
      reason: "malformed-session-id",
    });
    assert.deepEqual(asked, []);
  });

  it("says of a ticket that there are none, where they are off", async () => {
    assert.deepEqual(await inspectorOf(loggedIn("alice")).logIn("alice", "a..compact.json.webencryption"), {
      outcome: "refused",
      reason: "malformed-session-id",
      detail: "tickets-off",
    });
  });
});

describe("the inspector", () => {
  it("allows the user whose session it is", async () => {
    assert.deepEqual(await inspectorOf(loggedIn("alice")).logIn("alice"), { outcome: "allowed" });
  });

  it("refuses a session of another user", async () => {
    const { logIn } = inspectorOf(loggedIn("alice"));
    for (const user of ["bob", "alic", "alicee", "alice ", "ALICE", "alice\0"]) {
      assert.deepEqual(await logIn(user), { outcome: "refused", reason: "other-user" }, user);
    }
  });

  it("knows a user by the localpart that ejabberd prepares", async () => {
    for (const [siteName, localpart] of [
      ["Alice", "alice"],
      ["john doe", "john\\20doe"],
      ["alice@example.org", "alice\\40example.org"],
      ["Jürgen", "jürgen"],
    ] as const) {
      assert.deepEqual(
        await inspectorOf(loggedIn(siteName)).logIn(localpart),
        { outcome: "allowed" },
        siteName,
      );
    }
  });

  it("refuses a name with capitals of a site whose names differ by case", async () => {
    const logIn = (siteName: string, user: string) =>
      inspectorOf(loggedIn(siteName), { namesDifferByCase: true }).logIn(user);
    assert.deepEqual(await logIn("alice", "alice"), { outcome: "allowed" });
    assert.deepEqual(await logIn("john doe", "john\\20doe"), { outcome: "allowed" });
    for (const siteName of ["Alice", "aliCe", "Νίκος"]) {
      const verdict = await logIn(siteName, siteName.toLowerCase());
      assert.deepEqual(verdict, {
        outcome: "refused",
        reason: "doubtful-user-name",
        detail: "not-lower-case",
      });
    }
  });

  it("allows the hosts that an expression names for this user, and no other", async () => {
    const expressions = { authenticated: "authenticated", user: "user", hosts: "hosts" };
    const servedHosts = new Set(["example.org", "vip.example.org"]);
    const outcomeOn = async (server: string, hosts: string) => {
      const { logIn } = inspectorOf(`${loggedIn("alice")}${hosts}`, { expressions, servedHosts });
      const verdict = await logIn("alice", id, server);
      return verdict.outcome === "refused" ? verdict.reason : verdict.outcome;
    };
    const one = 'hosts|s:11:"example.org";';
    const both = 'hosts|a:2:{i:0;s:11:"example.org";i:1;s:15:"vip.example.org";}';
    assert.equal(await outcomeOn("example.org", one), "allowed");
    assert.equal(await outcomeOn("vip.example.org", one), "host-not-allowed");
    assert.equal(await outcomeOn("vip.example.org", both), "allowed");
    assert.equal(await outcomeOn("other.example.org", both), "host-not-served");
    for (const none of [
      "",
      "hosts|N;",
      "hosts|b:1;",
      "hosts|a:0:{}",
      'hosts|a:1:{s:11:"example.org";b:1;}',
    ]) {
      assert.equal(await outcomeOn("example.org", none), "host-not-allowed", none);
    }
  });

  it("refuses a site name that could be taken for another", async () => {
    for (const siteName of ["ａlice", "ali\u00adce", "ﬁn", " alice", "alice\u0000"]) {
      const verdict = await inspectorOf(loggedIn(siteName)).logIn("alice");
      assert.equal(
        verdict.outcome === "refused" && verdict.reason,
        "doubtful-user-name",
        JSON.stringify(siteName),
      );
    }
  });

  it("refuses an unknown session, one that is not logged in, and one without a name", async () => {
    const reasonOf = async (session: string, password = id) => {
      const verdict = await inspectorOf(session).logIn("alice", password);
      return verdict.outcome === "refused" ? verdict.reason : verdict.outcome;
    };
    assert.equal(await reasonOf(loggedIn("alice"), "another0session0of0the0test"), "no-session");
    assert.equal(await reasonOf(""), "not-authenticated");
    assert.equal(await reasonOf('user|s:5:"alice";'), "not-authenticated");
    assert.equal(await reasonOf("authenticated|b:1;"), "no-user-name");
  });

  it("never asks the store for what is no session id", async () => {
    const { logIn, asked } = inspectorOf(loggedIn("alice"));
    const noIds = [
      "",
      "a:b:c",
      "pässwörd€pässwörd€pässwörd",
      "../../../etc/passwd/sess_x",
      `lock.${id}`,
      `${id}.lock`,
    ];
    for (const password of [...noIds, `${id}\r\n`, `${id}\0`, "x".repeat(257), `${id} 0 0 1`]) {
      assert.deepEqual(await logIn("alice", password), {
        outcome: "refused",
        reason: "malformed-session-id",
      });
    }
    assert.deepEqual(asked, []);
  });

  it("refuses a host that it does not serve, for every operation", async () => {
    const { inspector, logIn, asked } = inspectorOf(loggedIn("alice"));
    for (const server of ["example.com", "", "EXAMPLE.ORG", "example.org.", "constructor"]) {
      assert.deepEqual(await logIn("alice", id, server), { outcome: "refused", reason: "host-not-served" });
      const verdict = await inspector.inspect({ op: "isuser", user: "alice", server });
      assert.deepEqual(verdict, { outcome: "refused", reason: "host-not-served" });
    }
    assert.deepEqual(asked, []);
  });

  it("refuses bytes that are no session, by the decoder's code", async () => {
    for (const session of [
      "garbage",
      "user|s:5:",
      loggedIn("alice").slice(0, -1),
      `a|${"a:1:{i:0;".repeat(100_000)}`,
    ]) {
      const verdict = await inspectorOf(session).logIn("alice");
      assert.equal(verdict.outcome === "refused" && verdict.reason, "unreadable-session");
      assert.match((verdict.outcome === "refused" && verdict.detail) || "", /^[a-z-]+$/);
    }
  });

  it("refuses a session of 1 MB", async () => {
    const filler = "x".repeat(1_000_000);
    const { logIn } = inspectorOf(`${loggedIn("alice")}filler|s:${filler.length}:"${filler}";`);
    const verdict = await logIn("alice");
    assert.equal(verdict.outcome === "refused" && verdict.reason, "unreadable-session");
  });

  it("is unavailable while the store is", async () => {
    for (const fault of ["store-unreachable", "store-timeout"] as const) {
      const store = brokenStore(new StoreError(fault));
      assert.deepEqual(await inspectorOf("", { store }).logIn("alice"), { outcome: "unavailable", fault });
    }
  });

  it("hides no error that nobody foresaw: it is the caller's to make a no of it", async () => {
    const boom = new TypeError("boom");
    const store = brokenStore(boom);
    await assert.rejects(inspectorOf("", { store }).logIn("alice"), boom);
    const decode = () => {
      throw boom;
    };
    await assert.rejects(inspectorOf("", { decode }).logIn("alice"), boom);
  });

  it("answers isuser by its policy, without asking the store", async () => {
    const request = { op: "isuser", user: "alice", server: "example.org" } as const;
    const all = inspectorOf("");
    assert.deepEqual(await all.inspector.inspect(request), { outcome: "allowed" });
    assert.deepEqual(all.asked, []);
    const none = inspectorOf("", { isUserPolicy: "none" });
    assert.deepEqual(await none.inspector.inspect(request), { outcome: "refused", reason: "isuser-policy" });
  });

  it("allows nobody by a session of any other bytes", async () => {
    const bytes = Buffer.from(loggedIn("alice"));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.constantFrom("bob", "admin", "alic", "lice"),
        async (changes, user) => {
          const changed = Buffer.from(bytes);
          for (const [at, byte] of changes) changed[at] = byte;
          const verdict = await inspectorOf(changed).logIn(user);
          assert.notEqual(verdict.outcome, "unavailable");
          if (verdict.outcome === "allowed")
            assert.ok(changed.toString("latin1").toLowerCase().includes(`"${user}"`));
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("the inspector, asked about many sessions", () => {
  const idOf = (n: number) => `some0session0of0the0test00${n}`;
  /** Each of these is refused to every user, by every rule that a login has. */
  const dead = [
    "",
    'user|s:5:"alice";',
    "authenticated|b:1;",
    'user|s:5:"alice";authenticated|i:1;',
    'user|s:0:"";authenticated|b:1;',
    "garbage",
    loggedIn("alice").slice(0, -1),
    loggedIn("ａlice"),
    loggedIn(" alice"),
  ];

  it("gives a boolean for each, in the order asked", async () => {
    const { inspector } = inspectorOf(loggedIn("alice"));
    const ids = [idOf(1), id, "", id, "malformed", idOf(2)];
    assert.deepEqual(await inspector.inspectSessions(ids), {
      outcome: "answered",
      authenticated: [false, true, false, true, false, false],
    });
  });

  it("has the rules of a login, but for whose session it is", async () => {
    const sessions = [
      ...dead,
      loggedIn("alice"),
      loggedIn("Jürgen von Ohlen"),
      "user|i:7;authenticated|b:1;",
    ];
    const users = [...dead.map(() => "alice"), "alice", "jürgen\\20von\\20ohlen", "7"];
    const store = storeOf(Object.fromEntries(sessions.map((session, n) => [idOf(n), session])));
    const { inspector, logIn } = inspectorOf("", { store });
    const logins = await Promise.all(users.map((user, n) => logIn(user, idOf(n))));
    const authenticated = logins.map(({ outcome }) => outcome === "allowed");
    assert.deepEqual(authenticated, [...dead.map(() => false), true, true, true]);
    const ids = sessions.map((_, n) => idOf(n));
    assert.deepEqual(await inspector.inspectSessions(ids), { outcome: "answered", authenticated });
  });

  it("looks each up once, and what is no session id not at all", async () => {
    const { inspector, asked } = inspectorOf(loggedIn("alice"));
    const noIds = ["", "a:b:c", `lock.${id}`, `${id}.lock`, `${id}\r\n`, "x".repeat(257), "__proto__"];
    await inspector.inspectSessions([id, idOf(1), ...noIds, id, idOf(1)]);
    assert.deepEqual(asked, [id, idOf(1)]);
  });

  it("is unavailable as a whole while the store cannot tell of all", async () => {
    for (const fault of ["store-unreachable", "store-timeout"] as const) {
      const { inspector } = inspectorOf("", { store: brokenStore(new StoreError(fault)) });
      assert.deepEqual(await inspector.inspectSessions([id]), { outcome: "unavailable", fault });
    }
  });

  it("is unavailable as a whole where the store tells of a part alone, and says what the store knows of it", async () => {
    const error = new StoreError("store-unreachable", { detail: "ECONNREFUSED" });
    const store: SessionStore = {
      ...brokenStore(error),
      getMany: async () => ({
        stored: new Map([[id, { bytes: Buffer.from(loggedIn("alice")), flags: 0 }]]),
        faults: [error, new StoreError("store-timeout")],
      }),
    };
    const { inspector } = inspectorOf("", { store });
    const unavailable = { outcome: "unavailable", fault: "store-unreachable", detail: "ECONNREFUSED" };
    assert.deepEqual(await inspector.inspectSessions([id, idOf(1)]), unavailable);
    assert.deepEqual(await inspector.inspectSessions([id]), unavailable);
  });

  it("takes a session that a store left out without a fault for no answer", async () => {
    const store: SessionStore = {
      ...brokenStore(new Error()),
      getMany: async () => ({ stored: new Map([[id, null]]), faults: [] }),
    };
    const { inspector } = inspectorOf("", { store });
    await assert.rejects(inspector.inspectSessions([id, idOf(1)]), { name: "Error" });
  });

  it("hides no error that nobody foresaw", async () => {
    const boom = new TypeError("boom");
    const { inspector } = inspectorOf("", { store: brokenStore(boom) });
    await assert.rejects(inspector.inspectSessions([id]), boom);
  });
});
