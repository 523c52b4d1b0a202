// The function's log: one JSON object a line on stdout, where Lambda collects it. Codes, counts and times only.

type Level = "info" | "warn" | "error";

export type LogFields = Readonly<Record<string, string | number | readonly string[] | undefined>>;

export type Log = (level: Level, message: string, fields: LogFields) => void;

/** Gives a log that writes through `write`, a line at a time. */
export function createLog(write: (line: string) => void): Log {
  return (level, message, fields) => write(JSON.stringify({ level, message, ...fields }));
}
