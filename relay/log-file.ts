// Where the log's lines go: stderr, which ejabberd or systemd keeps, or a file that may be rotated away.

import { closeSync, openSync, writeSync } from "node:fs";

export interface LogFile {
  write(line: string): void;
  /** Reopens the file: what stood at its path was moved away. */
  reopen(): void;
}

/** Appends to this file. @throws the system's error if it cannot be opened */
export function openLogFile(path: string): LogFile {
  let file = openSync(path, "a", 0o640);
  return {
    // Synchronously, before the answer: the last lines tell why a process ended.
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
