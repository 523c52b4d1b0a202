// Directories of a suite's own, below the system's, gone when the suite is.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

/** Gives a new directory that is removed after the suite in whose body this is called. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "inspectord-"));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
