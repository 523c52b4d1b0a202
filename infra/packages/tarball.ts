// The chat host's files and the site's as an archive, for hosts without Debian's packages. Its folders are those of the
// clone: the guides' commands work in it as they stand. The same files make the same bytes.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { manPages, programsIn } from "./host-files.ts";
import type { Release } from "./release.ts";

/** What is taken from the tree as it stands. */
const folders = [
  "docs",
  "infra/ejabberd",
  "infra/grafana",
  "infra/packages/examples",
  "infra/page",
  "infra/php",
];
const files = ["CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "dist/THIRD-PARTY-NOTICES.txt"];

/** Writes `inspectord-VERSION.tar.gz`. `staging`: an empty folder. @throws Error with tar's words */
export function writeTarball(root: string, release: Release, staging: string, output: string): void {
  const name = `inspectord-${release.version}`;
  const place = (path: string) => {
    const target = join(staging, name, path);
    mkdirSync(dirname(target), { recursive: true });
    return target;
  };
  const programs = programsIn(root).map((program) => `dist/${program.name}.mjs`);
  for (const path of [...folders, ...files, ...programs]) {
    cpSync(join(root, path), place(path), { recursive: true });
  }
  for (const [path, page] of manPages(root, release)) writeFileSync(place(`man/${path}`), page);
  pack(staging, readdirSync(staging), release, output);
}

/** Writes these entries of a folder as an archive; compressed if its name ends with .gz. @throws Error with tar's words */
export function pack(
  folder: string,
  entries: readonly string[],
  { dateSeconds }: Release,
  output: string,
): void {
  const { status, stderr } = spawnSync(
    "tar",
    [
      ...["--create", "--file", output, "--directory", folder],
      ...["--sort=name", "--format=gnu", "--numeric-owner", `--mtime=@${dateSeconds}`],
      // gzip's own header has no name and no date then.
      ...(output.endsWith(".gz") ? ["--use-compress-program=gzip -9n"] : []),
      ...(output.endsWith(".gz") ? ["--owner=0", "--group=0", "--mode=u=rwX,go=rX"] : []),
      ...["--", ...entries],
    ],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`tar failed: ${stderr}`);
}
