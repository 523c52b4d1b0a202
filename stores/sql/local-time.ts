// A time without a zone, as DATETIME of MySQL and "timestamp" of PostgreSQL have it, in the zone that it was written in.

const pattern = /^(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?$/;
const dayMs = 86_400_000;

/**
 * Returns it in seconds since 1970, or undefined for other texts. Of an hour that a clock shows twice, when summer time
 * ends, it is the first.
 */
export function secondsOfLocalTime(text: string, zone: string): number | undefined {
  const numbers = pattern.exec(text)?.slice(1).map(Number);
  if (numbers === undefined) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = numbers;
  const asUtcMs = Date.UTC(year, month - 1, day, hour, minute, second);
  // MySQL's 0000-00-00, for one.
  if (Number.isNaN(asUtcMs) || month < 1 || month > 12 || day < 1 || year < 1970) return undefined;
  const offset = offsetsOf(zone);
  const found = [asUtcMs - offset(asUtcMs - dayMs), asUtcMs - offset(asUtcMs + dayMs)];
  const right = found.filter((ms) => ms + offset(ms) === asUtcMs);
  return Math.min(...(right.length > 0 ? right : found)) / 1000;
}

/** Returns what tells how far the zone's clocks are ahead of UTC at a time, both in milliseconds. */
function offsetsOf(zone: string): (timeMs: number) => number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    ...{
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    },
  });
  return (timeMs) => {
    const parts = new Map(format.formatToParts(timeMs).map(({ type, value }) => [type, Number(value)]));
    const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
    const shown = Date.UTC(
      part("year"),
      part("month") - 1,
      part("day"),
      part("hour"),
      part("minute"),
      part("second"),
    );
    return shown - timeMs;
  };
}
