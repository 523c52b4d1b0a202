// Makes node_modules fit package-lock.json, so that every command of this project works on a fresh clone.
// Plain JavaScript without a dependency: nothing is installed yet when it runs.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 14)) {
  console.error(`This project is developed with Node 20.14 or later; this is Node ${process.versions.node}.`);
  process.exit(1);
}

if (!isInstalled()) {
  console.error("Installing the dependencies that package-lock.json names ...");
  // stdout stays free for what the command itself has to say.
  const { status, error } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  if (status !== 0) {
    console.error(`npm ci failed${error ? `: ${error.message}` : ""}; nothing can be run without it.`);
    process.exit(1);
  }
}

/** Whether each package of the lock file lies in node_modules in the version it names. */
function isInstalled() {
  const wanted = readPackages("package-lock.json");
  // npm writes this one at the end of an installation.
  const found = readPackages("node_modules/.package-lock.json");
  if (wanted === undefined || found === undefined) return false;
  return Object.entries(wanted).every(
    ([path, { version, optional, devOptional }]) =>
      path === "" ||
      found[path]?.version === version ||
      // Those for other systems are left out.
      (found[path] === undefined && (optional || devOptional)),
  );
}

function readPackages(name) {
  try {
    return JSON.parse(readFileSync(`${root}${name}`, "utf8")).packages;
  } catch {
    return undefined;
  }
}
