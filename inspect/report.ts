// What the inspect tool prints for a person: facts about the session, then its tree.

import type { TreeLine } from "./expression-tree.ts";

export interface Fact {
  readonly about: string;
  readonly text: string;
  readonly isGood: boolean;
}

/** A wider expression pushes only its own value to the right. */
const maxExpressionColumn = 48;

/** Returns the text without a final newline. */
export function reportOf(facts: readonly Fact[], tree: readonly TreeLine[], hasColours: boolean): string {
  const paint = hasColours ? painted : (text: string) => text;
  const width = Math.min(maxExpressionColumn, Math.max(0, ...tree.map(({ path }) => path.length)));
  const lines = facts.map(
    ({ about, text, isGood }) => `${about.padEnd(8)}  ${paint(text, isGood ? "green" : "red")}`,
  );
  if (tree.length > 0) lines.push("");
  for (const { path, isExpression, outerLength, kind } of tree) {
    const outer = path.slice(0, outerLength);
    const padding = " ".repeat(Math.max(0, width - path.length));
    const note = isExpression ? "" : "  (an empty key: no expression names this)";
    lines.push(
      `${paint(outer, "dim")}${path.slice(outerLength)}${padding}  ${paint(kind, "cyan")}${paint(note, "red")}`,
    );
  }
  return lines.join("\n");
}

const colours = { dim: 2, red: 31, green: 32, cyan: 36 } as const;

function painted(text: string, colour: keyof typeof colours): string {
  return text === "" ? "" : `\x1b[${colours[colour]}m${text}\x1b[0m`;
}
