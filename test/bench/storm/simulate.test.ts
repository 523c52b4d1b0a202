// The storm's model at a part of its size: what must hold of every storm, and the aims.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Calibration } from "../../../bench/storm/calibration.ts";
import { plotOf } from "../../../bench/storm/plot.ts";
import { type Scenario, scaled } from "../../../bench/storm/scenario.ts";
import { baseScenario, scenariosOf } from "../../../bench/storm/scenarios.ts";
import { simulate } from "../../../bench/storm/simulate.ts";
import { capacityOf } from "../../../infra/capacity.ts";
import { checkParameters } from "../../../infra/parameters.ts";
import { plain } from "../../infra/deployments.ts";

/** Some figures of one machine: what a test says does not change with those that are measured. */
const calibration: Calibration = {
  ejabberdCpuMs: 1,
  relayCpuMs: 0.2,
  handlerMs: 0.5,
  lookUpMs: 0.5,
  lookUpSigma: 0.5,
  roundTripMs: 1,
};

async function capacityFor(changes: object) {
  const parameters = await checkParameters({ ...plain, ...changes });
  return "problems" in parameters ? assert.fail(parameters.problems.join()) : capacityOf(parameters);
}

const all = scenariosOf(calibration, await capacityFor({ expectedUsers: 2_500_000, backWithinSeconds: 600 }));
const storm = (name: string): Scenario => all.find((one) => one.name === name) ?? assert.fail(name);

describe("a simulated storm", () => {
  it("has one result for one seed, and another for another", () => {
    const small = scaled(storm("slow-store"), 100);
    assert.deepEqual(simulate(small), simulate(small));
    assert.notEqual(simulate({ ...small, seed: small.seed + 1 }).requests, simulate(small).requests);
  });

  it("leaves every user in one state, and counts each once", () => {
    for (const scenario of all) {
      const result = simulate(scaled({ ...scenario, horizonMs: 900_000 }, 500));
      const { users, gaveUp, out, refusedOnce, series } = result;
      const sum = (values: Float64Array) => values.reduce((total, each) => total + each, 0);
      assert.equal(users, 5_000);
      assert.equal(result.in + gaveUp + out, users, scenario.name);
      assert.equal(sum(series.arrivals), users, scenario.name);
      assert.equal(sum(series.in), result.in, scenario.name);
      assert.equal(sum(series.requests), result.requests, scenario.name);
      assert.ok(refusedOnce >= gaveUp && refusedOnce <= sum(series.refused), scenario.name);
      assert.ok(result.attempts >= users, scenario.name);
    }
  });

  it("lets in no more than the throttle's burst and its rate times the time", () => {
    const small = scaled(storm("no-limits-once"), 100);
    const result = simulate(small);
    const { perSecond, burst } = small.gateway.route;
    // The relay waits ten seconds for its second attempt at most.
    const most = burst + perSecond * 610;
    // Its probes, two a second at most, take their part of these few.
    assert.ok(result.in <= most && result.in > 0.9 * (burst + perSecond * 600), `${result.in}`);
    assert.equal(result.gaveUp, result.users - result.in);
  });

  it("ends at its horizon with those who are not in", () => {
    const result = simulate(scaled({ ...storm("recipe"), horizonMs: 300_000 }, 100));
    assert.ok(result.out > 0 && Math.abs(result.out - 12_500) < 500, `${result.out}`);
    assert.ok(result.lastInMs <= 300_000);
  });

  it("is limited by ejabberd's processor where that is the bottleneck", () => {
    const small = scaled(storm("recipe"), 100);
    const { cores } = small.ejabberd;
    // Of 25,000 logins in 600 s, a host with this much work can do half.
    const loginCpuMs = (2 * cores * 600_000) / small.users;
    const result = simulate({ ...small, client: "once", ejabberd: { ...small.ejabberd, loginCpuMs } });
    // Clients wait for a minute.
    const most = ((660_000 * cores) / loginCpuMs) * small.hosts;
    assert.ok(result.in <= most + 1 && result.in > 0.95 * (most / 1.1), `${result.in} of ${most}`);
  });

  it("is plotted with its six lines", () => {
    const { series } = simulate(scaled(storm("recipe"), 500));
    const svg = plotOf("recipe", series, 600);
    assert.match(svg, /^<svg /);
    for (const line of ["arrivals", "in", "refused", "requests", "queue", "environments"]) {
      assert.ok(svg.includes(`>${line}</text>`), line);
    }
  });
});

describe("the aims, at a hundredth of the size", () => {
  it("2.5 million within ten minutes, with the recipe: none is lost, and none refused", () => {
    for (const name of ["recipe", "pool"]) {
      const result = simulate(scaled(storm(name), 100));
      assert.deepEqual([result.in, result.refusedOnce], [25_000, 0], name);
    }
  });

  it("half of them in 83 s: none is lost", () => {
    assert.equal(simulate(scaled(storm("half-in-83-s"), 100)).in, 25_000);
  });

  it("all of them in three seconds: none is lost", () => {
    assert.equal(simulate(scaled(storm("at-once"), 100)).in, 25_000);
  });

  it("a store that is one second slower for a minute: none is lost, by the module and by a pool", () => {
    for (const name of ["slow-store", "slow-store-raised", "pool-slow-store"]) {
      assert.equal(simulate(scaled(storm(name), 100)).in, 25_000, name);
    }
  });

  it("the same store with the concurrency that the deployment names refuses few", () => {
    const refused = (name: string) => simulate(scaled(storm(name), 100)).refusedOnce;
    assert.ok(2 * refused("slow-store-raised") < refused("slow-store"));
  });

  it("clients that come once are lost where the throttle does not follow from the users", () => {
    assert.ok(simulate(scaled(storm("no-limits-once"), 100)).gaveUp > 15_000);
  });
});

describe("the limits that follow from expectedUsers", () => {
  for (const [expectedUsers, backWithinSeconds] of [
    [1_000, 600],
    [30_000, 60],
    [50_000, 600],
  ] as const) {
    it(`let in ${expectedUsers} users within ${backWithinSeconds} s, and refuse none who spreads`, async () => {
      const capacity = await capacityFor({ expectedUsers, backWithinSeconds });
      const spreadSeconds = capacity.spreadSeconds ?? assert.fail();
      // A rate is a whole number: a small site's is higher than it needs.
      assert.ok(spreadSeconds <= backWithinSeconds && spreadSeconds > 0.8 * backWithinSeconds);
      const base = baseScenario(calibration, capacity);
      const result = simulate({
        ...base,
        users: expectedUsers,
        hosts: 1,
        relay: { ...base.relay, maxInFlight: capacity.inFlight },
        arrivals: { kind: "page", spreadSeconds },
      });
      assert.deepEqual([result.in, result.refusedOnce], [expectedUsers, 0]);
      assert.ok(result.lastInMs < backWithinSeconds * 1000 + 5_000);
    });
  }
});
