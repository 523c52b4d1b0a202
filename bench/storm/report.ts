// What a storm came to, as a row of a table, and tables as parts of a page.

import type { Scenario } from "./scenario.ts";
import type { Result } from "./simulate.ts";

const group = (count: number) => Math.round(count).toLocaleString("en-US");

export const head = [
  "",
  "in",
  "refused at least once",
  "lost",
  "last in, s",
  "wait p50 / p99, s",
  "requests",
  "a second",
];

/** Returns the cells of a storm's row. */
export function cellsOf(name: string, result: Result): string[] {
  return [
    name,
    group(result.in),
    group(result.refusedOnce),
    group(result.gaveUp + result.out),
    group(result.lastInMs / 1000),
    `${seconds(result.waitP50Ms)} / ${seconds(result.waitP99Ms)}`,
    group(result.requests),
    group(result.mostRequestsASecond),
  ];
}

/** Returns what the page says of these storms: a numbered list, and their rows, each with a link to its plot. */
export function partOf(storms: readonly { readonly scenario: Scenario; readonly result: Result }[]): string {
  const list = storms.map(({ scenario }, at) => `${at + 1}. ${scenario.title}\n`).join("");
  const rows = storms.map(({ scenario, result }, at) =>
    cellsOf(`[${at + 1}](storm/${scenario.name}.svg)`, result),
  );
  return `${list}\n${table(head, rows)}`;
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
