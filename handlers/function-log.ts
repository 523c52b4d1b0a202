// The function's log: one JSON object a line on stdout, where Lambda collects it. Codes, counts and times only.

import type { MetricMembers } from "./embedded-metrics.ts";

type Level = "info" | "warn" | "error";

export type LogFields = Readonly<
  Record<string, string | number | boolean | readonly string[] | MetricMembers[string] | undefined>
>;

export type Log = (level: Level, message: string, fields: LogFields) => void;

/** Gives a log that writes through `write`, a line at a time. */
export function createLog(write: (line: string) => void): Log {
  return (level, message, fields) => write(JSON.stringify({ level, message, ...fields }));
}

/** Past Lambda's console, which puts words of its own before a line, or around it: metrics must be whole lines. */
export function writeToStdout(line: string): void {
  process.stdout.write(`${line}\n`);
}
