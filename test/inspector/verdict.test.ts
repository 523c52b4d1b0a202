import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  allowed,
  type Fault,
  type RefusalReason,
  refused,
  unavailable,
  watchedBy,
} from "../../inspector/verdict.ts";

/** Every reason: whoever adds one decides here whether it proves that a connection's session has ended. */
const reasons: Readonly<Record<RefusalReason, "ended" | "unknown">> = {
  "no-session": "ended",
  "not-authenticated": "ended",
  "no-user-name": "ended",
  "other-user": "ended",
  "host-not-allowed": "ended",
  "host-not-served": "unknown",
  "malformed-session-id": "unknown",
  "ticket-required": "unknown",
  "ticket-malformed": "unknown",
  "ticket-forged": "unknown",
  "ticket-key-unknown": "unknown",
  "ticket-expired": "unknown",
  "ticket-too-long": "unknown",
  "ticket-other-host": "unknown",
  "unreadable-session": "unknown",
  "expression-failed": "unknown",
  "doubtful-user-name": "unknown",
  "isuser-policy": "unknown",
};

/** Every fault. None proves anything. */
const faults: Readonly<Record<Fault, "unknown">> = {
  "store-unreachable": "unknown",
  "store-timeout": "unknown",
  "store-untrusted": "unknown",
  "store-refused": "unknown",
  "store-failed": "unknown",
  "discovery-failed": "unknown",
  "bad-configuration": "unknown",
  "internal-error": "unknown",
};

describe("what a verdict says of an open connection", () => {
  it("is live where a login would be allowed", () => {
    assert.deepEqual(watchedBy(allowed), { outcome: "live" });
  });

  it("is ended for the reasons that prove it, and unknown for every other one", () => {
    for (const [reason, outcome] of Object.entries(reasons) as [RefusalReason, string][]) {
      const code = outcome === "ended" ? { reason } : { code: reason };
      assert.deepEqual(watchedBy(refused(reason)), { outcome, ...code });
    }
  });

  it("is unknown for a reason of a later release", () => {
    const later = "ticket-replayed";
    assert.deepEqual(watchedBy(refused(later as RefusalReason)), { outcome: "unknown", code: later });
  });

  it("is unknown for every fault", () => {
    for (const fault of Object.keys(faults) as Fault[]) {
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
