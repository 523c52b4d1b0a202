// `npm run package`: what is installed on chat hosts, in dist/packages/. A word chooses: npm run package -- deb

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildAll } from "../build.ts";
import { type Architecture, writeDebianPackage } from "./debian-package.ts";
import { hostFiles } from "./host-files.ts";
import { writeImage } from "./image.ts";
import { readRelease } from "./release.ts";
import { writeTarball } from "./tarball.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const output = join(root, "dist/packages");
const release = readRelease(root, Date.now());
const architectures: readonly Architecture[] = ["amd64", "arm64"];

interface Kind {
  /** Programs, by the Debian package that has each. */
  readonly needs: Readonly<Record<string, string>>;
  readonly needsRoot: boolean;
  readonly write: (staging: string) => void;
}

/** Each with a folder of its own for every file that it writes. */
const kinds: Readonly<Record<string, Kind>> = {
  deb: {
    needs: { "dpkg-deb": "dpkg" },
    needsRoot: false,
    write: (staging) => {
      const files = hostFiles(root, release);
      for (const architecture of architectures) {
        writeDebianPackage({
          ...{ release, architecture, files },
          scripts: join(root, "infra/packages/debian"),
          staging: mkdtempSync(join(staging, "deb-")),
          output: join(output, `inspectord_${release.version}_${architecture}.deb`),
        });
      }
    },
  },
  tarball: {
    needs: { tar: "tar", gzip: "gzip" },
    needsRoot: false,
    write: (staging) =>
      writeTarball(
        root,
        release,
        mkdtempSync(join(staging, "tar-")),
        join(output, `inspectord-${release.version}.tar.gz`),
      ),
  },
  image: {
    needs: { mmdebstrap: "mmdebstrap", buildah: "buildah" },
    needsRoot: true,
    write: (staging) => {
      for (const architecture of architectures) {
        writeImage({
          ...{ root, release, architecture },
          staging: mkdtempSync(join(staging, "image-")),
          output: join(output, `inspectord-relay-${release.version}-${architecture}.oci.tar`),
        });
      }
    },
  },
};

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<number> {
  const unknown = words.filter((word) => !Object.hasOwn(kinds, word));
  if (unknown.length > 0) {
    return complain(
      `There is no package of the kind ${unknown.join(", ")}: ${Object.keys(kinds).join(", ")}.`,
      2,
    );
  }
  const chosen = Object.entries(kinds).filter(([name]) => words.length === 0 || words.includes(name));
  const problems = chosen.flatMap(([name, kind]) => problemsOf(name, kind));
  if (problems.length > 0) return complain(problems.join("\n"), 1);
  await buildAll();
  mkdirSync(output, { recursive: true });
  const staging = mkdtempSync(join(tmpdir(), "inspectord-package-"));
  try {
    for (const [, { write }] of chosen) write(staging);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  cpSync(join(root, "dist/THIRD-PARTY-NOTICES.txt"), join(output, "THIRD-PARTY-NOTICES.txt"));
  writeFileSync(join(output, "SHA256SUMS"), checksums());
  for (const name of readdirSync(output).toSorted()) process.stdout.write(`dist/packages/${name}\n`);
  return 0;
}

function problemsOf(name: string, { needs, needsRoot }: Kind): string[] {
  const missing = Object.entries(needs)
    .filter(([program]) => spawnSync(program, ["--version"]).status !== 0)
    .map(([program, debian]) => `${name} needs ${program}: on Debian, apt-get install ${debian}`);
  const isRoot = process.getuid?.() === 0;
  return needsRoot && !isRoot
    ? [...missing, `${name} needs root, or leave it out: npm run package -- deb`]
    : missing;
}

/** As sha256sum has them: `sha256sum -c SHA256SUMS` checks them. */
function checksums(): string {
  return readdirSync(output)
    .filter((name) => name !== "SHA256SUMS")
    .toSorted()
    .map(
      (name) =>
        `${createHash("sha256")
          .update(readFileSync(join(output, name)))
          .digest("hex")}  ${name}\n`,
    )
    .join("");
}

function complain(text: string, exitCode: number): number {
  process.stderr.write(`${text}\n`);
  return exitCode;
}
