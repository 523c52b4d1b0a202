// Metrics in CloudWatch's embedded metric format: CloudWatch extracts them from members of a log line, so a login costs
// one line and no API call.
//
//   members   = "_aws": { "Timestamp": milliseconds since 1970, "CloudWatchMetrics": [ directive ] }
//               *( dimension's name: text ) *( metric's name: number )
//   directive = { "Namespace": text, "Dimensions": [ set ], "Metrics": [ { "Name": text, "Unit": unit } ] }
//   set       = [ dimension's name ]               ; at most 30; each metric is stored once for each set
//
// Source: "Specification: Embedded metric format", Amazon CloudWatch User Guide. AWS's own libraries for logs and
// metrics would take longer to load than all of ours: bench/README.md.

export interface Metrics {
  /** From the widest to the narrowest. Each metric is stored by the first dimension, by the first two, and so on. */
  readonly dimensions: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, Metric>>;
}

interface Metric {
  readonly value: number;
  readonly unit: "Count" | "Milliseconds";
}

interface Envelope {
  readonly Timestamp: number;
  readonly CloudWatchMetrics: readonly [
    {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit: Metric["unit"] }[];
    },
  ];
}

export type MetricMembers = Readonly<Record<string, string | number | Envelope>>;

const namespace = "InspectorD";

/** Returns the members of a log line that carry these metrics. The time is in milliseconds since 1970. */
export function metricMembers({ dimensions, values }: Metrics, timestampMs: number): MetricMembers {
  const names = Object.keys(dimensions);
  const metrics = Object.entries(values);
  return {
    _aws: {
      Timestamp: timestampMs,
      CloudWatchMetrics: [
        {
          Namespace: namespace,
          Dimensions: names.map((_, last) => names.slice(0, last + 1)),
          Metrics: metrics.map(([Name, { unit }]) => ({ Name, Unit: unit })),
        },
      ],
    },
    ...dimensions,
    ...Object.fromEntries(metrics.map(([name, { value }]) => [name, value])),
  };
}
