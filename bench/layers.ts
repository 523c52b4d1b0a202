// `npm run bench:layers`: what it takes to take each layer off a session, beside PHP's own functions: see contenders.ts.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { nodePath } from "../test/real/parts.ts";
import { startRedis } from "../test/real/redis.ts";
import { bundle, measure, micros, openProcess, rounds } from "./contenders.ts";
import { requireParts } from "./require-parts.ts";
import { medianRatio, row } from "./table.ts";

requireParts(["php", "redis", "nodes"]);

const script = fileURLToPath(new URL("layers.php", import.meta.url));
/** Lambda's: Zstandard needs it. */
const nodeVersion = "24";

const redis = await startRedis();
const port = String(redis.port);
const program = await bundle(fileURLToPath(new URL("layers-process.ts", import.meta.url)));
const { stdout } = spawnSync("php", [script, port, "write"], { encoding: "utf8", maxBuffer: 2 ** 26 });
const samples: { readonly what: string; readonly size: number; readonly bytes: string }[] = stdout
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const own = openProcess(nodePath(nodeVersion), [program]);
const php = openProcess("php", [script, port, "read"]);
const rows: string[] = [];
for (const { what, size, bytes } of samples) {
  const contenders = [own.contender(what, bytes), php.contender(what, bytes)] as const;
  await measure(contenders);
  const [ours, phps] = contenders;
  const length = Buffer.from(bytes, "base64").length;
  rows.push(row([what, size, length, micros(ours), micros(phps), medianRatio(ours.times, phps.times)]));
}
own.close();
php.close();
await redis.stop();
const version = spawnSync("php", ["-r", "echo PHP_VERSION;"], { encoding: "utf8" }).stdout;
process.stdout.write(`Node.js ${nodeVersion}, PHP ${version}. Microseconds; medians of ${rounds} rounds.

| layer | session, bytes | stored | taken off | by PHP | x |
|---|---|---|---|---|---|
${rows.join("\n")}
`);
