// What a test file needs before it can run, read from its text and from the test helpers that it imports: real parts,
// by its calls of needing(), and the built bundles, by their paths.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Part } from "./real/parts.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

export interface Needs {
  readonly parts: ReadonlySet<Part>;
  /** Whether it reads what `npm run build` writes. */
  readonly build: boolean;
  /** Whether it starts programs, serves a stand-in, or works on large inputs: that takes longer than a unit test may. */
  readonly time: boolean;
}

/** These work on large inputs, or wait for time-outs. */
const longRunning =
  /\/(?:fuzz|print-document|try-program|container|instance|daemon|hostile-proxies|foreign|simulate)\.test\.ts$/;

/** Returns the paths of all test files, relative to the root, sorted. */
export function testFiles(): string[] {
  return readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts") && !name.includes("node_modules"))
    .map((name) => relative(root, join(root, "test", name)))
    .sort();
}

/** Returns what this test file needs. */
export function needsOf(file: string): Needs {
  const texts = textsOf(join(root, file));
  const parts = [...texts.values()].flatMap((text) =>
    [...text.matchAll(/\b(?:needing|missing)\(([^)]*)\)/g)].flatMap(([, list = ""]) =>
      [...list.matchAll(/"([a-z]+)"/g)].map(([, part]) => part as Part),
    ),
  );
  const all = [...texts.values()].join("\n");
  return {
    parts: new Set(parts),
    build: /["'`/]dist[/"'`]|relayPath|buildAll|infra\/build/.test(all),
    time: longRunning.test(file) || /serverless|spawnSync\(|\bspawn\(|\/stand-in\//.test(all),
  };
}

/** Returns whether the file needs nothing but Node, this project's packages and a moment. */
export function isUnit({ parts, build, time }: Needs): boolean {
  return parts.size === 0 && !build && !time;
}

/** Returns the texts of a file and of the helpers below test/ and infra/local/ that it imports, by their paths. */
function textsOf(path: string, found = new Map<string, string>()): Map<string, string> {
  if (found.has(path) || !existsSync(path)) return found;
  const text = readFileSync(path, "utf8");
  found.set(path, text);
  for (const [, name = ""] of text.matchAll(/from "(\.{1,2}\/[^"]+\.ts)"/g)) {
    const imported = join(dirname(path), name);
    const isHelper = /^(?:test|infra\/local)\//.test(relative(root, imported));
    // It names every part, and needs none.
    if (isHelper && !imported.endsWith("real/parts.ts")) textsOf(imported, found);
  }
  return found;
}
