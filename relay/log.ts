// The relay's log: logfmt lines on stderr, which ejabberd hands on to its own. Codes only, nothing of a request.

export type Log = (code: string, detail?: string) => void;

const intervalMs = 10_000;

/**
 * Gives a log that writes one line a code in 10 seconds and counts the rest: an outage under load would fill a
 * disk otherwise. The next line of that code says how many were left out.
 */
export function createLog(write: (line: string) => void, now: () => Date): Log {
  const seen = new Map<string, { untilMs: number; leftOut: number }>();
  return (code, detail) => {
    const at = now();
    const entry = seen.get(code);
    if (entry !== undefined && at.getTime() < entry.untilMs) {
      entry.leftOut++;
      return;
    }
    seen.set(code, { untilMs: at.getTime() + intervalMs, leftOut: 0 });
    const more = entry === undefined || entry.leftOut === 0 ? "" : ` left_out=${entry.leftOut}`;
    const said = detail === undefined ? "" : ` detail=${JSON.stringify(detail)}`;
    write(`time=${at.toISOString()} program=inspectord-relay code=${code}${said}${more}\n`);
  };
}
