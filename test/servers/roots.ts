// Roots of other Debian releases, whose ejabberd, PHP and caches are other versions than this machine's: made by
// debootstrap from the machine's own mirror, once, in a cache folder outside of the tree. Nothing of them runs as a
// service, and nothing is installed on the machine itself but debootstrap and iproute2.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { endWithParent } from "../../infra/local/process.ts";
import { inNamespace } from "./namespace.ts";

/** Debian's releases by their name: what they carry is read from the root, not assumed. */
export const releases = ["trixie", "sid"] as const;
export type Release = (typeof releases)[number];

export interface Root {
  readonly release: Release;
  readonly path: string;
  /** By package. */
  readonly versions: Readonly<Record<string, string>>;
}

/** A step of making a root failed. The message says which, and what to look at. */
export class RootError extends Error {
  override readonly name = "RootError";
}

/** What the tests talk to, and what these programs need beside them. */
const packages = [
  ...[
    "ejabberd",
    "erlang-p1-oauth2",
    "php-cli",
    "php-memcached",
    "php-memcache",
    "php-redis",
    "php-igbinary",
    "php-msgpack",
  ],
  ...["memcached", "redis-server", "valkey-server", "socat", "openssl", "prosody", "chromium-headless-shell"],
] as const;

/** What a finished root is known by: it holds the packages' versions. */
const stamp = "inspectord-root.json";

/** In milliseconds: a step takes half a minute, and a slow mirror some minutes. */
const stepTimeoutMs = 5 * 60_000;

/** Returns the folder that holds all roots. */
function cacheFolder(): string {
  return join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "inspectord", "roots");
}

/**
 * Returns the root of a release, made first if it is not there yet. `say` hears each step and the seconds it took.
 * @throws RootError
 */
export async function findRoot(release: Release, say: (line: string) => void): Promise<Root> {
  const path = join(cacheFolder(), release);
  const found = readStamp(path);
  if (found !== undefined && packages.every((name) => name in found)) {
    return { release, path, versions: found };
  }
  const step = async (name: string, command: readonly string[]) => {
    const startedMs = performance.now();
    const { status, output } = await run(command);
    say(`${name}: ${Math.round((performance.now() - startedMs) / 1000)} s`);
    if (status === 0) return;
    const words = output.trim().split("\n").slice(-12).join("\n");
    throw new RootError(
      `Debian ${release}: ${name} failed. It needs Debian's mirror, ${mirror()}: is the network there?\n${words}`,
    );
  };
  // Made under another name: one that was broken off is never taken for a whole one.
  const making = `${path}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  try {
    const debootstrap = ["debootstrap", "--variant=minbase", release, making, mirror()];
    await step("debootstrap", inNamespace('"$0" "$@"', debootstrap));
    writeFileSync(join(making, "usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n", { mode: 0o755 });
    writeFileSync(join(making, "etc/hosts"), "127.0.0.1 localhost\n::1 localhost\n");
    // A mirror may lag behind what an unstable release's list says of itself.
    writeFileSync(join(making, "etc/apt/apt.conf.d/90mirror"), 'Acquire::Check-Valid-Until "false";\n');
    await step("package lists", inRoot(making, ["apt-get", "update", "-qq"]));
    const install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", ...packages];
    await step("installation of the servers", inRoot(making, install));
    await step("clean-up", inRoot(making, ["apt-get", "clean"]));
    const versions = versionsIn(making);
    writeFileSync(join(making, stamp), JSON.stringify(versions));
    rmSync(path, { recursive: true, force: true });
    renameSync(making, path);
    return { release, path, versions };
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Installs what makes roots, and what gives their tests a loopback. `say` hears of it.
 * @throws RootError
 */
export function prepareMachine(say: (line: string) => void): void {
  if (process.getuid?.() !== 0) {
    throw new RootError(
      "Roots of other Debian releases are made and entered by root only: run this as root.",
    );
  }
  const needed = { debootstrap: "debootstrap", ip: "iproute2", unshare: "util-linux", setpriv: "util-linux" };
  const missing = Object.entries(needed).filter(([program]) => spawnSync(program, ["--version"]).error);
  if (missing.length === 0) return;
  const names = [...new Set(missing.map(([, name]) => name))];
  say(`Installing ${names.join(", ")} by apt-get ...`);
  for (const args of [
    ["update", "-qq"],
    ["install", "-y", "-qq", "--no-install-recommends", ...names],
  ]) {
    const { status, stderr, error } = spawnSync("apt-get", args, {
      encoding: "utf8",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      timeout: stepTimeoutMs,
    });
    if (status === 0 || args[0] === "update") continue;
    throw new RootError(
      `apt-get ${args.join(" ")} failed: is the network there?\n${error?.message ?? stderr.trim()}`,
    );
  }
}

function run([command = "", ...args]: readonly string[]): Promise<{ status: number | null; output: string }> {
  const child = spawn(command, args, {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: stepTimeoutMs,
    killSignal: "SIGKILL",
  });
  endWithParent(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve) => {
    child.on("error", ({ message }) => resolve({ status: null, output: message }));
    child.on("close", (status) => resolve({ status, output }));
  });
}

/** Returns the command line that runs a command in a root that is being made: with /proc, and the machine's network. */
function inRoot(path: string, command: readonly string[]): string[] {
  return inNamespace('mount -t proc proc "$0/proc" && chroot "$0" "$@"', [path, ...command]);
}

function readStamp(path: string): Record<string, string> | undefined {
  const file = join(path, stamp);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
}

function versionsIn(path: string): Record<string, string> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
  const format = "${Package} ${Version}\\n";
  const { stdout } = spawnSync("chroot", [path, "dpkg-query", "-W", "-f", format, ...packages], {
    encoding: "utf8",
  });
  return Object.fromEntries(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" ") as [string, string]),
  );
}

/** Returns the mirror that this machine's own apt takes Debian's main packages from. */
function mirror(): string {
  const folder = "/etc/apt/sources.list.d";
  const files = [
    "/etc/apt/sources.list",
    ...(existsSync(folder) ? readdirSync(folder) : []).map((name) => join(folder, name)),
  ];
  const text = files
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  const found = /^(?:URIs:|deb(?: \[[^\]]*\])?) *(\S+\/debian)\/?(?:\s|$)/m.exec(text)?.[1];
  return found ?? "http://deb.debian.org/debian";
}
