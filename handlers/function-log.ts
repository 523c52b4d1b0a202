// The function's log: one JSON object a line on stdout, where Lambda collects it. Codes, counts and times only.

import { printable } from "../protocol/printable.ts";
import type { MetricMembers } from "./embedded-metrics.ts";

type Level = "info" | "warn" | "error";

export type LogFields = Readonly<
  Record<string, string | number | boolean | readonly string[] | MetricMembers[string] | undefined>
>;

export type Log = (level: Level, message: string, fields: LogFields) => void;

/** Returns a log that writes one line at a time through `write`. */
export function createLog(write: (line: string) => void): Log {
  return (level, message, fields) => write(printable(JSON.stringify({ level, message, ...fields })));
}

/** Bypasses Lambda's console, which adds text around a line: CloudWatch reads metrics only from whole JSON lines. */
export function writeToStdout(line: string): void {
  process.stdout.write(`${line}\n`);
}
