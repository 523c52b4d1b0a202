// The relay's log: one line for each event, logfmt or JSON. It holds codes and times, and nothing of a request but a
// pseudonym of the user, or the name if the operator asked for names. Whatever a message or a name holds, a line is one printable line.

import { createHmac, randomBytes } from "node:crypto";
import { printable } from "../protocol/printable.ts";

export type LogFormat = "logfmt" | "json";
type Level = "info" | "warn" | "error";
type LogFields = Readonly<Record<string, string | number | undefined>>;

/** Writes a line for this code, with these fields. `fields` is called only if the line is written. */
export type Log = (level: Level, code: string, fields?: () => LogFields) => void;

/** Returns the error's kind: its message could hold a piece of the question. */
export function nameOfError(error: unknown): string {
  return error instanceof Error ? error.name : "unknown";
}

/** Logs an error that is a fault of ours. */
export function logInternalError(log: Log, error: unknown): void {
  log("error", "internal-error", () => ({ kind: nameOfError(error) }));
}

export interface LogOptions {
  readonly write: (line: string) => void;
  readonly format: LogFormat;
  readonly now: () => Date;
}

/** At most this many lines of one code in one interval; an outage under load would fill a disk otherwise. */
export const linesAnInterval = 20;
export const intervalMs = 10_000;
/** A function may tell reasons that this relay does not know. Codes beyond this many share one rate. */
export const maxCodes = 100;

/** Returns a log that counts what exceeds the rate: the next line of that code says how many were left out. */
export function createLog({ write, format, now }: LogOptions): Log {
  const said = new Map<string, { sinceMs: number; lines: number; leftOut: number }>();
  return (level, code, fields) => {
    const at = now();
    const rate = said.has(code) || said.size < maxCodes ? code : "";
    const entry = said.get(rate) ?? { sinceMs: at.getTime(), lines: 0, leftOut: 0 };
    said.set(rate, entry);
    // The date may be set back.
    if (Math.abs(at.getTime() - entry.sinceMs) >= intervalMs) {
      entry.sinceMs = at.getTime();
      entry.lines = 0;
    }
    if (++entry.lines > linesAnInterval) {
      entry.leftOut++;
      return;
    }
    const line = {
      time: at.toISOString(),
      level,
      program: "inspectord-relay",
      code,
      ...fields?.(),
      ...(entry.leftOut > 0 && { leftOut: entry.leftOut }),
    };
    entry.leftOut = 0;
    write(`${printable(format === "json" ? JSON.stringify(line) : logfmt(line))}\n`);
  };
}

function logfmt(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => `${name}=${/^[\w.:+-]+$/.test(String(value)) ? value : JSON.stringify(value)}`)
    .join(" ");
}

/** Names a user in the log, so that the lines of one user can be found. */
export type NameUser = (user: string, server: string) => string;

/** Returns HMAC pseudonyms. The key is random and lives as long as the process. */
export function hashedNames(key: Buffer = randomBytes(32)): NameUser {
  return (user, server) => createHmac("sha256", key).update(`${user}@${server}`).digest("hex").slice(0, 12);
}
