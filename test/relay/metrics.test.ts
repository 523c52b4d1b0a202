import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Gauges, Metrics } from "../../relay/metrics.ts";

const gauges: Gauges = { connections: 3, members: 8, isBreakerOpen: false, inFlight: 2, queued: 0 };
const duration = "inspectord_relay_login_duration_seconds";

interface Family {
  readonly type: string;
  /** By name and labels, as they stand. */
  readonly samples: Map<string, number>;
}

/**
 * Reads Prometheus' text format, version 0.0.4, as far as the relay has to do with it; fails at whatever is not of it.
 *
 *   family = "# HELP " name " " text LF "# TYPE " name " " type LF *sample
 *   sample = name [ "{" label *( "," label ) "}" ] " " number LF           ; of a histogram: name "_bucket" etc.
 *   label  = name "=" DQUOTE *( any but DQUOTE, "\" and LF ) DQUOTE
 */
function parse(text: string): Map<string, Family> {
  assert.ok(text.endsWith("\n"));
  const families = new Map<string, Family>();
  let name = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const help = /^# HELP ([a-z_]+) [^\\]+$/.exec(line);
    const type = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/.exec(line);
    const sample = /^([a-z_]+)(\{[a-z]+="[^"\\]*"(?:,[a-z]+="[^"\\]*")*\})? (\d+(?:\.\d+)?)$/.exec(line);
    if (help !== null) name = help[1] as string;
    else if (type !== null) {
      assert.equal(type[1], name);
      assert.ok(!families.has(name), `${name} twice`);
      families.set(name, { type: type[2] as string, samples: new Map() });
    } else {
      assert.ok(sample !== null, line);
      const { type: kind, samples } = families.get(name) as Family;
      const suffix = kind === "histogram" ? "_(bucket|sum|count)" : "";
      assert.match(sample[1] as string, new RegExp(`^${name}${suffix}$`));
      const series = `${sample[1]}${sample[2] ?? ""}`;
      assert.ok(!samples.has(series), `${series} twice`);
      samples.set(series, Number(sample[3]));
    }
  }
  return families;
}

const samplesOf = (metrics: Metrics, family: string, now = gauges) =>
  Object.fromEntries((parse(metrics.text(now)).get(family) as Family).samples);

describe("what the relay counts", () => {
  it("is text as Prometheus has it, each family with its type, before and after the first login", () => {
    const metrics = new Metrics();
    const types = {
      inspectord_relay_logins_total: "counter",
      [duration]: "histogram",
      inspectord_relay_tries_total: "counter",
      inspectord_relay_connections: "gauge",
      inspectord_relay_members: "gauge",
      inspectord_relay_breaker_open: "gauge",
      inspectord_relay_in_flight: "gauge",
      inspectord_relay_queued: "gauge",
      inspectord_relay_isuser_total: "counter",
      inspectord_relay_probes_total: "counter",
      inspectord_watched_total: "counter",
    };
    for (let logins = 0; logins < 2; logins++) {
      const families = [...parse(metrics.text(gauges))].map(([name, { type }]) => [name, type]);
      assert.deepEqual(Object.fromEntries(families), types);
      metrics.login({ outcome: "refused", code: "no-session" }, 12.345);
    }
  });

  it("is logins by outcome and code, and nothing else of them", () => {
    const metrics = new Metrics();
    metrics.login({ outcome: "allowed" }, 1);
    metrics.login({ outcome: "allowed" }, 1);
    metrics.login({ outcome: "refused", code: "no-session" }, 1);
    metrics.login({ outcome: "unavailable", code: "deadline", detail: "a-detail" }, 1);
    assert.deepEqual(samplesOf(metrics, "inspectord_relay_logins_total"), {
      'inspectord_relay_logins_total{outcome="allowed",code=""}': 2,
      'inspectord_relay_logins_total{outcome="refused",code="no-session"}': 1,
      'inspectord_relay_logins_total{outcome="unavailable",code="deadline"}': 1,
    });
    assert.doesNotMatch(metrics.text(gauges), /a-detail/);
  });

  it("is a histogram of seconds: each bucket has those below it, and the last has all", () => {
    const metrics = new Metrics();
    for (const tookMs of [0, 1, 1.001, 5, 99, 20_000, 20_001]) metrics.login({ outcome: "allowed" }, tookMs);
    const samples = samplesOf(metrics, duration);
    const buckets = Object.entries(samples).flatMap(([series, count]) => {
      const end = /_bucket\{le="(.+)"\}$/.exec(series)?.[1];
      return end === undefined
        ? []
        : [[end === "+Inf" ? Number.POSITIVE_INFINITY : Number(end), count] as const];
    });
    const ends = buckets.map(([end]) => end);
    assert.deepEqual(
      ends,
      [...ends].sort((one, other) => one - other),
    );
    const upTo = (seconds: number) => buckets.find(([end]) => end === seconds)?.[1];
    assert.deepEqual([upTo(0.001), upTo(0.0025), upTo(0.005), upTo(0.05), upTo(0.1)], [2, 3, 4, 4, 5]);
    assert.deepEqual([upTo(10), upTo(20), upTo(Number.POSITIVE_INFINITY)], [5, 6, 7]);
    assert.equal(samples[`${duration}_count`], 7);
    assert.equal(samples[`${duration}_sum`], 40.107001);
  });

  it("is tries, and what other parts are at this moment", () => {
    const metrics = new Metrics();
    for (let tries = 0; tries < 5; tries++) metrics.attempted();
    const families = parse(metrics.text({ ...gauges, isBreakerOpen: true, queued: 9 }));
    const values = ["tries_total", "connections", "members", "breaker_open", "in_flight", "queued"].map(
      (name) => families.get(`inspectord_relay_${name}`)?.samples.get(`inspectord_relay_${name}`),
    );
    assert.deepEqual(values, [5, 3, 8, 1, 2, 9]);
    assert.deepEqual(samplesOf(metrics, "inspectord_relay_breaker_open"), {
      inspectord_relay_breaker_open: 0,
    });
  });

  it("is at most a hundred series of logins, and what exceeds them is counted as other", () => {
    const metrics = new Metrics();
    metrics.login({ outcome: "allowed" }, 1);
    for (let code = 0; code < 500; code++) {
      metrics.login({ outcome: "refused", code: `code-${code}` }, 1);
      metrics.login({ outcome: "unavailable", code: `code-${code}`, detail: "" }, 1);
    }
    metrics.login({ outcome: "refused", code: "code-0" }, 1);
    metrics.login({ outcome: "allowed" }, 1);
    const samples = samplesOf(metrics, "inspectord_relay_logins_total");
    const series = Object.keys(samples);
    const others = series.filter((one) => one.includes('code="other"'));
    assert.deepEqual([series.length, others.length], [102, 2]);
    const sum = Object.values(samples).reduce((one, other) => one + other);
    assert.equal(sum, 1_003, "none is lost");
    assert.equal(samples['inspectord_relay_logins_total{outcome="refused",code="code-0"}'], 2);
    assert.equal(samples['inspectord_relay_logins_total{outcome="allowed",code=""}'], 2);
  });
});
