// `npm run demo`: gets the parts, builds, starts all of it, and serves until it is told to end.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildAll } from "../build.ts";
import { canInstall, howToGetPart, installPackages } from "../local/debian.ts";
import { isFree } from "../local/ports.ts";
import { demoParts } from "./demo-parts.ts";
import { startDemo } from "./start-demo.ts";

// What this process has started ends with it. While it starts, and at a second signal, there is nothing to finish.
const abandon = () => process.exit(1);
let stop: () => void = abandon;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => stop());
// The reader has gone, as in `npm run demo | head`.
process.stdout.on("error", () => stop());

process.exitCode = await main().catch((error: Error) => complain(error.message));
process.exit();

async function main(): Promise<number> {
  const port = readPort();
  if (typeof port === "string") return complain(`${port}\nnpm run demo -- --help says more.`, 2);
  if (!(await isFree(port))) {
    return complain(`Port ${port} is taken. Choose another one: npm run demo -- --port ${port + 1}`);
  }
  if (!getParts()) return 1;
  await doing("Building the relay and the function", buildAll);
  const directory = mkdtempSync(join(tmpdir(), "inspectord-demo-"));
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  const demo = await startDemo({ port, directory, doing });
  say(`\nOpen ${demo.url} and log in as Alice on one side, as Bob on the other. ^C ends it.`);
  const told = new Promise<undefined>((resolve) => {
    stop = () => {
      stop = abandon;
      resolve(undefined);
    };
  });
  const ended = await Promise.race([told, demo.ended]);
  await demo.stop();
  return ended === undefined ? 0 : complain(`${ended.name} has ended:\n${ended.output}`);
}

/** Installs what is missing, where that needs no question. Returns whether all is there; else it says what to install. */
function getParts(): boolean {
  const lacking = () => demoParts.filter(({ isThere }) => !isThere());
  if (lacking().length > 0 && canInstall()) {
    say(`Installing by apt-get: ${lacking().flatMap(({ packages }) => packages.map(([name]) => name))} ...`);
    installPackages(lacking());
  }
  for (const part of lacking()) complain(`The demo needs ${howToGetPart(part)}`);
  return lacking().length === 0;
}

/** Says what is done, and how long it took. */
async function doing<T>(what: string, work: () => Promise<T>): Promise<T> {
  process.stdout.write(`${what} ... `);
  const startedMs = performance.now();
  try {
    const result = await work();
    say(`${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
    return result;
  } catch (error) {
    say("failed");
    throw error;
  }
}

/** Returns what is wrong with the command line as a text. */
function readPort(): number | string {
  try {
    const { values } = parseArgs({ options: { port: { type: "string", default: "3080" } } });
    const port = Number(values.port);
    return Number.isInteger(port) && port >= 1 && port <= 65534 ? port : "--port must be a port, 1 to 65534.";
  } catch (error) {
    return (error as Error).message;
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function complain(text: string, exitCode = 1): number {
  process.stderr.write(`${text}\n`);
  return exitCode;
}
