// npm run fuzz -- --count 1000000 --seed 1: damaged sessions for all decoders, sessions made to cost much (fuzz.ts),
// and changed tickets (tickets.ts). Ends with 1 at the first input that is not taken as it should be, and prints it.

import { parseArgs } from "node:util";
import { fuzz, readHostile } from "./fuzz.ts";
import { fuzzTickets } from "./tickets.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "1000000" },
    seed: { type: "string", default: String(Date.now() % 2 ** 32) },
  },
});
const count = Number(values.count);
const seed = Number(values.seed);
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write("--count and --seed are whole numbers, the count at least 1\n");
  process.exit(2);
}

process.stdout.write(`${count} inputs from seed ${seed}\n`);
const startedMs = performance.now();
try {
  const { sessions, slowestMs } = fuzz(seed, count);
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  process.stdout.write(
    `${count} inputs in ${seconds} s: ${sessions} sessions, ${count - sessions} refused, slowest ${slowestMs.toFixed(1)} ms\n`,
  );
  const { count: hostile, costliestMs } = readHostile();
  process.stdout.write(
    `${hostile} sessions made to cost much: the costliest took ${costliestMs.toFixed(0)} ms\n`,
  );
  const answers = [...fuzzTickets(seed, count)].map(([answer, times]) => `${answer} ${times}`);
  process.stdout.write(`${count} tickets, and only unchanged ones opened: ${answers.join(", ")}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exit(1);
}
