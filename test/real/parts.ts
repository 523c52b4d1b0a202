// The real parts that tests talk to: which of them this machine has, and how to get the others.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

export type Part =
  | "memcached"
  | "redis"
  | "mariadb"
  | "postgres"
  | "pdo"
  | "php"
  | "frameworks"
  | "wordpress"
  | "ejabberd"
  | "oauth"
  | "prosody"
  | "chromium"
  | "openssl"
  | "socat"
  | "systemd"
  | "unzip"
  | "root"
  | "nodes";

interface PartSource {
  readonly isThere: () => boolean;
  /** Debian's packages; the first name that the system knows is taken of each group. */
  readonly packages: readonly (readonly string[])[];
  /** What a person is told where it cannot be installed for them. */
  readonly hint: string;
}

/** Node 18, 20 and 24, with a lock file of their own: only tests of the relay and of the zips want them. */
const nodesDirectory = fileURLToPath(new URL("nodes", import.meta.url));
export const nodeVersions = ["18", "20", "24"] as const;

/** By the names that PHP has for them; Debian's packages have the same behind "php-". */
const phpExtensions = ["memcached", "memcache", "redis", "igbinary", "msgpack"] as const;
export const wordpressDirectory = "/usr/share/wordpress";
const frameworkFiles = [
  "Symfony/Component/Security/Http/autoload.php",
  "Symfony/Component/HttpFoundation/autoload.php",
  "Illuminate/Session/autoload.php",
  "Illuminate/Database/autoload.php",
  "Illuminate/Encryption/autoload.php",
  "Illuminate/Cache/autoload.php",
  "Illuminate/Redis/autoload.php",
  "Illuminate/Auth/autoload.php",
  "Illuminate/Http/autoload.php",
  "Laminas/Stdlib/autoload.php",
];

const sources: Readonly<Record<Part, PartSource>> = {
  memcached: {
    isThere: () => inPath("memcached") !== undefined,
    packages: [["memcached"]],
    hint: "memcached 1.6",
  },
  redis: {
    isThere: () => inPath("redis-server") !== undefined,
    packages: [["redis-server"]],
    hint: "Redis 6 or later, with TLS",
  },
  mariadb: {
    isThere: () => existsSync("/usr/sbin/mariadbd") && inPath("mariadb") !== undefined,
    packages: [["mariadb-server"]],
    hint: "MariaDB 10.5 or later, as Debian packages it",
  },
  postgres: {
    isThere: () => postgresPrograms() !== undefined,
    packages: [["postgresql"]],
    hint: "PostgreSQL 13 or later, as Debian packages it",
  },
  pdo: {
    isThere: () => inPath("php") !== undefined && hasExtensions("pdo_mysql", "pdo_pgsql"),
    packages: [["php-cli"], ["php-mysql"], ["php-pgsql"]],
    hint: "PHP 8's command line with its extensions pdo_mysql and pdo_pgsql",
  },
  php: {
    isThere: () => inPath("php") !== undefined && hasExtensions(...phpExtensions),
    packages: [["php-cli"], ...phpExtensions.map((name) => [`php-${name}`])],
    hint: `PHP 8's command line with its extensions ${phpExtensions.join(", ")}`,
  },
  frameworks: {
    isThere: () => frameworkFiles.every((path) => existsSync(join("/usr/share/php", path))),
    packages: [
      ["php-symfony-security-http"],
      ["php-symfony-http-foundation"],
      ["php-illuminate-session"],
      ["php-illuminate-database"],
      ["php-illuminate-encryption"],
      ["php-illuminate-cache"],
      ["php-illuminate-redis"],
      ["php-illuminate-auth"],
      ["php-illuminate-http"],
      ["php-zend-stdlib"],
    ],
    hint: "Symfony's, Laravel's and Laminas' components, as Debian packages them",
  },
  wordpress: {
    isThere: () => existsSync(join(wordpressDirectory, "wp-load.php")) && hasExtensions("mysqli"),
    packages: [["wordpress"], ["php-mysql"]],
    hint: "WordPress 6, as Debian packages it, and PHP's extension mysqli",
  },
  ejabberd: {
    isThere: () => inPath("erlc") !== undefined && ejabberdLibraries() !== undefined,
    packages: [["ejabberd"]],
    hint: "ejabberd 23.01 or later, as Debian packages it",
  },
  oauth: {
    isThere: () => hasErlangApplication("p1_oauth2"),
    packages: [["erlang-p1-oauth2"]],
    hint: "p1_oauth2, by which ejabberd issues and checks tokens of OAuth",
  },
  prosody: {
    isThere: () => inPath("prosody") !== undefined,
    packages: [["prosody"]],
    hint: "Prosody 0.12 or later",
  },
  chromium: {
    isThere: () => chromiumPath() !== undefined,
    packages: [["chromium-headless-shell", "chromium"]],
    hint: "Chromium",
  },
  openssl: {
    isThere: () => inPath("openssl") !== undefined,
    packages: [["openssl"]],
    hint: "openssl",
  },
  socat: {
    isThere: () => inPath("socat") !== undefined,
    packages: [["socat"]],
    hint: "socat 1.7",
  },
  systemd: {
    // 250 brought `security --offline`.
    isThere: () => Number(/^systemd (\d+)/.exec(outputOf("systemd-analyze", ["--version"]))?.[1]) >= 250,
    packages: [["systemd"]],
    hint: "systemd-analyze of systemd 250 or later",
  },
  unzip: {
    isThere: () => inPath("unzip") !== undefined,
    packages: [["unzip"]],
    hint: "unzip",
  },
  root: {
    isThere: () => process.getuid?.() === 0,
    packages: [],
    hint: "run the tests as root: they act as several users",
  },
  nodes: {
    isThere: () => nodeVersions.every((version) => existsSync(nodePath(version))),
    packages: [],
    hint: `npm ci --prefix ${nodesDirectory} (Linux on x64)`,
  },
};

/**
 * Returns the `skip` of a test that needs these parts: false where they are there, else a text that names those
 * that are not. With CI=true nothing is skipped: the test runs and fails.
 */
export function missing(...needed: Part[]): string | false {
  if (process.env["CI"] === "true") return false;
  const lacking = lackingOf(needed);
  return lacking.length === 0 ? false : `missing: ${lacking.join(", ")}`;
}

/**
 * Returns `it` and the hooks of node's test runner for a suite that needs these parts. Where one is missing, each of
 * its tests is skipped and counted, and no hook runs.
 */
export function needing(
  ...needed: Part[]
): Pick<typeof test, "it" | "before" | "after" | "beforeEach" | "afterEach"> {
  const skip = missing(...needed);
  if (skip === false) return test;
  const none = () => {};
  const it = ((name: string) => test.it(name, { skip })) as typeof test.it;
  return { it, before: none, after: none, beforeEach: none, afterEach: none };
}

/**
 * Installs which of these are missing, where it can be done without asking: by npm and, as root, by apt-get. Says what is
 * missing still, and how to get it. Returns whether all are there.
 */
export function installParts(needed: readonly Part[], say: (line: string) => void): boolean {
  if (lackingOf(needed).includes("nodes") && process.platform === "linux" && process.arch === "x64") {
    say("Installing Node 18, 20 and 24 for the tests of the relay and the zips ...");
    run("npm", ["ci", "--no-audit", "--no-fund", "--prefix", nodesDirectory]);
  }
  const lacking = lackingOf(needed).filter((part) => sources[part].packages.length > 0);
  if (lacking.length > 0 && process.getuid?.() === 0 && inPath("apt-get") !== undefined) {
    say(`Installing ${lacking.join(", ")} by apt-get ...`);
    withoutServices(() => {
      run("apt-get", ["update", "-qq"]);
      const known = lacking.flatMap((part) => sources[part].packages).flatMap(firstKnownPackage);
      run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...known]);
    });
  }
  const still = lackingOf(needed);
  for (const part of still) {
    say(`Not on this machine, so its tests cannot run: ${part}. Get it by: ${howToGet(part)}`);
  }
  return still.length === 0;
}

export function lackingOf(needed: readonly Part[]): Part[] {
  return needed.filter((part) => !sources[part].isThere());
}

export function howToGet(part: Part): string {
  const { packages, hint } = sources[part];
  if (packages.length === 0) return hint;
  return `${hint}; on Debian or Ubuntu: apt-get install ${packages.map(([name]) => name).join(" ")}`;
}

function firstKnownPackage(names: readonly string[]): string[] {
  const known = names.find((name) =>
    /^\s*Candidate: (?!\(none\))/m.test(outputOf("apt-cache", ["policy", name])),
  );
  return known === undefined ? [] : [known];
}

/** Keeps apt-get from starting the services that it installs: the tests start their own, on their own ports. */
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

function hasExtensions(...names: string[]): boolean {
  const loaded = outputOf("php", ["-m"]).split("\n");
  return names.every((name) => loaded.includes(name));
}

function hasErlangApplication(name: string): boolean {
  const libraries = "/usr/lib/erlang/lib";
  return existsSync(libraries) && readdirSync(libraries).some((entry) => entry.startsWith(`${name}-`));
}

/** Returns the path of a program that the shell would find, or undefined. */
function inPath(program: string): string | undefined {
  const directories = (process.env["PATH"] ?? "").split(delimiter);
  return directories.map((directory) => join(directory, program)).find((path) => existsSync(path));
}

export function chromiumPath(): string | undefined {
  return inPath("chromium-headless-shell") ?? inPath("chromium") ?? inPath("google-chrome");
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

/** Returns the directory of PostgreSQL's programs, of the newest version that is installed, or undefined. */
export function postgresPrograms(): string | undefined {
  const versions = "/usr/lib/postgresql";
  if (!existsSync(versions)) return undefined;
  return readdirSync(versions)
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(versions, version, "bin"))
    .find((path) => existsSync(join(path, "initdb")) && existsSync(join(path, "postgres")));
}

/** Returns the version of this machine's ejabberd: 24.12 for one. */
export function ejabberdVersion(): number {
  const libraries = ejabberdLibraries();
  const names = libraries === undefined ? [] : readdirSync(libraries);
  return Number(names.map((name) => /^ejabberd-(\d+\.\d+)/.exec(name)?.[1]).find((one) => one !== undefined));
}

/** Returns where a version of Node lies once the part "nodes" is there. */
export function nodePath(version: (typeof nodeVersions)[number]): string {
  return join(nodesDirectory, "node_modules", `node-${version}`, "bin", "node");
}

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (status !== 0) process.stderr.write(`${command} ${args[0]} ended with ${status}\n`);
}

function outputOf(command: string, args: readonly string[]): string {
  return spawnSync(command, args, { encoding: "utf8" }).stdout ?? "";
}
