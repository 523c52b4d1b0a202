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
  #watchAttempts = 0;
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

  /** Counts a request about open connections. */
  watchAttempted(): void {
    this.#watchAttempts++;
  }

  /** Returns all of it as text (Prometheus, "Exposition formats", version 0.0.4). */
  text(gauges: Gauges): string {
    const lines = [
      "# HELP inspectord_relay_logins_total Answers to ejabberd. Only an allowed one was a yes.",
      "# TYPE inspectord_relay_logins_total counter",
      ...[...this.#logins].map(([series, count]) => `inspectord_relay_logins_total{${series}} ${count}`),
      "# HELP inspectord_relay_login_duration_seconds From a question's last byte to its answer.",
      "# TYPE inspectord_relay_login_duration_seconds histogram",
    ];
    let below = 0;
    for (const [at, endS] of bucketsS.entries()) {
      below += this.#buckets[at] as number;
      lines.push(`inspectord_relay_login_duration_seconds_bucket{le="${endS}"} ${below}`);
    }
    lines.push(
      `inspectord_relay_login_duration_seconds_bucket{le="+Inf"} ${this.#count}`,
      `inspectord_relay_login_duration_seconds_sum ${Number(this.#durationsS.toFixed(6))}`,
      `inspectord_relay_login_duration_seconds_count ${this.#count}`,
      "# HELP inspectord_relay_tries_total Requests to the API, second attempts included.",
      "# TYPE inspectord_relay_tries_total counter",
      `inspectord_relay_tries_total ${this.#attempts}`,
      "# HELP inspectord_relay_probes_total Requests by which the relay asked whether the API is there.",
      "# TYPE inspectord_relay_probes_total counter",
      `inspectord_relay_probes_total ${this.#probes}`,
      "# HELP inspectord_relay_isuser_total Questions whether a user exists, by the policy that answered them.",
      "# TYPE inspectord_relay_isuser_total counter",
      ...Object.entries(this.#isUser).map(
        ([policy, count]) => `inspectord_relay_isuser_total{policy="${policy}"} ${count}`,
      ),
      "# HELP inspectord_watched_total Answers on logins whose connections are open. unknown ends none.",
      "# TYPE inspectord_watched_total counter",
      ...Object.entries(this.#watched).map(
        ([answer, count]) => `inspectord_watched_total{answer="${answer}"} ${count}`,
      ),
      "# HELP inspectord_watch_requests_total Requests about open connections, second attempts included.",
      "# TYPE inspectord_watch_requests_total counter",
      `inspectord_watch_requests_total ${this.#watchAttempts}`,
      "# HELP inspectord_relay_connections Open connections to the API.",
      "# TYPE inspectord_relay_connections gauge",
      `inspectord_relay_connections ${gauges.connections}`,
      "# HELP inspectord_relay_in_flight Requests to the API in flight.",
      "# TYPE inspectord_relay_in_flight gauge",
      `inspectord_relay_in_flight ${gauges.inFlight}`,
      "# HELP inspectord_relay_queued Questions that wait because 256 requests to the API are in flight.",
      "# TYPE inspectord_relay_queued gauge",
      `inspectord_relay_queued ${gauges.queued}`,
      "# HELP inspectord_relay_members Members of ejabberd's pool that are connected.",
      "# TYPE inspectord_relay_members gauge",
      `inspectord_relay_members ${gauges.members}`,
      "# HELP inspectord_relay_breaker_open 1 while the API counts as dead and logins are refused at once.",
      "# TYPE inspectord_relay_breaker_open gauge",
      `inspectord_relay_breaker_open ${gauges.isBreakerOpen ? 1 : 0}`,
    );
    return `${lines.join("\n")}\n`;
  }
}
