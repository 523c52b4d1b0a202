// What the relay counts, in Prometheus' text format: logins by outcome and code, and how long they took.

import type { Outcome } from "./outcome.ts";

/** In seconds: the upper ends of the histogram's buckets, from an API next door to the longest deadline. */
const bucketsS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];
/** A newer function may have codes that this relay does not know. More series than this are counted as "other". */
const maxSeries = 100;

/** What is read from other parts when the metrics are asked for. */
export interface Gauges {
  readonly connections: number;
  readonly members: number;
  readonly isBreakerOpen: boolean;
  /** Requests to the API in flight. */
  readonly inFlight: number;
  /** Questions that wait for their turn to ask the API. */
  readonly queued: number;
}

export class Metrics {
  readonly #logins = new Map<string, number>();
  readonly #buckets = new Array<number>(bucketsS.length).fill(0);
  #durationsS = 0;
  #count = 0;
  #attempts = 0;
  #probes = 0;
  readonly #watched = { live: 0, ended: 0, unknown: 0 };
  readonly #isUser = { all: 0, none: 0, unknown: 0 };

  /** Counts a login. `tookMs`: in milliseconds. */
  login(outcome: Outcome, tookMs: number): void {
    const code = "code" in outcome ? outcome.code : "";
    const series = `outcome="${outcome.outcome}",code="${code}"`;
    const isNew = !this.#logins.has(series) && this.#logins.size >= maxSeries;
    const counted = isNew ? `outcome="${outcome.outcome}",code="other"` : series;
    this.#logins.set(counted, (this.#logins.get(counted) ?? 0) + 1);
    const tookS = tookMs / 1000;
    const bucket = bucketsS.findIndex((endS) => tookS <= endS);
    if (bucket >= 0) this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1;
    this.#durationsS += tookS;
    this.#count++;
  }

  /** Counts a request of the relay's own, which asks whether the API is there. */
  probed(): void {
    this.#probes++;
  }

  /** Counts a question whether a user exists, by the policy that answered it. */
  isUser(policy: "all" | "none" | "unknown"): void {
    this.#isUser[policy]++;
  }

  /** Counts a request to the API: the difference to the logins are second attempts. */
  attempted(): void {
    this.#attempts++;
  }

  /** Counts connections that were asked about: a character for each, as protocol/logins-answer.ts has them. */
  watched(answer: string): void {
    const live = answer.split("1").length - 1;
    const ended = answer.split("0").length - 1;
    this.#watched.live += live;
    this.#watched.ended += ended;
    this.#watched.unknown += answer.length - live - ended;
  }

  /** Returns all of it as text (Prometheus, "Exposition formats", version 0.0.4). */
  text({ connections, inFlight, queued, members, isBreakerOpen }: Gauges): string {
    const duration = "relay_login_duration_seconds";
    let below = 0;
    const buckets = bucketsS.map((endS, at) => {
      below += this.#buckets[at] as number;
      return [`_bucket{le="${endS}"}`, below] as const;
    });
    const families = [
      counter(
        "relay_logins_total",
        "Answers to ejabberd. Only an allowed one was a yes.",
        [...this.#logins].map(([series, count]) => [`{${series}}`, count]),
      ),
      family("histogram", duration, "From a question's last byte to its answer.", [
        ...buckets,
        ['_bucket{le="+Inf"}', this.#count],
        ["_sum", Number(this.#durationsS.toFixed(6))],
        ["_count", this.#count],
      ]),
      counter("relay_tries_total", "Requests to the API, second attempts included.", this.#attempts),
      counter(
        "relay_probes_total",
        "Requests by which the relay asked whether the API is there.",
        this.#probes,
      ),
      counter(
        "relay_isuser_total",
        "Questions whether a user exists, by the policy that answered them.",
        labelled("policy", this.#isUser),
      ),
      counter(
        "watched_total",
        "Answers on logins whose connections are open.",
        labelled("answer", this.#watched),
      ),
      gauge("relay_connections", "Open connections to the API.", connections),
      gauge("relay_in_flight", "Requests to the API in flight.", inFlight),
      gauge("relay_queued", "Questions that wait for their turn to ask the API.", queued),
      gauge("relay_members", "Members of ejabberd's pool that are connected.", members),
      gauge(
        "relay_breaker_open",
        "1 while the API counts as dead and logins are refused at once.",
        isBreakerOpen ? 1 : 0,
      ),
    ];
    return families.join("");
  }
}

/** What stands after a family's name, its labels among it, and the value. */
type Sample = readonly [suffix: string, value: number];

function family(type: string, name: string, help: string, samples: readonly Sample[]): string {
  const lines = [`# HELP inspectord_${name} ${help}`, `# TYPE inspectord_${name} ${type}`];
  return [...lines, ...samples.map(([suffix, value]) => `inspectord_${name}${suffix} ${value}`), ""].join(
    "\n",
  );
}

function counter(name: string, help: string, value: number | readonly Sample[]): string {
  return family("counter", name, help, typeof value === "number" ? [["", value]] : value);
}

function gauge(name: string, help: string, value: number): string {
  return family("gauge", name, help, [["", value]]);
}

function labelled(label: string, counts: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(counts).map(([value, count]) => [`{${label}="${value}"}`, count]);
}
