// What the demo's panel is told: by the API's logins, and by the pages.

import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { type DemoEvent, DemoEvents, readPageReport } from "../../../infra/demo/demo-events.ts";
import type { ShownLogin } from "../../../infra/local/shown-api.ts";

const login: ShownLogin = {
  ...{ timeMs: 1, user: "alice@localhost", outcome: "refused", reason: "other-user" },
  ...{ tookMs: 5, functionMs: 2 },
};
const report = { kind: "login", user: "alice@localhost", ticketMs: 3, chatMs: 20 } as const;

describe("the demo's events", () => {
  let events: DemoEvents;
  let told: DemoEvent[];
  beforeEach(() => {
    events = new DemoEvents();
    told = [];
    events.listen((event) => told.push(event));
  });

  it("tell of a login at once, and again with what its page saw", () => {
    events.login(login);
    events.page(report, 9);
    assert.deepEqual(
      told.map(({ id, outcome, apiMs, functionMs, chatMs }) => [id, outcome, apiMs, functionMs, chatMs]),
      [
        [1, "refused", 5, 2, undefined],
        [1, "refused", 5, 2, 20],
      ],
    );
  });

  it("put both together where the page is the first", () => {
    events.page(report, 9);
    events.login(login);
    assert.deepEqual(
      told.map(({ id, outcome, ticketMs }) => [id, outcome, ticketMs]),
      [
        [1, undefined, 3],
        [1, "refused", 3],
      ],
    );
  });

  it("keep two users' logins, and one user's two logins, apart", () => {
    events.login(login);
    events.login({ ...login, user: "bob@localhost" });
    events.page({ ...report, user: "bob@localhost" }, 9);
    events.page(report, 9);
    events.login(login);
    events.page({ ...report, chatMs: 30 }, 9);
    assert.deepEqual(
      told.filter(({ chatMs }) => chatMs !== undefined).map(({ id, user, chatMs }) => [id, user, chatMs]),
      [
        [2, "bob@localhost", 20],
        [1, "alice@localhost", 20],
        [3, "alice@localhost", 30],
      ],
    );
  });

  it("tell of an end by itself", () => {
    events.login(login);
    events.page({ kind: "ended", user: "alice@localhost", afterMs: 1500 }, 9);
    assert.deepEqual(told.at(-1), {
      id: 2,
      kind: "ended",
      user: "alice@localhost",
      afterMs: 1500,
      timeMs: 9,
    });
  });

  it("are kept for whoever listens later, the last fifty of them, until they listen no more", () => {
    for (let i = 0; i < 60; i++) events.login(login);
    const later: number[] = [];
    const end = events.listen(({ id }) => later.push(id));
    assert.deepEqual([later.length, later[0], later.at(-1)], [50, 11, 60]);
    end();
    events.login(login);
    assert.equal(later.length, 50);
  });

  it("take nothing from a page but its own few words", () => {
    assert.deepEqual(readPageReport(JSON.stringify({ ...report, outcome: "allowed", id: 7 })), report);
    const ended = { kind: "ended", user: "bob@localhost", afterMs: 0 } as const;
    assert.deepEqual(readPageReport(JSON.stringify(ended)), ended);
    for (const text of [
      ...["", "null", "[]", "7", "{}"],
      ...[{ kind: "other" }, { user: "<b>@localhost" }, { user: 7 }, { chatMs: "20" }, { chatMs: -1 }]
        .concat([{ ticketMs: 1e9 } as never, { ticketMs: null } as never])
        .map((change) => JSON.stringify({ ...report, ...change })),
    ]) {
      assert.equal(readPageReport(text), undefined, text);
    }
  });
});
