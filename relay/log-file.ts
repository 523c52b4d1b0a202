// Where the log's lines go: stderr, which ejabberd or systemd keeps, or a file that may be rotated away.

import { closeSync, openSync, writeSync } from "node:fs";

export interface LogFile {
  write(line: string): void;
  /** Opens the file anew: what stood at its path was moved. */
  reopen(): void;
}

/** Appends to this file. Throws the system's error where it cannot be opened. */
export function openLogFile(path: string): LogFile {
  let file = openSync(path, "a", 0o640);
  return {
    // At once, and before the answer: the last lines are those that tell why a process ended.
    write: (line) => {
      try {
        writeSync(file, line);
      } catch {
        // A full disk must not end the program.
      }
    },
    reopen: () => {
      const old = file;
      file = openSync(path, "a", 0o640);
      closeSync(old);
    },
  };
}
