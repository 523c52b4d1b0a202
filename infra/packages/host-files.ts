// What a chat host gets, by its path there: the programs, their manual pages, the Erlang application's sources, the unit.
// Whatever the build makes is taken: each dist/NAME.mjs becomes the program inspectord-NAME.

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { manPage } from "./man-page.ts";
import type { Release } from "./release.ts";

/** A file of a package. */
type PackedFile =
  | { readonly bytes: Uint8Array; readonly mode: number }
  /** A symbolic link. */
  | { readonly target: string };

/** By their paths below the package's root, without a slash before. */
export type PackedFiles = ReadonlyMap<string, PackedFile>;

const summaries: Readonly<Record<string, string>> = {
  relay: "answers ejabberd's external authentication by the sessions of a PHP website",
  doctor: "says what is wrong on an ejabberd host that asks InspectorD",
  inspect: "shows one PHP session as a tree of expressions",
};
/** The others are for who administers the host. */
const forEverybody = ["inspect"];

interface Program {
  /** As in dist/NAME.mjs. */
  readonly name: string;
  readonly installed: string;
  readonly section: 1 | 8;
}

/** Returns the programs that the build has made. */
export function programsIn(root: string): Program[] {
  return readdirSync(join(root, "dist"))
    .filter((name) => name.endsWith(".mjs"))
    .toSorted()
    .map((file) => {
      const name = file.slice(0, -".mjs".length);
      return { name, installed: `inspectord-${name}`, section: forEverybody.includes(name) ? 1 : 8 };
    });
}

/** Returns the manual pages by their paths below /usr/share/man, without compression. @throws Error if a program has no help */
export function manPages(root: string, { version, dateSeconds }: Release): Map<string, string> {
  const programs = programsIn(root);
  return new Map(
    programs.map(({ name, installed, section }) => {
      const seeAlso = programs
        .filter((other) => other.name !== name)
        .map((other) => `${other.installed}(${other.section})`);
      const summary = summaries[name] ?? `${name} of InspectorD`;
      const help = withInstalledNames(helpOf(root, name), programs);
      const page = manPage({ name: installed, section, summary, help, version, dateSeconds, seeAlso });
      return [`man${section}/${installed}.${section}`, page];
    }),
  );
}

function helpOf(root: string, name: string): string {
  const { status, stdout } = spawnSync(process.execPath, [join(root, `dist/${name}.mjs`), "--help"], {
    encoding: "utf8",
  });
  if (status !== 0 || stdout === "") throw new Error(`dist/${name}.mjs has no --help`);
  return stdout;
}

function withInstalledNames(help: string, programs: readonly Program[]): string {
  return programs.reduce(
    (text, { name, installed }) =>
      text
        .replaceAll(`npm run ${name} -- `, `${installed} `)
        .replaceAll(new RegExp(`npm run ${name}\\b|\\b${name}\\.mjs\\b`, "g"), installed),
    help,
  );
}

/** Returns the files of Debian's package, its own documents among them. */
export function hostFiles(root: string, release: Release): PackedFiles {
  const files = new Map<string, PackedFile>();
  const add = (path: string, bytes: Uint8Array | string, mode = 0o644) =>
    files.set(path, { bytes: Buffer.from(bytes), mode });
  const read = (path: string) => readFileSync(join(root, path));
  for (const { name, installed, section } of programsIn(root)) {
    add(`usr/lib/inspectord/${name}.mjs`, read(`dist/${name}.mjs`), 0o755);
    const target = `../lib/inspectord/${name}.mjs`;
    files.set(`usr/${section === 1 ? "bin" : "sbin"}/${installed}`, { target });
  }
  for (const [path, page] of manPages(root, release)) add(`usr/share/man/${path}.gz`, packed(page));
  for (const path of filesBelow(join(root, "infra/ejabberd/inspectord"))) {
    const mode = path.endsWith(".sh") ? 0o755 : 0o644;
    add(`usr/share/inspectord/ejabberd/inspectord/${path}`, read(`infra/ejabberd/inspectord/${path}`), mode);
  }
  const unit = read("infra/ejabberd/inspectord-relay.service").toString();
  add("usr/lib/systemd/system/inspectord-relay.service", packagedUnit(unit));
  add("etc/inspectord/relay.env", read("infra/packages/debian/relay.env"), 0o600);
  const documents = "usr/share/doc/inspectord";
  add(`${documents}/copyright`, read("infra/packages/debian/copyright"));
  add(`${documents}/changelog.gz`, packed(debianChangelog(release)));
  add(`${documents}/CHANGELOG.md.gz`, packed(read("CHANGELOG.md")));
  add(`${documents}/THIRD-PARTY-NOTICES.txt.gz`, packed(read("dist/THIRD-PARTY-NOTICES.txt")));
  add(`${documents}/examples/ejabberd.yml`, read("infra/ejabberd/ejabberd.yml"));
  add("usr/share/lintian/overrides/inspectord", read("infra/packages/debian/lintian-overrides"));
  return files;
}

/** Returns the unit for the relay where the package installs it. */
export function packagedUnit(unit: string): string {
  return unit
    .replaceAll("/opt/inspectord/", "/usr/lib/inspectord/")
    .replace(/^# Install it as .*\n/m, "")
    .replace(/^(Description=.*\n)/m, "$1Documentation=man:inspectord-relay(8) man:inspectord-doctor(8)\n");
}

/** Returns the paths of all files below a folder, relative to it. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
}

/** The one that every package of Debian's has: CHANGELOG.md stands beside it. */
function debianChangelog({ version, dateSeconds }: Release): string {
  const date = new Date(dateSeconds * 1000).toUTCString().replace("GMT", "+0000");
  return `inspectord (${version}) unstable; urgency=medium\n\n  * Release ${version}: CHANGELOG.md.gz says what is new.\n\n -- ${maintainer}  ${date}\n`;
}

export const maintainer = "The InspectorD authors <videlalvaro@users.noreply.github.com>";

/** gzip without a name and a date. */
function packed(text: string | Uint8Array): Uint8Array {
  return gzipSync(text, { level: 9 });
}
