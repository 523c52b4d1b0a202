// Directories of a test file's own, gone when its process is.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const directories: string[] = [];
// Not after a suite: what a suite's last hook still ends may write until it is gone.
process.once("exit", () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** Returns a new directory below this one, or the system's; it is removed at the end of this process. */
export function temporaryDirectory(below = tmpdir()): string {
  const directory = mkdtempSync(join(below, "inspectord-"));
  directories.push(directory);
  return directory;
}
