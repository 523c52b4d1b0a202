// A storm of reconnects as data: who comes back, when, by which client, and what stands in the way. All times are in
// milliseconds unless a name says otherwise.

/** When users make their first attempt. */
export type Arrivals =
  /** By the page's module: each waits a random part of the span that the site hands out. */
  | { readonly kind: "page"; readonly spreadSeconds: number }
  /** All within these milliseconds, evenly. */
  | { readonly kind: "even"; readonly withinMs: number }
  /** Most at the beginning: half of them within this time, half of the rest within the same time again. */
  | { readonly kind: "decaying"; readonly halfMs: number };

/**
 * What a client does after a refusal: nothing ("once"), the same again every three seconds, as Converse.js does
 * ("every-3-s"), or what infra/page/inspectord.js does ("page").
 */
export type ClientKind = "once" | "every-3-s" | "page";

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export interface Scenario {
  /** Of the plot's file. */
  readonly name: string;
  /** What the table says of it. */
  readonly title: string;
  readonly seed: number;
  readonly users: number;
  /** The end of the model. Who is not in by then counts as lost. */
  readonly horizonMs: number;
  readonly arrivals: Arrivals;
  readonly client: ClientKind;
  /** How many chat hosts, each with an ejabberd and a relay. */
  readonly hosts: number;
  readonly ejabberd: {
    readonly cores: number;
    /** The processor's time of one login, from the connection to its end. */
    readonly loginCpuMs: number;
    /** Logins go by the module, or by a pool with this number of programs. */
    readonly asks: "module" | { readonly pool: number };
  };
  readonly relay: {
    /** The processor's time of one request. A relay has one core. */
    readonly requestCpuMs: number;
    /** Requests in flight, for each relay. */
    readonly maxInFlight: number;
    readonly deadlineMs: number;
  };
  readonly gateway: {
    /** The limits of our API. */
    readonly route: Rate;
    /** Those of the account, for all of its APIs in the region. */
    readonly account: Rate;
  };
  readonly lambda: {
    readonly concurrency: number;
    /** How many environments can be added within ten seconds. */
    readonly addedPer10s: number;
    /** Environments that are warm at the beginning. */
    readonly warm: number;
    /** What the first request of an environment takes longer. */
    readonly coldMs: number;
    /** The time of a login but for the store's. */
    readonly handlerMs: number;
  };
  readonly store: {
    readonly medianMs: number;
    /** Of the logarithm of its time. */
    readonly sigma: number;
    /** For one look-up with both attempts: the function's own limit. */
    readonly timeoutMs: number;
    readonly slow?: { readonly fromMs: number; readonly toMs: number; readonly byMs: number };
  };
  /** From a relay to the API, one way. */
  readonly wayMs: number;
}

/**
 * Returns the same storm at a part of its size: users, hosts and limits divided by this number. All times stay, but a
 * small storm is coarser: a limit of one does not stand for a thousandth of a thousand.
 */
export function scaled(scenario: Scenario, by: number): Scenario {
  const { users, hosts, ejabberd, relay, gateway, lambda } = scenario;
  const part = (count: number) => Math.max(1, Math.round(count / by));
  const rate = ({ perSecond, burst }: Rate) => ({ perSecond: perSecond / by, burst: part(burst) });
  const fewerHosts = part(hosts);
  /** Of a host's own limits, whose number falls by less than this. */
  const ofHost = (count: number) => Math.max(1, Math.round((count * hosts) / by / fewerHosts));
  return {
    ...scenario,
    users: part(users),
    hosts: fewerHosts,
    ejabberd: {
      ...ejabberd,
      loginCpuMs: (ejabberd.loginCpuMs * by * fewerHosts) / hosts,
      asks: ejabberd.asks === "module" ? "module" : { pool: ofHost(ejabberd.asks.pool) },
    },
    relay: {
      ...relay,
      requestCpuMs: (relay.requestCpuMs * by * fewerHosts) / hosts,
      maxInFlight: ofHost(relay.maxInFlight),
    },
    gateway: { route: rate(gateway.route), account: rate(gateway.account) },
    lambda: {
      ...lambda,
      concurrency: part(lambda.concurrency),
      addedPer10s: part(lambda.addedPer10s),
      warm: Math.round(lambda.warm / by),
    },
  };
}
