import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  allowed,
  faults,
  type RefusalReason,
  refusalReasons,
  refused,
  unavailable,
  watchedBy,
} from "../../inspector/verdict.ts";

/** The whole list: a reason that is added to the codes is not here, and so must be unknown. */
const endings: readonly RefusalReason[] = [
  "no-session",
  "not-authenticated",
  "no-user-name",
  "other-user",
  "host-not-allowed",
];

describe("what a verdict says of an open connection", () => {
  it("is live where a login would be allowed, and nowhere else", () => {
    assert.deepEqual(watchedBy(allowed), { outcome: "live" });
    for (const verdict of [
      ...refusalReasons.map((reason) => refused(reason)),
      ...faults.map((fault) => unavailable(fault)),
    ]) {
      assert.notEqual(watchedBy(verdict).outcome, "live");
    }
  });

  it("is ended for the reasons that prove it, and for no other one", () => {
    for (const reason of refusalReasons) {
      const expected = endings.includes(reason)
        ? { outcome: "ended", reason }
        : { outcome: "unknown", code: reason };
      assert.deepEqual(watchedBy(refused(reason)), expected);
    }
    // Of a later release.
    assert.deepEqual(watchedBy(refused("ticket-replayed" as RefusalReason)), {
      outcome: "unknown",
      code: "ticket-replayed",
    });
  });

  it("is unknown for every fault", () => {
    for (const fault of faults) {
      assert.deepEqual(watchedBy(unavailable(fault)), { outcome: "unknown", code: fault });
    }
  });

  it("keeps the detail of what is unknown", () => {
    assert.deepEqual(watchedBy(refused("unreadable-session", "too-costly")), {
      outcome: "unknown",
      code: "unreadable-session",
      detail: "too-costly",
    });
    assert.deepEqual(watchedBy(unavailable("store-unreachable", "ECONNREFUSED")), {
      outcome: "unknown",
      code: "store-unreachable",
      detail: "ECONNREFUSED",
    });
  });
});
