// Directories of a test file's own, below the system's, gone when its process is.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const directories: string[] = [];
// Not after a suite: what a suite's last hook still ends may write until it is gone.
process.once("exit", () => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** Gives a new directory, which is removed at the end of this process. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "inspectord-"));
  directories.push(directory);
  return directory;
}
