// What the doctor says of one thing that it checked: a line, and if something is to change, where and into what.

type Level = "ok" | "warn" | "fail";

/** A line of a file, counted from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/**
 * A change to ejabberd.yml that a program could make, too. An entry is an option with its value, on however many lines.
 *
 * `replace`: the entry that begins on this line becomes these lines. `remove`: it goes. `add`: these lines are added to
 * the map whose first entry begins on this line. `append`: they are added to the end of the file.
 */
export type Edit =
  | { readonly kind: "replace"; readonly at: Place; readonly lines: readonly string[] }
  | { readonly kind: "remove"; readonly at: Place }
  | { readonly kind: "add"; readonly at: Place; readonly lines: readonly string[] }
  | { readonly kind: "append"; readonly file: string; readonly lines: readonly string[] };

export interface Finding {
  readonly level: Level;
  /** What was checked, in one word. */
  readonly check: string;
  readonly at?: Place | undefined;
  readonly says: string;
  /** What to do, where it is no change to ejabberd.yml. */
  readonly change?: string;
  readonly edit?: Edit;
}

/** Returns each finding once: what is said of fifty hosts at one line is one finding. */
export function distinct(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
}

/** The longest name of a check. */
const checkWidth = 12;
const colours = { ok: 32, warn: 33, fail: 31 } as const;

/** Returns the finding as text without its last line end. What others wrote into files moves no terminal. */
export function textOfFinding(finding: Finding, isColoured: boolean): string {
  const { level, check, at, says, change, edit } = finding;
  const shown = isColoured ? `\u001b[${colours[level]}m${level}\u001b[0m` : level;
  const place = at === undefined ? "" : `${at.file}:${at.line}: `;
  const { advice, block } = edit === undefined ? { advice: change, block: [] } : adviceOf(edit);
  const text = printable(`${place}${says}${advice === undefined ? "" : ` -> ${advice}`}`);
  const first = `${shown}${" ".repeat(6 - level.length)}${check.padEnd(checkWidth)} ${text}`;
  return [first, ...block.map(printable)].join("\n");
}

/** `block`: lines to paste as they are. */
function adviceOf(edit: Edit): { readonly advice: string; readonly block: readonly string[] } {
  switch (edit.kind) {
    case "replace":
      return edit.lines.length === 1
        ? { advice: `write ${edit.lines[0]}`, block: [] }
        : { advice: "write this in its place:", block: edit.lines };
    case "remove":
      return { advice: "take this entry out", block: [] };
    case "add":
      return { advice: `add to this entry ${edit.lines.join("; ")}`, block: [] };
    case "append":
      return { advice: `add to the end of ${edit.file}:`, block: edit.lines };
  }
}

function printable(line: string): string {
  return line.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}
