// What a storm came to, as a row of a table, and tables as parts of a page.

import type { Scenario } from "./scenario.ts";
import type { Result } from "./simulate.ts";

const group = (count: number) => Math.round(count).toLocaleString("en-US");

export const head = [
  "storm",
  "in",
  "refused at least once",
  "lost",
  "last in, s",
  "wait p50 / p99, s",
  "requests",
  "most a second",
  "environments",
];

/** Returns the cells of a storm's row. `link`: where its plot is. */
export function cellsOf({ title }: Scenario, result: Result, link?: string): string[] {
  return [
    link === undefined ? title : `${title} ([plot](${link}))`,
    group(result.in),
    group(result.refusedOnce),
    group(result.gaveUp + result.out),
    group(result.lastInMs / 1000),
    `${seconds(result.waitP50Ms)} / ${seconds(result.waitP99Ms)}`,
    group(result.requests),
    group(result.mostRequestsASecond),
    group(result.mostEnvironments),
  ];
}

function seconds(ms: number): string {
  return ms < 10_000 ? (ms / 1000).toFixed(2) : group(ms / 1000);
}

export function table(names: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  return line(names) + line(names.map(() => "---")) + rows.map(line).join("");
}

/** Returns the page with this text between the marks of this name. @throws if the page lacks them */
export function withPart(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name}: written by npm run storm -->\n`, `<!-- end of ${name} -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the page has no part ${name}`);
  return `${page.slice(0, from + begin.length)}\n${text.trim()}\n\n${page.slice(to)}`;
}
