// Contenders of one measurement: each has its turn in every round, so that what else the machine does falls on all of
// them alike. Only the ratios mean anything elsewhere.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { build } from "esbuild";
import { functionOptions } from "../infra/build.ts";
import { temporaryDirectory } from "../test/real/directory.ts";
import { median } from "./table.ts";

export const rounds = 51;
/**
 * What one contender does in one round takes about so long, in milliseconds: most turns pass before the system gives
 * the core to another program.
 */
const turnMs = 4;
const warmUpMs = 150;
/** A contender that takes more than a second for one run has `slowRounds` and no warm-up. */
const slowMs = 1000;
const slowRounds = 3;

export interface Contender {
  readonly name: string;
  /** Returns the time that `count` runs take, in microseconds. */
  readonly run: (count: number) => number | Promise<number>;
  /** For each round, the microseconds of one run. */
  readonly times: number[];
  count: number;
}

/**
 * A process that runs loops within itself, so that only the time comes over: for each line "WHAT base64 count" it
 * writes the nanoseconds that so many runs took, or "wrong".
 */
export function openProcess(command: string, args: readonly string[]) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  const contender = (what: string, bytes: string): Contender => {
    const name = [command, ...args, what].join(" ");
    const run = async (count: number) => {
      child.stdin.write(`${what} ${bytes} ${count}\n`);
      const nanoseconds = Number((await answers.next()).value);
      if (!(nanoseconds > 0)) throw new Error(`${name} fails`);
      return nanoseconds / 1000;
    };
    return { name, run, times: [], count: 1 };
  };
  return { contender, close: () => child.stdin.end() };
}

export async function measure(contenders: readonly Contender[]): Promise<void> {
  for (const contender of contenders) {
    let took = await contender.run(1);
    for (let count = 1; took < warmUpMs * 1000; count *= 2) {
      took = await contender.run(count);
      contender.count = Math.max(1, Math.round((turnMs * 1000 * count) / took));
    }
    if (took > slowMs * 1000) contender.times.push(took);
  }
  for (let round = 0; round < rounds; round++) {
    for (const { run, count, times } of contenders) {
      const isSlow = (times[0] ?? 0) > slowMs * 1000;
      if (!isSlow || times.length < slowRounds) times.push((await run(count)) / count);
    }
  }
}

export function micros({ times }: Contender): string {
  const time = median(times);
  return time < 1000 ? time.toPrecision(3) : String(Math.round(time));
}

/** Builds this module as the function is, and returns the file. */
export async function bundle(path: string): Promise<string> {
  const outdir = temporaryDirectory();
  await build({ ...functionOptions, entryPoints: { process: path }, outdir });
  return join(outdir, "process.mjs");
}
