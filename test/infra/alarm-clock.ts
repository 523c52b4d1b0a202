// When CloudWatch would raise an alarm: the alarm as the template has it, evaluated minute by minute on data that arrive
// late.
//
// Source: "Using Amazon CloudWatch alarms" and "Using metric math", Amazon CloudWatch User Guide.

import assert from "node:assert/strict";
import type { Resource } from "../../infra/cloudformation.ts";

/** A count of something at a moment, and when CloudWatch has it. Times are in seconds from the start. */
export interface Datum {
  readonly atSeconds: number;
  readonly value: number;
  readonly arrivesAtSeconds: number;
}

/** The data of each metric, by the names that `keysOf` returns. */
export type Data = Readonly<Record<string, readonly Datum[]>>;

interface Stat {
  readonly Metric: MetricName;
  readonly Period: number;
}
interface MetricName {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions: readonly { readonly Name: string; readonly Value: unknown }[];
}
interface Properties extends MetricName {
  readonly Period: number;
  readonly Metrics?: readonly {
    readonly Id: string;
    readonly Expression?: string;
    readonly MetricStat?: Stat;
  }[];
  readonly ComparisonOperator: keyof typeof comparisons;
  readonly Threshold: number;
  readonly EvaluationPeriods: number;
  readonly DatapointsToAlarm: number;
  readonly TreatMissingData: "breaching" | "notBreaching";
}

const comparisons = {
  GreaterThanThreshold: (value: number, threshold: number) => value > threshold,
  GreaterThanOrEqualToThreshold: (value: number, threshold: number) => value >= threshold,
  LessThanThreshold: (value: number, threshold: number) => value < threshold,
};

/** Returns the names of an alarm's metrics: the expression's own, or "metric" for a single one. */
export function keysOf(alarm: Resource): string[] {
  const { Metrics } = propertiesOf(alarm);
  return Metrics?.flatMap(({ Id, MetricStat }) => (MetricStat ? [Id] : [])) ?? ["metric"];
}

export function propertiesOf(alarm: Resource): Properties {
  return alarm.Properties as unknown as Properties;
}

/** Returns the minutes, from the start, in which the alarm is on. */
export function alarmedMinutes(alarm: Resource, data: Data, minutes: number): number[] {
  const properties = propertiesOf(alarm);
  assert.deepEqual(Object.keys(data).toSorted(), keysOf(alarm).toSorted());
  return Array.from({ length: minutes }, (_, minute) => minute).filter((minute) =>
    isOn(properties, data, minute * 60),
  );
}

function isOn(properties: Properties, data: Data, nowSeconds: number): boolean {
  const { Metrics, ComparisonOperator, Threshold, EvaluationPeriods, DatapointsToAlarm } = properties;
  const expression = Metrics?.find(({ Expression }) => Expression !== undefined)?.Expression ?? "metric";
  const period = Metrics?.find(({ MetricStat }) => MetricStat)?.MetricStat?.Period ?? properties.Period;
  // The periods that are over.
  const last = Math.floor(nowSeconds / period);
  const starts = Array.from({ length: EvaluationPeriods }, (_, back) => (last - 1 - back) * period);
  const breaches = starts.filter((start) => {
    const datumOf = (name: string) => {
      const found = (data[name] ?? []).filter(
        ({ atSeconds, arrivesAtSeconds }) =>
          atSeconds >= start && atSeconds < start + period && arrivesAtSeconds <= nowSeconds,
      );
      return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
    };
    const value = evaluate(expression, datumOf);
    if (value === undefined) return properties.TreatMissingData === "breaching";
    return comparisons[ComparisonOperator](value, Threshold);
  });
  return breaches.length >= DatapointsToAlarm;
}

/** Returns what an expression of metric math is at one point of time, or undefined without a datapoint. */
export function evaluate(
  expression: string,
  datumOf: (name: string) => number | undefined,
): number | undefined {
  const tokens = expression.match(/[A-Za-z_]\w*|\d+|>=|[-+*/(),]/g) ?? [];
  assert.equal(tokens.join(""), expression.replaceAll(" ", ""), "an expression that is not understood");
  let next = 0;
  const take = (wanted?: string) => {
    const token = tokens[next++] ?? "";
    if (wanted !== undefined) assert.equal(token, wanted, expression);
    return token;
  };
  const on = (a: number | undefined, b: number | undefined, work: (a: number, b: number) => number) =>
    a === undefined || b === undefined ? undefined : work(a, b);

  function comparison(): number | undefined {
    const left = sum();
    if (tokens[next] !== ">=") return left;
    take();
    return on(left, sum(), (a, b) => (a >= b ? 1 : 0));
  }
  function sum(): number | undefined {
    let left = product();
    for (let token = tokens[next]; token === "+" || token === "-"; token = tokens[next]) {
      take();
      left = on(left, product(), (a, b) => (token === "+" ? a + b : a - b));
    }
    return left;
  }
  function product(): number | undefined {
    let left = term();
    for (let token = tokens[next]; token === "*" || token === "/"; token = tokens[next]) {
      take();
      left = on(left, term(), (a, b) => (token === "*" ? a * b : a / b));
    }
    return left;
  }
  function term(): number | undefined {
    const token = take();
    if (/^\d/.test(token)) return Number(token);
    if (token === "(") {
      const inner = comparison();
      take(")");
      return inner;
    }
    if (token !== "FILL" && token !== "IF") return datumOf(token);
    take("(");
    const parameters = [comparison()];
    while (tokens[next] === ",") {
      take();
      parameters.push(comparison());
    }
    take(")");
    const [first, second, third] = parameters;
    if (token === "FILL") return first ?? second;
    return first === undefined ? undefined : first === 0 ? third : second;
  }

  const value = comparison();
  assert.equal(next, tokens.length, expression);
  return value;
}
