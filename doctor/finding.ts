// What the doctor says of one thing that it looked at: a line, and where something is to change, that place.

type Level = "ok" | "warn" | "fail";

/** A line of a file, counted from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

export interface Finding {
  readonly level: Level;
  /** What was looked at, in one word. */
  readonly check: string;
  readonly at?: Place | undefined;
  readonly says: string;
  /** What to write there, or to do. */
  readonly change?: string;
}

/** The longest name of a check. */
const checkWidth = 11;
const colours = { ok: 32, warn: 33, fail: 31 } as const;

/** Gives the finding as one line without its end. What stands in files that others wrote moves no terminal. */
export function lineOf(finding: Finding, isColoured: boolean): string {
  const { level, check, at, says, change } = finding;
  const shown = isColoured ? `\u001b[${colours[level]}m${level}\u001b[0m` : level;
  const place = at === undefined ? "" : `${at.file}:${at.line}: `;
  const text = `${place}${says}${change === undefined ? "" : ` -> ${change}`}`;
  const padding = " ".repeat(6 - level.length);
  return `${shown}${padding}${check.padEnd(checkWidth)} ${text.replace(/\p{Cc}/gu, "?")}`;
}
