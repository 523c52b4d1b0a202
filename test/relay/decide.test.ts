import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import type { Verdict } from "../../protocol/login-answer.ts";
import { ApiError } from "../../relay/api.ts";
import { DeadlineError } from "../../relay/attempts.ts";
import { parseCommand } from "../../relay/command.ts";
import { createDecide, type DecideOptions, suspiciousMs } from "../../relay/decide.ts";
import { IsUserPolicies } from "../../relay/is-user-policies.ts";
import { createLog } from "../../relay/log.ts";
import { Metrics } from "../../relay/metrics.ts";
import { maxInFlight, RequestSlots } from "../../relay/request-slots.ts";

function open(ask: DecideOptions["ask"]) {
  const lines: string[] = [];
  const clock = { nowMs: 0 };
  const asked: string[] = [];
  const metrics = new Metrics();
  const slots = new RequestSlots();
  const policies = new IsUserPolicies(undefined);
  const breaker = {
    isOpen: false,
    told: [] as string[],
    answered: () => void breaker.told.push("answered"),
    suspect: () => void breaker.told.push("suspected"),
  };
  const decide = createDecide({
    ask: (login, leftMs) => {
      asked.push(JSON.stringify(login));
      return ask(login, leftMs);
    },
    slots,
    deadlineMs: 10_000,
    policies,
    breaker,
    metrics,
    log: createLog({ write: (line) => lines.push(line), format: "json", now: () => new Date(clock.nowMs) }),
    nameUser: () => "a-hash",
    now: () => clock.nowMs,
  });
  return {
    asked,
    clock,
    slots,
    breaker,
    decide: (payload: string, gone = new AbortController().signal) =>
      decide(parseCommand(Buffer.from(payload)), { gone, line: gone }),
    log: () => lines.map((line) => JSON.parse(line)),
    counted: (family = "logins") =>
      metrics
        .text({ members: 0, connections: 0, isBreakerOpen: false, inFlight: 0, queued: 0 })
        .split("\n")
        .filter((line) => line.startsWith(`inspectord_relay_${family}_total`)),
  };
}

const allow = async (): Promise<Verdict> => ({ allow: true });
const refuse = async (): Promise<Verdict> => ({ allow: false, reason: "other-user" });
const fail = async () => {
  throw new ApiError("api-unreachable", "ECONNREFUSED");
};
const password = "thepassword0of0the0tests0";
const login = `auth:theuser:thehost:${password}`;
const other = (at: number) => `auth:a:b:${password}${at}`;

describe("the decision on a command", () => {
  it("is yes for an allowed login alone, which is counted and not logged", async () => {
    const { decide, asked, log, counted } = open(allow);
    assert.equal(await decide(login), "allowed");
    assert.deepEqual(
      asked.map((body) => JSON.parse(body)),
      [{ op: "auth", user: "theuser", server: "thehost", password }],
    );
    assert.deepEqual(log(), []);
    assert.deepEqual(counted(), ['inspectord_relay_logins_total{outcome="allowed",code=""} 1']);
  });

  it("is that of the host's policy where it is asked whether a user exists, which asks nobody", async () => {
    const isUserPolicy = { current: undefined as "all" | "none" | undefined };
    const { decide, asked, log, counted } = open(async () => ({
      allow: false,
      reason: "no-session",
      ...(isUserPolicy.current && { isUserPolicy: isUserPolicy.current }),
    }));
    for (const [policy, decision] of [
      [undefined, "unavailable"],
      ["none", "refused"],
      ["all", "allowed"],
      ["none", "refused"],
      [undefined, "unavailable"],
    ] as const) {
      isUserPolicy.current = policy;
      await decide(login);
      asked.length = 0;
      assert.equal(await decide("isuser:nobody:thehost"), decision);
      assert.equal(await decide("isuser:theuser:another"), "unavailable");
      assert.deepEqual(asked, []);
    }
    assert.deepEqual(counted("isuser"), [
      'inspectord_relay_isuser_total{policy="all"} 1',
      'inspectord_relay_isuser_total{policy="none"} 2',
      'inspectord_relay_isuser_total{policy="unknown"} 7',
    ]);
    assert.deepEqual(counted(), ['inspectord_relay_logins_total{outcome="refused",code="no-session"} 5']);
    const lines = log().filter(({ op }) => op === "isuser");
    assert.deepEqual(
      lines.map(({ level, code, user }) => [level, code, user]),
      new Array(7).fill(["warn", "isuser-unknown", "a-hash"]),
    );
  });

  it("learns no policy where there is no verdict, and forgets none", async () => {
    let ask: DecideOptions["ask"] = async () => ({ allow: true, isUserPolicy: "none" });
    const { decide } = open((...question) => ask(...question));
    await decide(login);
    ask = fail;
    for (let i = 0; i < 10; i++) {
      await decide(login);
      assert.equal(await decide("isuser:theuser:thehost"), "refused");
    }
  });

  it("is no with the function's reason, in a line that names nobody", async () => {
    const { decide, log, counted } = open(refuse);
    assert.equal(await decide(login), "refused");
    assert.deepEqual(log(), [
      {
        time: "1970-01-01T00:00:00.000Z",
        level: "info",
        program: "inspectord-relay",
        code: "other-user",
        outcome: "refused",
        op: "auth",
        user: "a-hash",
        durationMs: 0,
      },
    ]);
    assert.deepEqual(counted(), ['inspectord_relay_logins_total{outcome="refused",code="other-user"} 1']);
    assert.doesNotMatch(JSON.stringify(log()), /theuser|thehost|thepassword/);
  });

  it("is no for a frame that the contract has no room for, and nobody is asked", async () => {
    const { decide, asked, log } = open(allow);
    for (const payload of ["", "auth:alice", "setpass:a:b:c", "nonsense", `auth:${"x".repeat(2000)}:b:c`]) {
      assert.equal(await decide(payload), "refused");
    }
    assert.deepEqual(asked, []);
    assert.equal(log()[1].code, "server-invalid");
  });

  it("is no with a code for every fault", async () => {
    for (const [fault, code, detail] of [
      [new ApiError("api-status", "500"), "api-status", "500"],
      [new ApiError("credentials-missing", "none"), "credentials-missing", "none"],
      [new DeadlineError(10_000), "deadline", "10000ms"],
      [new TypeError("thepassword"), "internal-error", "TypeError"],
    ] as const) {
      const { decide, log } = open(async () => Promise.reject(fault));
      assert.equal(await decide(login), "unavailable");
      const [{ level, outcome, ...line }] = log();
      assert.deepEqual([level, outcome, line.code, line.detail], ["error", "unavailable", code, detail]);
      assert.doesNotMatch(JSON.stringify(line), /thepassword/);
    }
  });

  it("is asked for once while several members ask the same, who all get it, and anew afterwards", async () => {
    for (const verdict of [{ allow: true }, { allow: false, reason: "no-session" }] as const) {
      let answer: (verdict: Verdict) => void = () => {};
      const { decide, asked } = open(() => new Promise((resolve) => (answer = resolve)));
      const same = [decide(login), decide(login), decide(login)];
      assert.equal(asked.length, 1);
      answer(verdict);
      assert.deepEqual(await Promise.all(same), new Array(3).fill(verdict.allow ? "allowed" : "refused"));
      const later = decide(login);
      answer({ allow: false });
      assert.equal(await later, "refused");
      assert.equal(asked.length, 2);
    }
  });

  it("has all of its own time where somebody asked the same before, whose time is over", async () => {
    const lefts: number[] = [];
    let clockOf = { nowMs: 0 };
    const { decide, asked, clock } = open(async (_, leftMs) => {
      lefts.push(leftMs);
      await new Promise((resolve) => setImmediate(resolve));
      if (lefts.length === 2) return { allow: true };
      clockOf.nowMs = 10_000;
      throw new DeadlineError(leftMs);
    });
    clockOf = clock;
    const first = decide(login);
    clock.nowMs += 4_000;
    const [second, third] = [decide(login), decide(login)];
    assert.deepEqual(await Promise.all([first, second, third]), ["unavailable", "allowed", "allowed"]);
    assert.deepEqual(lefts, [10_000, 4_000]);
    assert.equal(asked.length, 2);
  });

  it("is not asked again by those whose time is over as well, or after another fault", async () => {
    const { decide, asked, clock } = open(async (_, leftMs) => {
      await new Promise((resolve) => setImmediate(resolve));
      clock.nowMs += leftMs;
      throw new DeadlineError(leftMs);
    });
    assert.deepEqual(await Promise.all([decide(login), decide(login)]), ["unavailable", "unavailable"]);
    assert.equal(asked.length, 1);
    const failing = open(fail);
    await Promise.all([failing.decide(login), failing.decide(login)]);
    assert.equal(failing.asked.length, 1);
  });

  it("is unavailable at once while the breaker is open, and nobody is asked", async () => {
    const { decide, asked, breaker, log } = open(allow);
    breaker.isOpen = true;
    for (let i = 0; i < 10; i++) assert.equal(await decide(other(i)), "unavailable");
    assert.deepEqual(asked, []);
    assert.equal(log().at(-1).code, "breaker-open");
    breaker.isOpen = false;
    assert.equal(await decide(login), "allowed");
  });

  it("makes the breaker suspect the API for a fault that may be its death, and for no other", async () => {
    for (const [fault, told] of [
      [new ApiError("api-unreachable", ""), "suspected"],
      [new ApiError("api-status", "500"), "suspected"],
      [new DeadlineError(10_000), "suspected"],
      [new ApiError("unavailable", ""), "answered"],
      [new ApiError("api-throttled", ""), "answered"],
      [new ApiError("api-forbidden", ""), "answered"],
      [new ApiError("credentials-missing", ""), ""],
      [new ApiError("credentials-expired", ""), ""],
      [new TypeError("unforeseen"), ""],
    ] as const) {
      const { decide, breaker } = open(() => Promise.reject(fault));
      await decide(login);
      assert.equal(breaker.told.join(), told, fault.message);
    }
    const { decide, breaker } = open(refuse);
    await decide(login);
    assert.deepEqual(breaker.told, ["answered"]);
  });

  it("makes the breaker suspect the API where an answer takes long, once a login", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      let answer: (verdict: Verdict) => void = () => {};
      const { decide, breaker } = open(() => new Promise((resolve) => (answer = resolve)));
      const decision = decide(login);
      mock.timers.tick(suspiciousMs - 1);
      assert.deepEqual(breaker.told, []);
      mock.timers.tick(1);
      mock.timers.tick(5_000);
      assert.deepEqual(breaker.told, ["suspected"]);
      answer({ allow: true });
      assert.equal(await decision, "allowed");
      const quick = decide(other(0));
      answer({ allow: true });
      await quick;
      mock.timers.tick(5_000);
      assert.deepEqual(breaker.told, ["suspected", "answered", "answered"]);
    } finally {
      mock.timers.reset();
    }
  });

  describe("while 256 requests are in flight", () => {
    const full = (ask: DecideOptions["ask"] = allow) => {
      const opened = open(ask);
      for (let taken = 0; taken < maxInFlight; taken++) opened.slots.tryTake();
      return opened;
    };

    it("waits for its turn, and has the time that is left then", async () => {
      let got = 0;
      const { decide, asked, clock, slots } = full(async (_, leftMs) => {
        got = leftMs;
        return { allow: true };
      });
      const decision = decide(login);
      assert.equal(asked.length, 0);
      clock.nowMs += 4_000;
      slots.release();
      assert.equal(await decision, "allowed");
      assert.equal(got, 6_000);
      // Its slot is free again.
      assert.equal(slots.tryTake(), true);
      assert.equal(slots.tryTake(), false);
    });

    it("frees its slot where the API fails", async () => {
      const { decide, slots } = full(fail);
      const decision = decide(login);
      slots.release();
      assert.equal(await decision, "unavailable");
      assert.equal(slots.tryTake(), true);
    });

    it("needs no turn for what is refused here", async () => {
      const { decide } = full();
      assert.equal(await decide("setpass:a:b:c"), "refused");
    });

    it("is unavailable where its time is over first, and nobody is asked", async () => {
      mock.timers.enable({ apis: ["setTimeout"] });
      try {
        const { decide, asked, log, counted } = full();
        const decision = decide(login);
        mock.timers.tick(9_949);
        await Promise.resolve();
        assert.deepEqual(counted(), []);
        mock.timers.tick(1);
        assert.equal(await decision, "unavailable");
        assert.equal(asked.length, 0);
        assert.deepEqual([log()[0].code, log()[0].detail], ["queue-deadline", "10000ms"]);
      } finally {
        mock.timers.reset();
      }
    });

    it("is unavailable, and nobody is asked, where the breaker has opened meanwhile", async () => {
      const { decide, asked, slots, breaker, log } = full();
      const decisions = Array.from({ length: 3 }, (_, i) => decide(other(i)));
      breaker.isOpen = true;
      for (const _ of decisions) slots.release();
      assert.deepEqual(await Promise.all(decisions), ["unavailable", "unavailable", "unavailable"]);
      assert.equal(asked.length, 0);
      assert.equal(log().filter(({ code }) => code === "breaker-open").length, 3);
      assert.equal(slots.tryTake(), true);
    });

    it("is asked for those who stay where the one who asked first has gone", async () => {
      const { decide, asked, slots, counted, log } = full();
      const leaving = new AbortController();
      const first = decide(login, leaving.signal);
      const others = [decide(login), decide(login)];
      leaving.abort();
      await first;
      assert.deepEqual([log(), counted()], [[], []]);
      slots.release();
      assert.deepEqual(await Promise.all(others), ["allowed", "allowed"]);
      assert.equal(asked.length, 1);
    });
  });
});
