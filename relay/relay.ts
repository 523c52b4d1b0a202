// Configuration -> the relay's parts, put together: from a command to allowed, refused or unavailable.

import { Api } from "./api.ts";
import { askWithRetry } from "./attempts.ts";
import { Breaker } from "./breaker.ts";
import type { RelayConfig } from "./config.ts";
import { endpointOf } from "./connection.ts";
import { Connections } from "./connections.ts";
import type { CredentialSource } from "./credentials/source.ts";
import { createDecide, type Decide } from "./decide.ts";
import { IsUserPolicies } from "./is-user-policies.ts";
import type { Log, NameUser } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { createProbe } from "./probe.ts";
import { RecentLatency } from "./recent-latency.ts";
import { RequestSlots } from "./request-slots.ts";
import { createSign } from "./sign.ts";

export interface RelayParts {
  readonly config: RelayConfig;
  /** PEM text of the authorities to trust in place of Node's own. */
  readonly ca: string | undefined;
  readonly credentials: CredentialSource;
  readonly log: Log;
  readonly nameUser: NameUser;
}

export interface Relay {
  readonly decide: Decide;
  /** What has been counted so far, with this number of members, in Prometheus' text format. */
  readonly metrics: (members: number) => string;
}

/** A measured p99 below this would send every login twice when the API has a slow moment. */
const leastHedgeMs = 50;

export function createRelay({ config, ca, credentials, log, nameUser }: RelayParts): Relay {
  const { url, region, deadlineMs, hedge, isUserPolicy } = config;
  const connections = new Connections(endpointOf(url, ca));
  const api = new Api({
    url,
    connections,
    sign: createSign({ url, region, credentials, now: () => new Date() }),
    renewCredentials: () => credentials.renew(),
    now: () => new Date(),
  });
  const slots = new RequestSlots();
  const metrics = new Metrics();
  const latency = new RecentLatency();
  const now = () => performance.now();
  const policies = new IsUserPolicies(isUserPolicy);
  const breaker = new Breaker({
    probe: createProbe({ api, credentials: () => credentials.current(), policies, metrics, deadlineMs }),
    deadlineMs,
    now,
    random: Math.random,
    log,
  });

  /** Half of the login's time each, unless a second try is to begin sooner. */
  const hedgeAfterMs = () => {
    const half = deadlineMs / 2;
    return hedge && latency.p99Ms !== undefined
      ? Math.min(half, Math.max(leastHedgeMs, latency.p99Ms))
      : half;
  };
  const decide = createDecide({
    ask: async (login, leftMs) => {
      const startedMs = now();
      const verdict = await askWithRetry({
        begin: (isFresh) => {
          metrics.attempted();
          return api.begin(login, isFresh);
        },
        deadlineMs: leftMs,
        hedgeAfterMs: hedgeAfterMs(),
        slots,
        now,
        random: Math.random,
      });
      if (hedge) latency.add(now() - startedMs);
      return verdict;
    },
    slots,
    deadlineMs,
    policies,
    breaker,
    metrics,
    log,
    nameUser,
    now,
  });
  return {
    decide,
    metrics: (members) =>
      metrics.text({
        members,
        connections: connections.count,
        isBreakerOpen: breaker.isOpen,
        queued: slots.waiting,
      }),
  };
}
