// The program that ejabberd runs as its extauth_program: stdin -> frames -> the API -> answers on stdout.

import { Api, ApiFault } from "./api.ts";
import { parseCommand } from "./command.ts";
import { type RelayConfig, readConfig, usage } from "./config.ts";
import { createLog } from "./log.ts";
import { serve } from "./serve.ts";

const log = createLog(
  (line) => process.stderr.write(line),
  () => new Date(),
);

// ejabberd restarts a program that ends, and too many fast ends take its supervisors down, BOSH with them.
// After a fault that nobody foresaw, this pause keeps the restarts below that rate.
const pauseBeforeCrashMs = 2_000;
process.on("uncaughtException", (error) => {
  log("crash", error.name);
  setTimeout(() => process.exit(1), pauseBeforeCrashMs);
});
// A log that nobody reads any more must not end the program.
process.stderr.on("error", () => {});
// ejabberd has gone: there is nobody left to answer.
process.stdout.on("error", () => process.exit(0));

const config = readConfig(process.argv.slice(2));
if ("problem" in config) {
  // Ending here would make ejabberd start it again at once, so it stays and refuses.
  log("bad-configuration", `${config.problem}; every login is refused until it is put right`);
  process.stderr.write(`${usage}\n`);
}

await serve({
  input: process.stdin,
  write: (bytes) => process.stdout.write(bytes),
  decide: "problem" in config ? async () => false : decideBy(config),
  patienceMs: 25_000,
  now: () => performance.now(),
  log,
});
process.exit(0);

function decideBy({ url, deadlineMs }: RelayConfig): (payload: Uint8Array) => Promise<boolean> {
  const api = new Api(url);
  return async (payload) => {
    const command = parseCommand(payload);
    if ("refusal" in command) {
      log(command.refusal);
      return false;
    }
    try {
      return await api.ask(command.request, deadlineMs);
    } catch (fault) {
      if (!(fault instanceof ApiFault)) throw fault;
      log(fault.code, fault.detail);
      return false;
    }
  };
}
