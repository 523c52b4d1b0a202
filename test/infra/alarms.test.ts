// That the alarms go off: each is evaluated as CloudWatch does, on data that arrive late.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { alarms } from "../../infra/alarms.ts";
import type { Resource } from "../../infra/cloudformation.ts";
import { checkParameters } from "../../infra/parameters.ts";
import type { RefusalReason } from "../../inspector/verdict.ts";
import { alarmedMinutes, type Datum, evaluate, keysOf, propertiesOf } from "./alarm-clock.ts";
import { plain } from "./deployments.ts";

const withTickets = {
  ...plain.function,
  ...{ TICKETS: "accepted", TICKET_KEYS_PARAMETER: "/inspectord/ticket-keys-1" },
};
const withEndpoint = { ...plain.vpc, makeEndpoints: true };
const parameters = await checkParameters({
  ...plain,
  ...{ function: withTickets, vpc: withEndpoint, canary: true },
});
if ("problems" in parameters) assert.fail(parameters.problems.join());
const all = alarms("test", parameters, "the-topic");

function alarm(id: string): Resource {
  return all[id] ?? assert.fail(`no ${id}`);
}

/** How late CloudWatch has what a function or API Gateway writes; minutes, at the worst. */
const latenesses = [0, 30, 70, 130, 190];

/** An event in the 31st minute. */
function once(value: number, lateSeconds: number): Datum[] {
  const atSeconds = 30 * 60 + 20;
  return [{ atSeconds, value, arrivesAtSeconds: atSeconds + lateSeconds }];
}

/** So many of something each minute from one minute to another. */
function eachMinute(value: number, [from, to]: readonly [number, number], lateSeconds: number): Datum[] {
  return Array.from({ length: to - from }, (_, i) => {
    const atSeconds = (from + i) * 60 + 20;
    return { atSeconds, value, arrivesAtSeconds: atSeconds + lateSeconds };
  });
}

/** The data of an alarm: these for one of its metrics, none for the others. */
function dataOf(id: string, key: string, data: readonly Datum[]) {
  return { ...Object.fromEntries(keysOf(alarm(id)).map((name) => [name, []])), [key]: data };
}

const counts: Readonly<Record<string, number>> = {
  FunctionErrorsAlarm: 1,
  UnavailableAlarm: 5,
  FunctionThrottlesAlarm: 1,
  RequestThrottlesAlarm: 1,
  RejectedRequestsAlarm: 5,
  GatewayErrorsAlarm: 1,
  TicketsAlarm: 5,
};
const others = ["LatencyAlarm", "RefusalsAlarm", "SilenceAlarm"];

describe("the alarms", () => {
  it("are all looked at here", () => {
    assert.deepEqual(Object.keys(all).toSorted(), [...Object.keys(counts), ...others].toSorted());
  });

  it("tell the topic when they begin and when they end", () => {
    for (const { Properties } of Object.values(all)) {
      assert.deepEqual([Properties["AlarmActions"], Properties["OKActions"]], [["the-topic"], ["the-topic"]]);
    }
  });

  it("look back wherever FILL() makes a zero of what has not arrived", () => {
    for (const [id, { Properties }] of Object.entries(all)) {
      const { EvaluationPeriods, DatapointsToAlarm } = propertiesOf({ Type: "", Properties });
      if (!JSON.stringify(Properties).includes("FILL(") || id === "SilenceAlarm") continue;
      assert.ok(DatapointsToAlarm < EvaluationPeriods, id);
    }
  });

  for (const [id, threshold] of Object.entries(counts)) {
    it(`begin with one minute of it, however late it arrives, and end: ${id}`, () => {
      for (const key of keysOf(alarm(id))) {
        for (const lateSeconds of latenesses) {
          const on = alarmedMinutes(alarm(id), dataOf(id, key, once(threshold, lateSeconds)), 60);
          assert.ok(on.length > 0, `${key}, ${lateSeconds} s late`);
          assert.ok((on[0] ?? 0) <= 32 + Math.ceil(lateSeconds / 60), `first in minute ${on[0]}`);
          assert.ok((on.at(-1) ?? 0) < 40);
        }
        assert.deepEqual(alarmedMinutes(alarm(id), dataOf(id, key, once(threshold - 1, 0)), 60), []);
      }
    });
  }

  it("would miss a late datum if they looked at the newest minute alone", () => {
    const id = "FunctionErrorsAlarm";
    const { Properties, Type } = alarm(id);
    const hasty = { Type, Properties: { ...Properties, EvaluationPeriods: 1, DatapointsToAlarm: 1 } };
    assert.notDeepEqual(alarmedMinutes(hasty, dataOf(id, "auth", once(1, 0)), 60), []);
    assert.deepEqual(alarmedMinutes(hasty, dataOf(id, "auth", once(1, 70)), 60), []);
  });

  it("tell of refusals that go on for ten minutes, of enough logins", () => {
    const withShare = (refused: number, allowed: number, minutes: readonly [number, number], late: number) =>
      alarmedMinutes(
        alarm("RefusalsAlarm"),
        { refused: eachMinute(refused, minutes, late), allowed: eachMinute(allowed, minutes, late) },
        90,
      );
    for (const lateSeconds of latenesses) {
      const on = withShare(6, 4, [30, 40], lateSeconds);
      assert.ok(on.length > 0 && (on[0] ?? 0) <= 45, `${on[0]}, ${lateSeconds} s late`);
      assert.deepEqual(withShare(5, 5, [30, 60], lateSeconds), [], "half of them");
      assert.deepEqual(withShare(6, 4, [30, 35], lateSeconds), [], "five minutes");
      assert.deepEqual(withShare(3, 0, [30, 60], lateSeconds), [], "fifteen logins in five minutes");
    }
    // All of them refused: of the allowed there is no datum.
    const none = { refused: eachMinute(10, [30, 40], 70), allowed: [] };
    assert.notDeepEqual(alarmedMinutes(alarm("RefusalsAlarm"), none, 60), []);
  });

  it("tell of latency in two of three periods", () => {
    const at = (seconds: number, value: number) => ({
      atSeconds: seconds,
      value,
      arrivesAtSeconds: seconds + 90,
    });
    const slow = [at(1800, 1001), at(2100, 1001)];
    assert.notDeepEqual(alarmedMinutes(alarm("LatencyAlarm"), { metric: slow }, 60), []);
    assert.deepEqual(alarmedMinutes(alarm("LatencyAlarm"), { metric: slow.slice(1) }, 60), []);
    assert.deepEqual(
      alarmedMinutes(alarm("LatencyAlarm"), { metric: [at(1800, 1000), at(2100, 1000)] }, 60),
      [],
    );
  });

  it("tell of silence, and not while the canary is only late", () => {
    for (const lateSeconds of latenesses) {
      const lively = { allowed: [], refused: eachMinute(1, [0, 120], lateSeconds) };
      const after = (minutes: readonly number[]) => minutes.filter((minute) => minute > 20);
      assert.deepEqual(
        after(alarmedMinutes(alarm("SilenceAlarm"), lively, 120)),
        [],
        `${lateSeconds} s late`,
      );
      const silent = { allowed: [], refused: eachMinute(1, [0, 60], lateSeconds) };
      const on = after(alarmedMinutes(alarm("SilenceAlarm"), silent, 120));
      assert.ok(on.length > 0 && (on[0] ?? 0) <= 71 && on.at(-1) === 119, `${on[0]}`);
    }
  });

  it("tell of tickets by the codes of their refusals, and only where there are tickets", async () => {
    const codes = JSON.stringify(alarm("TicketsAlarm")).match(/ticket-[a-z-]+/g);
    const reasons: RefusalReason[] = ["ticket-forged", "ticket-key-unknown"];
    assert.deepEqual(codes, reasons);
    const without = await checkParameters(plain);
    if ("problems" in without) assert.fail(without.problems.join());
    assert.ok(!("TicketsAlarm" in alarms("test", without, "the-topic")));
  });

  it("have no silence without a canary: at night nobody may log in", async () => {
    const quiet = await checkParameters(plain);
    if ("problems" in quiet) assert.fail(quiet.problems.join());
    assert.ok(!("SilenceAlarm" in alarms("test", quiet, "the-topic")));
  });
});

describe("the evaluation of metric math", () => {
  const values: Readonly<Record<string, number>> = { a: 6, b: 3 };
  const evaluated = (expression: string) => evaluate(expression, (name) => values[name]);

  it("knows what the alarms are written in", () => {
    for (const [expression, value] of [
      ["a + b * 2", 12],
      ["(a + b) * 2 - 1", 17],
      ["100 * a / (a + b)", 600 / 9],
      ["FILL(c, 0) + a", 6],
      ["c + a", undefined],
      ["IF(a >= 6, b, 0)", 3],
      ["IF(a + b >= 20, b, 1)", 1],
    ] as const) {
      assert.equal(evaluated(expression), value, expression);
    }
  });

  it("refuses what it does not know", () => {
    assert.throws(() => evaluated("a ^ b"));
    assert.throws(() => evaluated("a b"));
  });
});
