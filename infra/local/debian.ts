// Programs of this machine that this project does not bring: which are there, and how Debian's packages bring them.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface PartSource {
  readonly isThere: () => boolean;
  /** Debian's packages; the first name that the system knows is taken of each group. */
  readonly packages: readonly (readonly string[])[];
  /** What a person is told where it cannot be installed for them. */
  readonly hint: string;
}

/** Returns whether apt-get may install without asking: as root, on Debian or its like. */
export function canInstall(): boolean {
  return process.getuid?.() === 0 && inPath("apt-get") !== undefined;
}

/** Installs the packages of these parts. Says on stderr where apt-get fails. */
export function installPackages(parts: readonly PartSource[]): void {
  withoutServices(() => {
    run("apt-get", ["update", "-qq"]);
    const known = parts.flatMap(({ packages }) => packages).flatMap(firstKnownPackage);
    run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...known]);
  });
}

/** Returns how a person gets a part. */
export function howToGetPart({ packages, hint }: PartSource): string {
  if (packages.length === 0) return hint;
  return `${hint}; on Debian or Ubuntu: apt-get install ${packages.map(([name]) => name).join(" ")}`;
}

/** Returns whether PHP's command line has these extensions. */
export function hasExtensions(...names: string[]): boolean {
  const loaded = outputOf("php", ["-m"]).split("\n");
  return names.every((name) => loaded.includes(name));
}

/** Returns the path of a program that the shell would find, or undefined. */
export function inPath(program: string): string | undefined {
  const directories = (process.env["PATH"] ?? "").split(delimiter);
  return directories.map((directory) => join(directory, program)).find((path) => existsSync(path));
}

/** Returns the directory below which ejabberd's Erlang applications lie (ERL_LIBS), or undefined. */
export function ejabberdLibraries(): string | undefined {
  const libraries = "/usr/lib";
  if (!existsSync(libraries)) return undefined;
  return readdirSync(libraries)
    .map((name) => join(libraries, name))
    .find((path) => {
      try {
        return readdirSync(path).some((name) => name.startsWith("ejabberd-"));
      } catch {
        return false;
      }
    });
}

/** Runs a command that writes only what went wrong. */
export function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (status !== 0) process.stderr.write(`${command} ${args[0]} ended with ${status}\n`);
}

/** Returns what a command writes to stdout, "" if there is no such command. */
export function outputOf(command: string, args: readonly string[]): string {
  return spawnSync(command, args, { encoding: "utf8" }).stdout ?? "";
}

function firstKnownPackage(names: readonly string[]): string[] {
  const known = names.find((name) =>
    /^\s*Candidate: (?!\(none\))/m.test(outputOf("apt-cache", ["policy", name])),
  );
  return known === undefined ? [] : [known];
}

/** Keeps apt-get from starting the services that it installs: ours are started on their own ports. */
function withoutServices(work: () => void): void {
  const policy = "/usr/sbin/policy-rc.d";
  const isOurs = !existsSync(policy);
  if (isOurs) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    work();
  } finally {
    if (isOurs) rmSync(policy);
  }
}
