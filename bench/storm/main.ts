// `npm run storm`: 2.5 million users come back at once, simulated. Writes the table and the plots of docs/storm.md.
//
//   npm run storm                  all storms at full size
//   npm run storm -- --tenth       the same at a tenth of the size: users, hosts and limits
//   npm run storm -- NAME ...      these alone: prints their rows, and writes nothing
//   npm run storm -- --check       a small storm with real parts, beside the model: bench/storm/check.ts

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { capacityOf } from "../../infra/capacity.ts";
import { checkParameters } from "../../infra/parameters.ts";
import { readCalibration } from "./calibration.ts";
import { plotOf } from "./plot.ts";
import { cellsOf, head, partOf, table, withPart } from "./report.ts";
import { type Scenario, scaled } from "./scenario.ts";
import { scenariosOf } from "./scenarios.ts";
import { type Result, simulate } from "./simulate.ts";

const page = fileURLToPath(new URL("../../docs/storm.md", import.meta.url));
const plots = fileURLToPath(new URL("../../docs/storm/", import.meta.url));
const isTenth = process.argv.includes("--tenth");
const names = process.argv.slice(2).filter((word) => word !== "--tenth");

if (names.includes("--check")) {
  // Only then are its parts needed.
  const { check } = await import("./check.ts");
  const part = await check((line) => process.stderr.write(`${line}\n`));
  writePart("check", part);
  process.stdout.write(`${part}\n`);
} else {
  const startedMs = performance.now();
  const full = scenariosOf(readCalibration(), capacityOf(await exampleParameters()));
  const all = isTenth ? full.map((scenario) => scaled(scenario, 10)) : full;
  const unknown = names.find((word) => !all.some(({ name }) => name === word));
  if (unknown !== undefined) {
    process.stderr.write(
      `There is no storm ${unknown}: --tenth, --check, or any of ${all.map(({ name }) => name).join(", ")}\n`,
    );
    process.exit(2);
  }
  const chosen = all.filter(({ name }) => names.length === 0 || names.includes(name));
  const isWhole = names.length === 0;
  if (isWhole) mkdirSync(plots, { recursive: true });
  const storms = chosen.map((scenario) => {
    const result = run(scenario);
    if (isWhole) writeFileSync(`${plots}${scenario.name}.svg`, plotOfScenario(scenario, result));
    return { scenario, result };
  });
  const size = isTenth
    ? "At a tenth of the size: 250,000 users, one host, a tenth of each limit."
    : "At full size.";
  const ranBeside = `Run on ${cpus().length} cores with a load average of ${loadavg()[0]?.toFixed(0)}.`;
  if (isWhole) writePart("table", `${size} ${ranBeside}\n\n${partOf(storms)}`);
  const rows = table(
    head,
    storms.map(({ scenario, result }) => cellsOf(scenario.name, result)),
  );
  const tookSeconds = Math.round((performance.now() - startedMs) / 1000);
  process.stdout.write(
    `${rows}\n${tookSeconds} s; ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}\n`,
  );
}
process.exit(0);

/** 2.5 million users who come back within ten minutes, and else what params/example.yml has. */
async function exampleParameters() {
  const parameters = await checkParameters({
    region: "eu-central-1",
    expectedUsers: 2_500_000,
    backWithinSeconds: 600,
    function: {
      SESSION_STORE: "dynamodb://sessions",
      AUTHENTICATED_EXPRESSION: "user",
      USER_EXPRESSION: "user",
      SERVED_HOSTS: "example.org",
    },
  });
  if ("problems" in parameters) throw new Error(parameters.problems.join("\n"));
  return parameters;
}

function run(scenario: Scenario): Result {
  const startedMs = performance.now();
  const result = simulate(scenario, (second, inCount) => {
    if (second % 20 !== 0) return;
    const percent = ((100 * inCount) / scenario.users).toFixed(0);
    process.stderr.write(`\r${scenario.name}: ${second} s, ${percent} % are in  `);
  });
  const tookSeconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  process.stderr.write(`\r${scenario.name}: done in ${tookSeconds} s               \n`);
  return result;
}

function plotOfScenario({ name }: Scenario, result: Result): string {
  const lastSecond = result.series.environments.findLastIndex((each) => each > 0);
  // The long end, in which hardly anybody comes, is left out.
  return plotOf(name, result.series, Math.min(1800, Math.max(60, lastSecond)));
}

function writePart(name: string, text: string): void {
  writeFileSync(page, withPart(readFileSync(page, "utf8"), name, text));
}
