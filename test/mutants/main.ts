// npm run mutants -- ROOM [--count 60] [--seed 1]: how many faults the tests find. It plants a sample of faults in a copy
// of the tree, one at a time, and runs the tests of the room: those of the file first. It prints each fault that no
// test finds, and at the end found/total. A fault that the types find is none: another one takes its place.

import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { API } from "typescript/unstable/sync";
import { needsOf, testFiles } from "../needs.ts";
import { type Fault, faultsIn } from "./plant.ts";

interface Planted extends Fault {
  readonly file: string;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values, positionals } = parseArgs({
  options: { count: { type: "string", default: "60" }, seed: { type: "string", default: "1" } },
  allowPositionals: true,
});
const [room = ""] = positionals;
const count = Number(values.count);
if (positionals.length !== 1 || !existsSync(join(root, "test", room)) || !Number.isSafeInteger(count)) {
  fail(
    "usage: npm run mutants -- ROOM [--count 60] [--seed 1], ROOM being a folder such as stores or stores/redis",
  );
}

const copy = mkdtempSync(join(tmpdir(), "inspectord-mutants-"));
/** What runs now, with all that it has started. */
let running: ChildProcess | undefined;
process.once("exit", () => {
  stop(running);
  rmSync(copy, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
copyTree();
const types = new API({ cwd: copy });
let snapshot = types.updateSnapshot({ openProjects: [join(copy, "tsconfig.json")] });

const tests = testFiles().filter((file) => file.startsWith(`test/${room}/`));
const isBuilt = tests.some((file) => needsOf(file).build);
const build = () => run(process.execPath, ["--import", "tsx", "infra/build.ts"], Number.POSITIVE_INFINITY);
const startedMs = performance.now();
if (isBuilt) await build();
if (!(await areTestsGood(tests, Number.POSITIVE_INFINITY, "inherit"))) {
  fail("the tests fail without a fault: what stands above is what they say");
}
/** A fault that makes the tests so slow is found. */
const limitMs = 3 * (performance.now() - startedMs) + 60_000;

const left = shuffled(allFaults(), Number(values.seed));
let total = 0;
let found = 0;
while (total < count && left.length > 0) {
  const fault = left.pop() as Planted;
  const text = readFileSync(join(copy, fault.file), "utf8");
  write(fault.file, text.slice(0, fault.from) + fault.text + text.slice(fault.to));
  if (hasRightTypes()) {
    total++;
    if (await isFound(fault)) found++;
    else process.stdout.write(`not found: ${described(fault, text)}\n`);
    const minutes = Math.round((performance.now() - startedMs) / 60_000);
    process.stderr.write(`${room}: ${found}/${total} found, ${count - total} to go, ${minutes} min\n`);
  }
  write(fault.file, text);
}
process.stdout.write(`${room}: ${found}/${total} found (seed ${values.seed})\n`);
// The exit's own handler ends what is left.
process.exit(0);

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

/** Copies what git knows, and what it would; packages are shared. */
function copyTree(): void {
  const isCopied = (path: string) => !/\/(?:node_modules|\.git|dist|coverage)$/.test(path);
  cpSync(root, copy, { recursive: true, filter: isCopied });
  for (const folder of ["node_modules", "test/real/nodes/node_modules", "test/real/lambda/node_modules"]) {
    if (existsSync(join(root, folder))) symlinkSync(join(root, folder), join(copy, folder));
  }
}

function write(file: string, text: string): void {
  const path = join(copy, file);
  writeFileSync(path, text);
  snapshot = types.updateSnapshot({ fileChanges: { changed: [path] } });
}

function hasRightTypes(): boolean {
  const [project] = snapshot.getProjects();
  return project?.program.getSemanticDiagnostics().length === 0;
}

function allFaults(): Planted[] {
  const [project] = snapshot.getProjects();
  const names = project?.program.getSourceFileNames() ?? [];
  return names
    .filter((name) => name.startsWith(join(copy, room)))
    .flatMap((name) => {
      const source = project?.program.getSourceFile(name);
      if (source === undefined) return [];
      return faultsIn(source).map((fault) => ({ ...fault, file: name.slice(copy.length + 1) }));
    });
}

async function isFound({ file }: Planted): Promise<boolean> {
  if (isBuilt && !(await build())) return true;
  const own = tests.filter((test) => isTestOf(test, file));
  const isNear = (test: string) => dirname(test) === join("test", dirname(file));
  const others = tests.filter((test) => !own.includes(test) && isNear(test));
  const far = tests.filter((test) => !own.includes(test) && !isNear(test));
  for (const files of [own, others, far]) {
    if (!(await areTestsGood(files, limitMs))) return true;
  }
  return false;
}

function isTestOf(test: string, file: string): boolean {
  const name = basename(file, ".ts");
  return dirname(test) === join("test", dirname(file)) && basename(test).startsWith(`${name}.`);
}

async function areTestsGood(
  files: readonly string[],
  withinMs: number,
  output: "inherit" | "ignore" = "ignore",
): Promise<boolean> {
  if (files.length === 0) return true;
  const options = ["--import", "tsx", "--test", "--test-concurrency=2", "--test-force-exit"];
  return run(process.execPath, [...options, "--test-reporter=dot", ...files], withinMs, output);
}

/** Whether the program ends in time and well. All that it has started ends with it. */
function run(
  command: string,
  args: readonly string[],
  withinMs: number,
  output: "inherit" | "ignore" = "ignore",
): Promise<boolean> {
  const child = spawn(command, args, { cwd: copy, detached: true, stdio: ["ignore", output, output] });
  running = child;
  const timer = withinMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(() => stop(child), withinMs);
  return new Promise((resolve) => {
    child.once("close", (code) => {
      clearTimeout(timer);
      stop(child);
      running = undefined;
      resolve(code === 0);
    });
  });
}

function stop(child: ChildProcess | undefined): void {
  if (child?.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nothing is left of it.
  }
}

function described({ file, from, to, text: planted }: Planted, text: string): string {
  const line = text.slice(0, from).split("\n").length;
  const oneLine = (some: string) => some.replace(/\s+/g, " ").slice(0, 100);
  return `${file}:${line}: ${oneLine(text.slice(from, to))} -> ${oneLine(planted)}`;
}

/** Returns the items in an order that the seed says. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const mixed = [...items];
  let state = seed >>> 0;
  for (let i = mixed.length - 1; i > 0; i--) {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    const j = ((bits ^ (bits >>> 14)) >>> 0) % (i + 1);
    [mixed[i], mixed[j]] = [mixed[j] as T, mixed[i] as T];
  }
  return mixed;
}
