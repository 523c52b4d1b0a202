// `npm test`: gets the real parts, builds what is deployed, runs all tests, and counts them in a closing line.
// A word runs the files whose path holds it, and gets only what these need: npm test -- relay
// `npm run test:long`: the same with the files that take minutes, which `npm test` leaves out.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { buildAll } from "../infra/build.ts";
import { longFilesOf } from "./long-files.ts";
import { needsOf, testFiles } from "./needs.ts";
import { installParts } from "./real/parts.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const words = process.argv.slice(2).filter((word) => word !== "--long");
const isLong = process.argv.includes("--long");

const long = longFilesOf(testFiles());
const files = testFiles().filter((name) =>
  words.length === 0 ? long.has(name) === isLong : words.some((word) => name.includes(word)),
);
if (files.length === 0) {
  process.stderr.write(`No test file's path holds ${words.join(" or ")}.\n`);
  process.exit(2);
}
const needs = files.map(needsOf);
const complete = installParts([...new Set(needs.flatMap(({ parts }) => [...parts]))], (line) =>
  process.stdout.write(`${line}\n`),
);
if (process.env["CI"] === "true" && !complete) {
  process.stdout.write("With CI=true a missing part is a failure.\n0 passed, 1 failed, 0 skipped\n");
  process.exit(1);
}
if (needs.some(({ build }) => build)) await buildAll();

/** Most files wait more than they work: two at a time. The doctor looks at all programs of the machine, two build dist/ anew. */
const runsAlone = /^test\/(?:doctor\/|infra\/package\.|infra\/local\/start\.)/;
const groups = [
  { concurrency: 2, files: files.filter((name) => !runsAlone.test(name)) },
  { concurrency: 1, files: files.filter((name) => runsAlone.test(name)) },
];
const counts = { pass: 0, fail: 0, skipped: 0 };
let exitCode = 0;
for (const { concurrency, files } of groups) {
  if (files.length === 0) continue;
  const ran = await run(concurrency, files);
  counts.skipped += ran.skipped;
  // A machine that is slow for a moment must not cost a whole run: what fails twice fails, and what is unsteady is told.
  const isUnsteady =
    ran.failedFiles.length > 0 && ran.failedFiles.length < 4 && (await run(1, ran.failedFiles)).status === 0;
  if (isUnsteady) {
    for (const file of ran.failedFiles)
      process.stdout.write(`UNSTEADY ${file}: it failed, and passed when run again\n`);
  } else exitCode = Math.max(exitCode, ran.status);
  counts.pass += ran.pass + (isUnsteady ? ran.fail : 0);
  counts.fail += isUnsteady ? 0 : ran.fail;
}
process.stdout.write(`\n${counts.pass} passed, ${counts.fail} failed, ${counts.skipped} skipped\n`);
process.exitCode = exitCode;

interface Ran {
  readonly pass: number;
  /** Those that were cancelled, too. */
  readonly fail: number;
  readonly skipped: number;
  readonly failedFiles: readonly string[];
  /** The runner's exit code. */
  readonly status: number;
}

/** Runs these files, and returns what the runner says at its end. */
function run(concurrency: number, files: readonly string[]): Promise<Ran> {
  const runner = spawn(
    process.execPath,
    [
      ...["--import", "tsx", "--test", `--test-concurrency=${concurrency}`, "--test-timeout=300000"],
      // A test that failed half-way may have left a part running, which would hold its file open for ever.
      ...["--test-force-exit", "--test-reporter=spec"],
      ...files,
    ],
    { cwd: root, stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  runner.stdout.setEncoding("utf8").on("data", (text: string) => {
    process.stdout.write(text);
    output += text;
  });
  // The runner's own count, as its last words on it: what stands above could be the name of a test.
  const count = (name: string) =>
    Number([...output.matchAll(new RegExp(`^ℹ ${name} (\\d+)$`, "gm"))].at(-1)?.[1] ?? 0);
  return new Promise((resolve) => {
    runner.on("close", (status) => {
      const failures = output
        .slice(output.lastIndexOf("✖ failing tests:"))
        .matchAll(/^test at (\S+?\.ts):/gm);
      resolve({
        pass: count("pass"),
        fail: count("fail") + count("cancelled"),
        skipped: count("skipped"),
        failedFiles: [...new Set([...failures].map(([, file = ""]) => file))],
        status: status ?? 1,
      });
    });
  });
}
