// `npm run demo`'s entry, plain JavaScript without a dependency: `--help` works on a fresh clone, where nothing is installed.

import { readFileSync } from "node:fs";

if (process.argv.slice(2).some((argument) => argument === "--help" || argument === "-h")) {
  process.stdout.write(readFileSync(new URL("usage.txt", import.meta.url), "utf8"));
} else {
  await import("../../.ci/prepare.mjs");
  const { register } = await import("tsx/esm/api");
  register();
  await import("./demo.ts");
}
