// The real parts that tests talk to: which of them this machine has, and how to get the others.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import {
  canInstall,
  ejabberdLibraries,
  hasExtensions,
  howToGetPart,
  inPath,
  installPackages,
  outputOf,
  type PartSource,
  run,
} from "../../infra/local/debian.ts";

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
  | "packaging"
  | "root"
  | "nodes";

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
  packaging: {
    isThere: () =>
      ["lintian", "buildah", "mmdebstrap", "mandoc", "systemd-nspawn", "dpkg-deb"].every(
        (program) => inPath(program) !== undefined,
      ),
    packages: [["lintian"], ["buildah"], ["mmdebstrap"], ["mandoc"], ["systemd-container"]],
    hint: "what makes and runs packages: lintian, buildah, mmdebstrap, mandoc, systemd-nspawn",
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
  if (lacking.length > 0 && canInstall()) {
    say(`Installing ${lacking.join(", ")} by apt-get ...`);
    installPackages(lacking.map((part) => sources[part]));
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
  return howToGetPart(sources[part]);
}

function hasErlangApplication(name: string): boolean {
  const libraries = "/usr/lib/erlang/lib";
  return existsSync(libraries) && readdirSync(libraries).some((entry) => entry.startsWith(`${name}-`));
}

export function chromiumPath(): string | undefined {
  return inPath("chromium-headless-shell") ?? inPath("chromium") ?? inPath("google-chrome");
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
