// `npm run test:servers`: the tests that talk to ejabberd, PHP, memcached and Redis, run again with the versions of other
// Debian releases, inside of their roots. Words choose releases and files: npm run test:servers -- trixie end-to-end

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildAll } from "../../infra/build.ts";
import { endWithParent } from "../../infra/local/process.ts";
import { needsOf, testFiles } from "../needs.ts";
import { installParts, type Part } from "../real/parts.ts";
import { type ServerTests, serverTests } from "./files.ts";
import { inNamespace } from "./namespace.ts";
import { findRoot, prepareMachine, type Release, type Root, RootError, releases } from "./roots.ts";

const project = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const startedMs = performance.now();

/** A release that is not stable may break for reasons of its own: that is told, and fails nothing. */
const mayFail: readonly Release[] = ["sid"];
/** What the roots have in other versions. */
const servers: readonly Part[] = ["ejabberd", "php", "memcached", "redis", "prosody"];

/** In milliseconds from the start of all: what must pass has this long on a machine that is slow. */
const requiredWithinMs = 24 * 60_000;
/** What may fail is left out where it would take longer. */
const optionalWithinMs = 12 * 60_000;
/** In milliseconds, for one file and for one entry of the list. */
const fileTimeoutMs = 5 * 60_000;
const entryTimeoutMs = 8 * 60_000;

interface Run {
  readonly name: string;
  readonly files: readonly string[];
  readonly valkey: boolean;
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

const say = (line: string) => process.stdout.write(`${line}\n`);
const secondsSince = (ms: number) => `${Math.round((performance.now() - ms) / 1000)} s`;

process.exitCode = await main(process.argv.slice(2)).catch((error) => {
  if (!(error instanceof RootError)) throw error;
  say(`${error.message}\n\n0 passed, 1 failed, 0 skipped`);
  return 1;
});

async function main(words: readonly string[]): Promise<number> {
  const chosen = releases.filter((release) => words.includes(release));
  const fileWords = words.filter((word) => !releases.some((release) => release === word));
  const plan = (chosen.length === 0 ? releases : chosen).map(
    (release) => [release, runsFor(release, fileWords)] as const,
  );
  if (plan.every(([, runs]) => runs.length === 0)) {
    process.stderr.write(`No test file that talks to a server has ${fileWords.join(" or ")} in its path.\n`);
    return 2;
  }
  prepareMachine(say);
  // Those that no root has: they lie in the project.
  installParts(["nodes"], say);
  await buildAll();
  const results = await Promise.all(
    plan.map(([release, runs]) =>
      // Whatever one release throws, the other goes on.
      testRelease(release, runs).catch((error): Counts => {
        say(`${release}: ${error instanceof RootError ? error.message : error.stack}`);
        return { passed: 0, failed: 1 };
      }),
    ),
  );
  let [passed, failed] = [0, 0];
  for (const [at, [release]] of plan.entries()) {
    const counts = results[at] ?? { passed: 0, failed: 1 };
    const isRequired = !mayFail.includes(release);
    passed += counts.passed;
    if (isRequired) failed += counts.failed;
    const harmless =
      isRequired || counts.failed === 0 ? "" : ", which fails nothing: it is no stable release";
    say(`Debian ${release}: ${counts.passed} passed, ${counts.failed} failed${harmless}`);
  }
  say(`\n${passed} passed, ${failed} failed, 0 skipped in ${secondsSince(startedMs)}`);
  return failed === 0 ? 0 : 1;
}

/** Returns what runs on a release: the list, or each file of the project whose path holds one of the words. */
function runsFor(release: Release, words: readonly string[]): Run[] {
  const needServers = testFiles().filter((name) => {
    const { parts } = needsOf(name);
    // The frameworks are this machine's, and fit its PHP.
    return servers.some((part) => parts.has(part)) && !parts.has("frameworks");
  });
  if (words.length > 0) {
    return needServers
      .filter((name) => words.some((word) => name.includes(word)))
      .map((name) => ({ name, files: [name], valkey: false }));
  }
  return serverTests
    .filter(({ releases = [release] }) => releases.includes(release))
    .map(({ path, valkey }: ServerTests) => {
      const files = path.endsWith("/") ? needServers.filter((name) => name.startsWith(path)) : [path];
      if (files.length === 0 || !files.every((name) => existsSync(join(project, name)))) {
        throw new Error(`test/servers/files.ts: ${path} is not there`);
      }
      return { name: valkey ? `${path} with Valkey` : path, files, valkey: valkey === true };
    });
}

async function testRelease(release: Release, runs: readonly Run[]): Promise<Counts> {
  const tell = (line: string) => say(`${release}: ${line}`);
  const isRequired = !mayFail.includes(release);
  const untilMs = startedMs + (isRequired ? requiredWithinMs : optionalWithinMs);
  const releaseMs = performance.now();
  const root = await findRoot(release, tell);
  const versions = Object.entries(root.versions).map(([name, version]) => `${name} ${version}`);
  tell(versions.join(", "));
  let [passed, failed] = [0, 0];
  for (const run of runs) {
    let counts = await testOnce(root, run, untilMs, tell);
    if (counts.failed > 0 && isRequired && performance.now() < untilMs) {
      // A machine that is slow for a moment must not cost a whole run of all tests; what fails twice fails.
      counts = await testOnce(root, run, untilMs, tell);
      if (counts.failed === 0) tell(`UNSTEADY ${run.name}: it failed, and passed when it was run again`);
    }
    passed += counts.passed;
    failed += counts.failed;
  }
  tell(`done in ${secondsSince(releaseMs)}`);
  return { passed, failed };
}

/** Tells how it went, in a line if all passed. */
async function testOnce(
  root: Root,
  run: Run,
  untilMs: number,
  tell: (line: string) => void,
): Promise<Counts> {
  const leftMs = untilMs - performance.now();
  if (leftMs <= 0) {
    tell(`FAIL ${run.name}: not run, the time is over`);
    return { passed: 0, failed: 1 };
  }
  const runMs = performance.now();
  const { output, status, isTimedOut } = await runInRoot(root, run, Math.min(entryTimeoutMs, leftMs));
  // The runner's own count, as its last words on it: what stands above could be the name of a test.
  const count = (name: string) =>
    Number([...output.matchAll(new RegExp(`^ℹ ${name} (\\d+)$`, "gm"))].at(-1)?.[1] ?? 0);
  const passed = count("pass");
  // A missing part fails here, as everywhere with CI=true: nothing may be skipped.
  const counted = count("fail") + count("cancelled") + count("skipped");
  const isGood = status === 0 && counted === 0 && passed > 0;
  const failed = isGood ? 0 : Math.max(counted, 1);
  if (!isGood) say(output);
  if (isTimedOut) tell(`${run.name} was ended: its time was over`);
  tell(`${isGood ? "ok  " : "FAIL"} ${run.name}: ${passed} passed, ${failed} failed, ${secondsSince(runMs)}`);
  return { passed, failed };
}

interface Ended {
  readonly output: string;
  readonly status: number | null;
  readonly isTimedOut: boolean;
}

/** Runs the files inside of the root, which sees the project and this Node, and has all else of its own. */
function runInRoot(root: Root, run: Run, withinMs: number): Promise<Ended> {
  const node = process.execPath;
  const mounts = [
    'mount -t proc proc "$0/proc"',
    'mount --rbind /dev "$0/dev"',
    ...["/tmp", "/run", "/dev/shm"].map((path) => `mount -t tmpfs -o mode=1777 tmpfs "$0${path}"`),
    `mkdir -p "$0${project}" "$0$(dirname ${node})"`,
    `mount --bind ${project} "$0${project}"`,
    `touch "$0${node}" && mount --bind ${node} "$0${node}"`,
    ...(run.valkey ? ['mount --bind "$0/usr/bin/valkey-server" "$0/usr/bin/redis-server"'] : []),
  ];
  const [command = "", ...args] = inNamespace(
    `${mounts.join(" && ")} && chroot "$0" "$@"`,
    [
      root.path,
      ...["env", "-C", project, "PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
      ...[node, "--import", "tsx", "--test", "--test-force-exit", "--test-reporter=spec"],
      ...[`--test-timeout=${fileTimeoutMs}`, `--test-concurrency=${run.files.length > 2 ? 2 : 1}`],
      ...run.files,
    ],
    { network: true },
  );
  const child = spawn(command, args, {
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, CI: "true", HOME: "/root" },
  });
  endWithParent(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  let isTimedOut = false;
  const timer = setTimeout(() => {
    isTimedOut = true;
    child.kill("SIGKILL");
  }, withinMs);
  return new Promise((resolve) => {
    child.on("close", (status) => {
      clearTimeout(timer);
      resolve({ output, status, isTimedOut });
    });
  });
}
