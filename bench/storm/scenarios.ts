// The storms of docs/storm.md, as data: 2.5 million users of ten chat hosts.

import { storeTimeoutMs } from "../../handlers/compose.ts";
import { type Capacity, defaultThrottle, gateway as gatewayOfAccount } from "../../infra/capacity.ts";
import { maxInFlight } from "../../relay/request-slots.ts";
import type { Calibration } from "./calibration.ts";
import type { Rate, Scenario } from "./scenario.ts";

/** How far a region's network is, and a cache within it: assumed, as nothing here was run on AWS. */
const assumed = {
  /** From a chat host to API Gateway and the function, and back. */
  roundTripMs: 8,
  lookUpMs: 1,
  /** Of a function in a VPC: its start, its code, a connection to the cache. */
  coldMs: 250,
  /** Lambda's processors are slower than this machine's. */
  timesSlower: 2,
  hostCores: 4,
  concurrency: 1000,
  addedPer10s: 1000,
};

const users = 2_500_000;
const hosts = 10;
const tenMinutesMs = 600_000;
const even = { kind: "even", withinMs: tenMinutesMs } as const;
const page = { kind: "page", spreadSeconds: 600 } as const;
const half83 = { kind: "decaying", halfMs: 83_000 } as const;
/** One second slower for a minute, in the middle of the storm. */
const slow = { fromMs: 300_000, toMs: 360_000, byMs: 1000 };

/** Returns a storm with today's defaults, the limits that follow from the number of users, and all that was measured. */
export function baseScenario(calibration: Calibration, capacity: Capacity): Scenario {
  return {
    name: "",
    title: "",
    seed: 20_261,
    users,
    horizonMs: 3_600_000,
    arrivals: page,
    client: "page",
    hosts,
    ejabberd: { cores: assumed.hostCores, loginCpuMs: calibration.ejabberdCpuMs, asks: "module" },
    relay: {
      requestCpuMs: calibration.relayCpuMs,
      maxInFlight: Math.ceil(capacity.inFlight / hosts),
      deadlineMs: 10_000,
    },
    gateway: { route: rateOf(capacity), account: accountOf(gatewayOfAccount) },
    lambda: {
      concurrency: assumed.concurrency,
      addedPer10s: assumed.addedPer10s,
      warm: 20,
      coldMs: assumed.coldMs,
      handlerMs: assumed.timesSlower * calibration.handlerMs,
    },
    store: {
      medianMs: assumed.lookUpMs + calibration.lookUpMs,
      sigma: calibration.lookUpSigma,
      timeoutMs: storeTimeoutMs,
    },
    wayMs: (assumed.roundTripMs + calibration.roundTripMs) / 2,
  };
}

function rateOf({ loginsPerSecond, loginBurst }: typeof defaultThrottle): Rate {
  return { perSecond: loginsPerSecond, burst: loginBurst };
}

function accountOf({ requestsPerSecond, burst }: typeof gatewayOfAccount): Rate {
  return { perSecond: requestsPerSecond, burst };
}

/** Returns all storms. `derived`: the limits that follow from the users. */
export function scenariosOf(calibration: Calibration, derived: Capacity): readonly Scenario[] {
  const base = baseScenario(calibration, derived);
  const { gateway, lambda, store, relay, ejabberd } = base;
  const undersized = {
    ...base,
    gateway: { ...gateway, route: rateOf(defaultThrottle) },
    relay: { ...relay, maxInFlight },
  };
  const slowStore = { ...store, slow };
  const concurrency = derived.slowStoreConcurrency;
  const inFlight = { ...relay, maxInFlight: Math.ceil(concurrency / hosts) };
  const raised = { ...base, lambda: { ...lambda, concurrency }, relay: inFlight };
  return [
    {
      ...base,
      name: "recipe",
      title: "**the recipe**: limits of `expectedUsers`, the page's module, `spreadSeconds` 600",
    },
    {
      ...base,
      name: "half-in-83-s",
      title: "half of them within 83 s, then the page's module",
      arrivals: half83,
    },
    {
      ...base,
      name: "slow-store",
      title: "the recipe, and a store that is one second slower for a minute",
      store: slowStore,
    },
    {
      ...raised,
      name: "slow-store-raised",
      title: `the same with ${concurrency} concurrent executions and as many requests in flight`,
      store: slowStore,
    },
    {
      ...base,
      name: "at-once",
      title: "all within 3 s, then the page's module",
      arrivals: { kind: "even", withinMs: 3000 },
    },
    {
      ...base,
      name: "pool",
      title: "the recipe by extauth: ten pools of 64",
      ejabberd: { ...ejabberd, asks: { pool: 64 } },
    },
    {
      ...base,
      name: "pool-slow-store",
      title: "the same, and a store that is one second slower for a minute",
      ejabberd: { ...ejabberd, asks: { pool: 64 } },
      store: slowStore,
    },
    {
      ...undersized,
      name: "no-limits",
      title: "`expectedUsers` not set (1000 a second), the page's module",
    },
    {
      ...undersized,
      name: "no-limits-once",
      title: "the same, clients that try once, evenly within ten minutes",
      arrivals: even,
      client: "once",
    },
    {
      ...base,
      name: "half-in-83-s-once",
      title: "half of them within 83 s, clients that try once",
      arrivals: half83,
      client: "once",
    },
    {
      ...base,
      name: "slow-store-once",
      title: "a slow store for a minute, clients that try once",
      arrivals: even,
      client: "once",
      store: slowStore,
    },
    {
      ...raised,
      name: "slow-once-provisioned",
      title: `the same with ${concurrency} environments at once (provisioned) and as many requests in flight`,
      arrivals: even,
      client: "once",
      store: slowStore,
      lambda: { ...lambda, concurrency, addedPer10s: concurrency },
    },
    {
      ...base,
      name: "at-once-every-3-s",
      title: "all within 3 s, clients that come again every 3 s without jitter",
      arrivals: { kind: "even", withinMs: 3000 },
      client: "every-3-s",
    },
  ];
}
