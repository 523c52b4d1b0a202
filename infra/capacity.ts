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
  /** With so much concurrency, and as many requests in flight, few are refused while the store is a second slower. */
  readonly slowStoreConcurrency: number;
  /** Over how many seconds the users' pages spread: what the ticket's route hands out. Unknown without the users. */
  readonly spreadSeconds: number | undefined;
}

/**
 * Users do not come back evenly, and those who were refused come back on top of the others. With 1.2, one slow minute of
 * the store left refused users behind for two minutes after the last had come; with 1.5 none (docs/storm.md).
 */
const headroom = 1.5;
/** A login takes no longer while the store is one second slower, in seconds. */
const slowLoginSeconds = 1.2;
/** Lambda takes ten requests a second for each environment, however short they are. */
const requestsPerSecondAndEnvironment = 10;
/** API Gateway's own limits for an account and region, unless they have been raised. */
export const gateway = { requestsPerSecond: 10_000, requestsPerSecondOfNewRegions: 2_500, burst: 5_000 };
/** Lambda's, for an account and region; a new account has less. */
const accountConcurrency = 1_000;

/** The throttle of a deployment that does not say how many users it has. */
export const defaultThrottle = { loginsPerSecond: 1000, loginBurst: 2000 };

/** Returns the limits of a deployment: those of its parameters, or what follows from its users. */
export function capacityOf(parameters: Parameters): Capacity {
  const { expectedUsers, backWithinSeconds, throttle, reservedConcurrency } = parameters;
  const needed =
    expectedUsers === null ? undefined : Math.ceil((expectedUsers * headroom) / backWithinSeconds);
  const loginsPerSecond = throttle.loginsPerSecond ?? needed ?? defaultThrottle.loginsPerSecond;
  // An account's burst cannot be used up by one API alone.
  const loginBurst =
    throttle.loginBurst ?? (needed === undefined ? defaultThrottle.loginBurst : burstOf(loginsPerSecond));
  const concurrency =
    reservedConcurrency.logins ?? Math.max(10, Math.ceil(loginsPerSecond / requestsPerSecondAndEnvironment));
  return {
    loginsPerSecond,
    loginBurst,
    concurrency,
    inFlight: concurrency,
    connectionsPerNode: concurrency,
    slowStoreConcurrency: Math.max(concurrency, Math.ceil(loginsPerSecond * slowLoginSeconds)),
    spreadSeconds:
      expectedUsers === null ? undefined : Math.ceil((expectedUsers * headroom) / loginsPerSecond),
  };
}

function burstOf(loginsPerSecond: number): number {
  return Math.min(gateway.burst, Math.max(100, loginsPerSecond));
}

/** Returns what an operator should know before the deployment, a line each: the limits, and which to raise first. */
export function planOf(parameters: Parameters): string[] {
  const capacity = capacityOf(parameters);
  const { loginsPerSecond, loginBurst, concurrency, inFlight, connectionsPerNode } = capacity;
  const { slowStoreConcurrency, spreadSeconds } = capacity;
  const { expectedUsers, backWithinSeconds, reservedConcurrency, store } = parameters;
  const checks = reservedConcurrency.sessionChecks ?? 10;
  const connections =
    store.kind === "sql"
      ? `${connectionsPerNode + checks} connections to the database, of which ${checks} for session checks: it must ` +
        "take as many beside the site's own, or RDS Proxy must stand before it"
      : store.kind === "custom"
        ? `${connectionsPerNode + checks} functions that ask custom/${store.name}.ts at a time: its service must take as many`
        : `${connectionsPerNode} connections to each node of the cache`;
  const users =
    expectedUsers === null
      ? `expectedUsers is not set: these limits are the defaults, for ${usersOf(capacity, backWithinSeconds)} users who ` +
        `come back within ${backWithinSeconds} s. Set it if you have more.`
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
  const spread =
    spreadSeconds === undefined
      ? []
      : [
          `${spreadSeconds} s: what the ticket's route must hand out as spreadSeconds (docs/tickets.md), so that all ` +
            "do not come at one moment",
        ];
  // No database takes so many connections.
  const forSlowStore =
    store.kind === "sql"
      ? []
      : [
          `So that few are refused while the store is one second slower: ${slowStoreConcurrency} concurrent ` +
            "executions, as many requests in flight, and as many connections to each node.",
        ];
  return [
    users,
    `  ${loginsPerSecond} logins a second, with a burst of ${loginBurst}`,
    `  ${concurrency} functions at a time`,
    `  ${inFlight} requests in flight at most, of the relays of all hosts together (relay: --max-in-flight)`,
    `  ${connections}`,
    ...spread.map((line) => `  ${line}`),
    "Limits of the account that must be raised first, if they are lower:",
    ...toRaise.map((line) => `  ${line}`),
    ...forSlowStore,
  ];
}

/** Returns how many users this throttle lets in within this time. */
function usersOf({ loginsPerSecond }: Capacity, backWithinSeconds: number): number {
  return Math.floor((loginsPerSecond * backWithinSeconds) / headroom);
}
