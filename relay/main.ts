// The program on the ejabberd host: the process's own streams, signals and end, and nothing else.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ownEnvironment } from "./config.ts";
import { runProgram } from "./program.ts";

const args = process.argv.slice(2);
// A file of its own, which lies beside this one: a relay has no use for what it needs.
const doctor = new URL("./doctor.mjs", import.meta.url);
if (args[0] !== "doctor") {
  const { stdin, stdout, stderr } = process;
  process.exit(
    await runProgram({
      args,
      environment: ownEnvironment(),
      stdin,
      stdout,
      stderr,
      onSignal: (signal, run) => process.on(signal, run),
      onUncaught: (run) => process.on("uncaughtException", run),
      exit: (code) => process.exit(code),
    }),
  );
} else if (existsSync(doctor)) {
  await import(doctor.href);
} else {
  process.stderr.write(`${fileURLToPath(doctor)} is not there: copy doctor.mjs beside relay.mjs\n`);
  process.exitCode = 2;
}
