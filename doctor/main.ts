// The program that says what is wrong on an ejabberd host.

import { ownEnvironment } from "../relay/config.ts";
import { defaultYmlPath, readDoctorOptions, usage } from "./doctor-options.ts";
import { examine } from "./examine.ts";
import { lineOf } from "./finding.ts";
import { thisMachine } from "./machine.ts";

const args = process.argv.slice(2);
// Reached as `relay.mjs doctor ...`.
if (args[0] === "doctor") args.shift();
const read = readDoctorOptions(args);
if (read === "help") {
  process.stdout.write(`${usage}\n`);
} else if ("problem" in read) {
  refuse(read.problem);
} else {
  const ymlPath = read.ymlPath ?? (read.relayArgs === undefined ? defaultYmlPath : undefined);
  const counts = { ok: 0, warn: 0, fail: 0 };
  const isColoured = process.stdout.isTTY === true;
  const machine = thisMachine(ownEnvironment());
  for await (const finding of examine({ ...read, ymlPath, machine })) {
    counts[finding.level]++;
    process.stdout.write(`${lineOf(finding, isColoured)}\n`);
  }
  process.stdout.write(`${counts.fail} to put right, ${counts.warn} warnings\n`);
  process.exitCode = counts.fail > 0 ? 1 : 0;
}
// What was asked and given up may still be on its way.
process.exit();

function refuse(problem: string): never {
  process.stderr.write(`${problem}\n\n${usage}\n`);
  process.exit(2);
}
