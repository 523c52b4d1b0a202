import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Verdict } from "../../protocol/login-answer.ts";
import type { LoginRequest } from "../../protocol/login-request.ts";
import { ApiError } from "../../relay/api.ts";
import { IsUserPolicies } from "../../relay/is-user-policies.ts";
import { Metrics } from "../../relay/metrics.ts";
import { createProbe, type ProbeOptions } from "../../relay/probe.ts";

function open(answer: () => Promise<Verdict>, options: Partial<ProbeOptions> = {}) {
  const begun: { login: LoginRequest; isFresh: boolean; isKept?: boolean }[] = [];
  const state = {
    asked: 0,
    abandoned: 0,
    begun,
    policies: new IsUserPolicies(undefined),
    metrics: new Metrics(),
  };
  const probe = createProbe({
    api: {
      begin: (login, isFresh, isKept) => {
        begun.push({ login, isFresh, ...(isKept !== undefined && { isKept }) });
        return { answer: answer(), abandon: () => void state.abandoned++ };
      },
    },
    credentials: async () => {},
    policies: state.policies,
    metrics: state.metrics,
    deadlineMs: 1_000,
    ...options,
  });
  return Object.assign(state, { probe: () => probe(() => void state.asked++) });
}

const isUser = (server: string) => ({ op: "isuser", user: "inspectord-probe", server });

describe("the relay's own probe", () => {
  it("asks whether a made-up user exists, over a connection of its own, and is counted", async () => {
    const { probe, begun, metrics } = open(async () => ({ allow: false, reason: "host-not-served" }));
    assert.deepEqual(await probe(), { health: "alive", detail: "" });
    assert.deepEqual(begun, [{ login: isUser("inspectord.invalid"), isFresh: true, isKept: false }]);
    const text = metrics.text({ members: 0, connections: 0, isBreakerOpen: false, inFlight: 0, queued: 0 });
    assert.match(text, /^inspectord_relay_probes_total 1$/m);
  });

  it("asks for a host that the function serves where it knows one, and learns its policy", async () => {
    const { probe, begun, policies } = open(async () => ({ allow: true, isUserPolicy: "all" }));
    policies.learn("first.example", "none");
    policies.learn("last.example", "none");
    await probe();
    assert.deepEqual(begun[0]?.login, isUser("last.example"));
    assert.deepEqual([policies.of("first.example"), policies.of("last.example")], ["none", "all"]);
  });

  it("takes every verdict for a sign of life, and tells the others' faults", async () => {
    for (const verdict of [{ allow: true }, { allow: false }] as const) {
      assert.equal((await open(async () => verdict).probe()).health, "alive");
    }
    for (const [fault, health, detail] of [
      [new ApiError("unavailable", "store-timeout"), "alive", "unavailable store-timeout"],
      [new ApiError("api-throttled", "503"), "alive", "api-throttled 503"],
      [new ApiError("api-status", "500"), "dead", "api-status 500"],
      [new ApiError("api-unreachable", "ECONNREFUSED"), "dead", "api-unreachable ECONNREFUSED"],
      [new ApiError("credentials-expired", "x"), "unknown", "credentials-expired x"],
      [new TypeError("a secret"), "unknown", "internal-error TypeError"],
    ] as const) {
      const { probe } = open(() => Promise.reject(fault));
      assert.deepEqual(await probe(), { health, detail });
    }
  });

  it("asks nothing without credentials, and says when it asks", async () => {
    const none = open(async () => ({ allow: true }), {
      credentials: () => Promise.reject(new ApiError("credentials-missing", "")),
    });
    assert.deepEqual(await none.probe(), { health: "unknown", detail: "no credentials" });
    assert.deepEqual([none.asked, none.begun.length], [0, 0]);
    let load = () => {};
    const late = open(async () => ({ allow: true }), {
      credentials: () => new Promise<void>((resolve) => (load = resolve)),
    });
    const probing = late.probe();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([late.asked, late.begun.length], [0, 0]);
    load();
    await probing;
    assert.deepEqual([late.asked, late.begun.length], [1, 1]);
  });

  it("is dead where no answer comes within a login's time, and then abandoned", async () => {
    const silent = open(() => new Promise(() => {}), { deadlineMs: 20 });
    assert.deepEqual(await silent.probe(), { health: "dead", detail: "deadline 20ms" });
    assert.equal(silent.abandoned, 1);
  });
});
