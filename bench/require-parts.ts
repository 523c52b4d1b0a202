// What a measurement needs, checked before it starts: a part that is missing must not end it half-way.

import { spawnSync } from "node:child_process";
import { howToGet, lackingOf, type Part } from "../test/real/parts.ts";

/** Programs and modules that only measurements need: how to see that one is there, and Debian's package. */
const further = {
  cc: {
    command: ["cc", "--version"],
    hint: "a C compiler; on Debian or Ubuntu: apt-get install gcc libc6-dev",
  },
  "python3-memcache": {
    command: ["/usr/bin/python3", "-c", "import memcache"],
    hint: "Python's memcache module; on Debian or Ubuntu: apt-get install python3-memcache",
  },
} as const;

/** Ends this process with 2, and says on stderr what is missing and how to get it, unless all is there. */
export function requireParts(parts: readonly Part[], others: readonly (keyof typeof further)[] = []): void {
  const missing = [
    ...lackingOf(parts).map(howToGet),
    ...others
      .map((name) => further[name])
      .filter(({ command: [program, ...args] }) => spawnSync(program, args).status !== 0)
      .map(({ hint }) => hint),
  ];
  if (missing.length === 0) return;
  process.stderr.write(
    `This measurement needs what this machine lacks:\n${missing.map((line) => `  ${line}\n`).join("")}`,
  );
  process.exit(2);
}
