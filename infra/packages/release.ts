// The release that is packaged: package.json's version, and the date that CHANGELOG.md has for it.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Release {
  readonly version: string;
  /** All files of a package have this date, in seconds since 1970: packages made twice are the same bytes. */
  readonly dateSeconds: number;
}

/** Returns the release of this tree. One that CHANGELOG.md has no date for has today's. `nowMs`: since 1970. */
export function readRelease(root: string, nowMs: number): Release {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const date = datesOf(readFileSync(join(root, "CHANGELOG.md"), "utf8")).get(version);
  const day = date ?? new Date(nowMs).toISOString().slice(0, 10);
  return { version, dateSeconds: Date.parse(`${day}T00:00:00Z`) / 1000 };
}

/** Returns the date of each released version, YYYY-MM-DD, the newest first. */
export function datesOf(changelog: string): Map<string, string> {
  const headings = changelog.matchAll(/^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$/gm);
  return new Map([...headings].map(([, version = "", date = ""]) => [version, date]));
}
