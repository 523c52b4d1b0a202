import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { capacityOf, planOf } from "../../infra/capacity.ts";
import { checkParameters, type Parameters } from "../../infra/parameters.ts";
import { problemsOfAccount } from "../../infra/preflight.ts";
import { full, plain, sql } from "./deployments.ts";

async function checked(changes: object): Promise<Parameters> {
  const parameters = await checkParameters({ ...plain, ...changes });
  return "problems" in parameters ? assert.fail(parameters.problems.join()) : parameters;
}

describe("the capacity of a deployment", () => {
  it("follows from how many users come back, and within which time", async () => {
    // 2.5 million in ten minutes: docs/storm.md has what becomes of them.
    assert.deepEqual(capacityOf(await checked({ expectedUsers: 2_500_000, backWithinSeconds: 600 })), {
      ...{ loginsPerSecond: 6250, loginBurst: 5000 },
      ...{ concurrency: 625, inFlight: 625, connectionsPerNode: 625 },
      ...{ slowStoreConcurrency: 7500, spreadSeconds: 600 },
    });
    const small = capacityOf(await checked({ expectedUsers: 1000 }));
    assert.deepEqual([small.loginsPerSecond, small.loginBurst, small.concurrency], [3, 100, 10]);
  });

  it("is what it was without that number", async () => {
    const { loginsPerSecond, loginBurst, spreadSeconds } = capacityOf(await checked({}));
    assert.deepEqual([loginsPerSecond, loginBurst, spreadSeconds], [1000, 2000, undefined]);
    const plan = planOf(await checked({})).join("\n");
    assert.match(plan, /^expectedUsers is not set: these limits are the defaults, for 400000 users /m);
    assert.doesNotMatch(plan, /spreadSeconds/);
  });

  it("can be overridden, limit by limit", async () => {
    const users = { expectedUsers: 2_500_000 };
    const throttle = { loginsPerSecond: 7000 };
    assert.equal(capacityOf(await checked({ ...users, throttle })).loginsPerSecond, 7000);
    assert.equal(capacityOf(await checked({ ...users, throttle: { loginBurst: 9 } })).loginBurst, 9);
    const reservedConcurrency = { logins: 40 };
    const { concurrency, inFlight, loginsPerSecond } = capacityOf(
      await checked({ ...users, reservedConcurrency }),
    );
    assert.deepEqual([concurrency, inFlight, loginsPerSecond], [40, 40, 6250]);
  });

  it("lets users spread for longer where the throttle is set lower than they need", async () => {
    const throttle = { loginsPerSecond: 2000 };
    assert.equal(capacityOf(await checked({ expectedUsers: 2_500_000, throttle })).spreadSeconds, 1875);
  });

  it("is printed with the limits of the account that must be raised first", async () => {
    const plan = planOf(await checked({ expectedUsers: 2_500_000 })).join("\n");
    assert.match(plan, /^2500000 users who come back within 600 s:$/m);
    assert.match(plan, /6250 logins a second, with a burst of 5000/);
    assert.match(plan, /625 connections to each node/);
    assert.match(plan, /API Gateway, throttle rate: at least 6250 /);
    assert.match(plan, /Lambda, concurrent executions: at least 725\./);
    assert.match(plan, /one second slower: 7500 concurrent executions/);
    assert.match(plan, /^ {2}600 s: what the ticket's route must hand out as spreadSeconds/m);
    assert.doesNotMatch(planOf(await checked({ expectedUsers: 1000 })).join(), /throttle rate/);
    const ofDatabase = planOf(await checked({ ...sql, expectedUsers: 2_500_000 })).join("\n");
    assert.match(
      ofDatabase,
      /635 connections to the database, of which 10 for session checks: .* or RDS Proxy/,
    );
  });
});

describe("the check of the account", () => {
  it("finds ARNs of another one", async () => {
    const parameters = await checkParameters(full);
    if ("problems" in parameters) return assert.fail(parameters.problems.join());
    assert.deepEqual(Object.keys(parameters.arns), ["secrets.kmsKey", "logs.kmsKey"]);
    assert.deepEqual(problemsOfAccount(parameters.arns, "123456789012"), []);
    assert.deepEqual(problemsOfAccount(parameters.arns, "210987654321"), [
      "secrets.kmsKey is of another account than 210987654321, which the credentials are of",
      "logs.kmsKey is of another account than 210987654321, which the credentials are of",
    ]);
  });
});
