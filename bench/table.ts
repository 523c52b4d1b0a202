// What the benchmarks print: medians, and rows of Markdown's tables.

export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] as number;
}

/** How many times as long the one takes as the other: the median over the rounds, in each of which both had a turn. */
export function medianRatio(times: readonly number[], others: readonly number[]): string {
  return median(times.map((time, round) => time / (others[round] as number))).toFixed(2);
}

export function row(cells: readonly (string | number)[]): string {
  return `| ${cells.join(" | ")} |`;
}
