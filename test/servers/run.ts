// `npm run test:servers`: the tests that talk to ejabberd, PHP, memcached and Redis, run again with the versions of other
// Debian releases. A word chooses releases or files: npm run test:servers -- trixie end-to-end

import { spawn } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildAll } from "../../infra/build.ts";
import { needsOf, testFiles } from "../needs.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { installParts, type Part } from "../real/parts.ts";
import { findRoot, type Release, type Root, RootError, releases } from "./roots.ts";

const project = fileURLToPath(new URL("../..", import.meta.url));
const words = process.argv.slice(2);
const chosen = releases.filter((release) => words.includes(release));
const fileWords = words.filter((word) => !releases.some((release) => release === word));

/** A release that is not stable may break for reasons of its own: that is told, and fails nothing. */
const mayFail: readonly Release[] = ["sid"];
/** The programs of the root that the tests find in the PATH, in place of this machine's. */
const programs = ["erl", "erlc", "php", "memcached", "redis-server", "socat", "prosody"];
/** What the roots have in other versions. */
const servers: readonly Part[] = ["ejabberd", "php", "memcached", "redis", "prosody"];

const say = (line: string) => process.stdout.write(`${line}\n`);
const files = testFiles()
  .filter((name) => fileWords.length === 0 || fileWords.some((word) => name.includes(word)))
  .filter((name) => {
    const { parts } = needsOf(name);
    // The frameworks are this machine's, and fit its PHP.
    return servers.some((part) => parts.has(part)) && !parts.has("frameworks");
  });
if (files.length === 0) {
  process.stderr.write(`No test file that talks to a server has ${fileWords.join(" or ")} in its path.\n`);
  process.exit(2);
}

const needed = new Set(files.flatMap((name) => [...needsOf(name).parts]));
if (!installParts([...needed], say) && process.env["CI"] === "true") {
  say("With CI=true a missing part is a failure.\n0 passed, 1 failed, 0 skipped");
  process.exit(1);
}
await buildAll();

const totals = { pass: 0, fail: 0, skipped: 0 };
let exitCode = 0;
for (const release of chosen.length === 0 ? releases : chosen) {
  const isRequired = !mayFail.includes(release);
  const failed = await testRelease(release).catch((error) => {
    if (!(error instanceof RootError)) throw error;
    say(error.message);
    return 1;
  });
  if (failed > 0 && isRequired) exitCode = 1;
  if (failed > 0 && !isRequired)
    say(`${release}: ${failed} failed; it is no stable release, so the gate stays open.`);
}
say(`\n${totals.pass} passed, ${totals.fail} failed, ${totals.skipped} skipped`);
process.exit(exitCode);

/** Returns how many tests failed. */
async function testRelease(release: Release): Promise<number> {
  say(`\nDebian ${release}`);
  const root = findRoot(release, say);
  for (const [name, version] of Object.entries(root.versions)) say(`  ${name} ${version}`);
  let failed = await runIn(root, files, {});
  const ofRedis = files.filter((name) => name.startsWith("test/stores/redis/"));
  if (ofRedis.length > 0) {
    say(`\nDebian ${release}, Valkey in place of Redis`);
    failed += await runIn(root, ofRedis, { "redis-server": "valkey-server" });
  }
  return failed;
}

/** Runs the files with the root's programs in the PATH; some of them under another program's name. */
function runIn(
  root: Root,
  names: readonly string[],
  aliases: Readonly<Record<string, string>>,
): Promise<number> {
  const bin = temporaryDirectory();
  for (const program of programs) {
    // Its own PATH: this one leads back to here.
    const env = 'env -C "$PWD" PATH=/usr/sbin:/usr/bin:/sbin:/bin';
    const script = `#!/bin/sh\nexec chroot ${root.path} ${env} ${aliases[program] ?? program} "$@"\n`;
    writeFileSync(join(bin, program), script, { mode: 0o755 });
  }
  // The root sees the project, the tests' directories and this Node under the same paths.
  const mounts = [
    `mount -t proc proc ${root.path}/proc`,
    `mount --rbind /dev ${root.path}/dev`,
    // Without /etc/hosts the root knows no localhost.
    ...[project.replace(/\/$/, ""), "/tmp", "/etc/hosts", process.execPath].map((path) =>
      bind(root.path, path),
    ),
  ];
  const runner = [
    process.execPath,
    ...["--import", "tsx", "--test", "--test-concurrency=1", "--test-timeout=180000", "--test-force-exit"],
    ...["--test-reporter=spec", ...names],
  ];
  const script = `${mounts.join(" && ")} && exec "$@"`;
  const child = spawn(
    "unshare",
    ["--mount", "--propagation", "private", "sh", "-c", script, "sh", ...runner],
    {
      cwd: project,
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, PATH: `${bin}:${process.env["PATH"]}`, INSPECTORD_TEST_ROOT: root.path },
    },
  );
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    process.stdout.write(text);
    output += text;
  });
  return new Promise((resolve) => {
    child.on("close", (status) => {
      const count = (name: string) =>
        Number([...output.matchAll(new RegExp(`^ℹ ${name} (\\d+)$`, "gm"))].at(-1)?.[1] ?? 0);
      const failed = count("fail") + count("cancelled");
      totals.pass += count("pass");
      totals.fail += failed;
      totals.skipped += count("skipped");
      resolve(failed > 0 || status === 0 ? failed : 1);
    });
  });
}

/** A command of the shell that shows a path of this machine inside the root. */
function bind(root: string, path: string): string {
  const inside = join(root, path);
  if (statSync(path).isFile()) {
    mkdirSync(dirname(inside), { recursive: true });
    writeFileSync(inside, "", { flag: "a" });
  } else {
    mkdirSync(inside, { recursive: true });
  }
  return `mount --rbind ${path} ${inside}`;
}
