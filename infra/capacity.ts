// How much a deployment must take: from how many users may come back, and within which time, to the limits that follow.

import type { Parameters } from "./parameters.ts";

export interface Capacity {
  readonly loginsPerSecond: number;
  readonly loginBurst: number;
  /** How many of the login function run at a time, at most. */
  readonly concurrency: number;
  /** How many requests the relays of all hosts together may have in flight. */
  readonly inFlight: number;
  /** How many connections each node of the cache, or the database, must take: one a function that runs. */
  readonly connectionsPerNode: number;
}

/** Users do not come back evenly, and some ask twice. */
const headroom = 1.2;
/** Lambda takes ten requests a second for each environment, however short they are. */
const requestsPerSecondAndEnvironment = 10;
/** API Gateway's own limits for an account and region, unless they have been raised. */
const gateway = { requestsPerSecond: 10_000, requestsPerSecondOfNewRegions: 2_500, burst: 5_000 };
/** Lambda's, for an account and region; a new account has less. */
const accountConcurrency = 1_000;

/** Returns the limits of a deployment: those of its parameters, or what follows from its users. */
export function capacityOf(parameters: Parameters): Capacity {
  const { expectedUsers, backWithinSeconds, throttle, reservedConcurrency } = parameters;
  const needed =
    expectedUsers === null ? undefined : Math.ceil((expectedUsers * headroom) / backWithinSeconds);
  const loginsPerSecond = throttle.loginsPerSecond ?? needed ?? 1000;
  // An account's burst cannot be used up by one API alone.
  const loginBurst = throttle.loginBurst ?? (needed === undefined ? 2000 : burstOf(loginsPerSecond));
  const concurrency =
    reservedConcurrency.logins ?? Math.max(10, Math.ceil(loginsPerSecond / requestsPerSecondAndEnvironment));
  return { loginsPerSecond, loginBurst, concurrency, inFlight: concurrency, connectionsPerNode: concurrency };
}

function burstOf(loginsPerSecond: number): number {
  return Math.min(gateway.burst, Math.max(100, loginsPerSecond));
}

/** Returns what an operator should know before the deployment, a line each: the limits, and which to raise first. */
export function planOf(parameters: Parameters): string[] {
  const { loginsPerSecond, loginBurst, concurrency, inFlight, connectionsPerNode } = capacityOf(parameters);
  const { expectedUsers, backWithinSeconds, reservedConcurrency, store } = parameters;
  const checks = reservedConcurrency.sessionChecks ?? 10;
  const connections =
    store.kind === "sql"
      ? `${connectionsPerNode + checks} connections to the database, of which ${checks} for session checks: it must ` +
        "take as many beside the site's own, or RDS Proxy must stand before it"
      : `${connectionsPerNode} connections to each node of the cache`;
  const users =
    expectedUsers === null
      ? "expectedUsers is not set: these limits are the defaults."
      : `${expectedUsers} users who come back within ${backWithinSeconds} s:`;
  const toRaise: string[] = [];
  if (loginsPerSecond > gateway.requestsPerSecondOfNewRegions) {
    toRaise.push(
      `API Gateway, throttle rate: at least ${loginsPerSecond} requests a second. An account has ` +
        `${gateway.requestsPerSecond}, and ${gateway.requestsPerSecondOfNewRegions} in newer regions.`,
    );
  }
  if (loginBurst > gateway.burst) {
    toRaise.push(`API Gateway, throttle burst: at least ${loginBurst}. An account has ${gateway.burst}.`);
  }
  toRaise.push(
    `Lambda, concurrent executions: at least ${concurrency + 100}. An account has ${accountConcurrency}, ` +
      "a new one often less.",
  );
  return [
    users,
    `  ${loginsPerSecond} logins a second, with a burst of ${loginBurst}`,
    `  ${concurrency} functions at a time`,
    `  ${inFlight} requests in flight at most, of the relays of all hosts together (relay: --max-in-flight)`,
    `  ${connections}`,
    "Limits of the account that must be raised first, if they are lower:",
    ...toRaise.map((line) => `  ${line}`),
  ];
}
