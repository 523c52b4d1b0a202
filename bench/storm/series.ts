// What happens in each second of a storm.

/** Counts of each second, and what there was at its end. */
export interface Series {
  /** Users who make their first attempt. */
  readonly arrivals: Float64Array;
  readonly in: Float64Array;
  /** Attempts that were refused. */
  readonly refused: Float64Array;
  /** Requests to API Gateway. */
  readonly requests: Float64Array;
  /** Logins that wait in ejabberd or in a relay, at the second's end. */
  readonly queue: Float64Array;
  /** Environments of the function, at the second's end. */
  readonly environments: Float64Array;
}

export function emptySeries(horizonMs: number): Series {
  const seconds = () => new Float64Array(Math.ceil(horizonMs / 1000) + 1);
  return {
    arrivals: seconds(),
    in: seconds(),
    refused: seconds(),
    requests: seconds(),
    queue: seconds(),
    environments: seconds(),
  };
}

/** Counts one of these at this time. */
export function count(series: Float64Array, nowMs: number): void {
  const second = Math.floor(nowMs / 1000);
  series[second] = (series[second] as number) + 1;
}

/** Returns the most in one second. */
export function peak(series: Float64Array): number {
  return series.reduce((most, each) => Math.max(most, each), 0);
}
