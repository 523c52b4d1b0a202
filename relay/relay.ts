// Configuration -> the relay's parts, put together: from a command to allowed, refused or unavailable.

import { Api, loginContract } from "./api.ts";
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
import { RequestSlots } from "./request-slots.ts";
import { createSign } from "./sign.ts";
import { createStill, loginsContract, maxWatchRequests, type Still, watchUrlOf } from "./watch.ts";

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
  readonly still: Still;
  /** What has been counted so far, with this number of members, in Prometheus' text format. */
  readonly metrics: (members: number) => string;
}

export function createRelay({ config, ca, credentials, log, nameUser }: RelayParts): Relay {
  const { url, region, deadlineMs, isUserPolicy } = config;
  const routeAt = (route: URL) => ({
    url: route,
    connections: new Connections(endpointOf(route, ca)),
    sign: createSign({ url: route, region, credentials, now: () => new Date() }),
    now: () => new Date(),
  });
  const logins = routeAt(url);
  const api = new Api({ ...logins, contract: loginContract, renewCredentials: () => credentials.renew() });
  const slots = new RequestSlots(config.maxInFlight);
  const metrics = new Metrics();
  const now = () => performance.now();
  const policies = new IsUserPolicies(isUserPolicy);
  const breaker = new Breaker({
    probe: createProbe({ api, credentials: () => credentials.current(), policies, metrics, deadlineMs }),
    deadlineMs,
    now,
    random: Math.random,
    log,
  });

  const decide = createDecide({
    ask: (login, leftMs) =>
      askWithRetry({
        begin: (isFresh) => {
          metrics.attempted();
          return api.begin(login, isFresh);
        },
        deadlineMs: leftMs,
        slots,
        now,
        random: Math.random,
      }),
    slots,
    deadlineMs,
    policies,
    breaker,
    metrics,
    log,
    nameUser,
    now,
  });
  const watch = routeAt(watchUrlOf(url));
  const watchApi = new Api({
    ...watch,
    contract: loginsContract,
    // Logins do that. A policy from before this route answers 403 without end, and a reload too soon would delay theirs.
    renewCredentials: async () => false,
  });
  const watchSlots = new RequestSlots(maxWatchRequests);
  const still = createStill({
    ask: (question, leftMs) =>
      askWithRetry({
        begin: (isFresh) => watchApi.begin(question, isFresh),
        deadlineMs: leftMs,
        slots: watchSlots,
        now,
        random: Math.random,
      }),
    slots: watchSlots,
    breaker,
    metrics,
    log,
    now,
  });
  return {
    decide,
    still,
    metrics: (members) =>
      metrics.text({
        members,
        connections: logins.connections.count + watch.connections.count,
        isBreakerOpen: breaker.isOpen,
        inFlight: slots.inFlight,
        queued: slots.waiting,
      }),
  };
}
