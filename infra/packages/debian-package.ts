// Debian's package of the chat host's files, made by dpkg-deb. The same files make the same bytes.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { maintainer, type PackedFiles } from "./host-files.ts";
import type { Release } from "./release.ts";

export type Architecture = "amd64" | "arm64";

export interface DebianPackage {
  readonly release: Release;
  readonly architecture: Architecture;
  readonly files: PackedFiles;
  /** The folder with postinst, prerm, postrm and triggers. */
  readonly scripts: string;
  /** An empty folder for what is packed. */
  readonly staging: string;
  /** The path of the .deb. */
  readonly output: string;
}

const scripts = ["postinst", "prerm", "postrm"] as const;

/** Writes the package. @throws Error with dpkg-deb's words */
export function writeDebianPackage({
  release,
  architecture,
  files,
  scripts: folder,
  staging,
  output,
}: DebianPackage): void {
  for (const [path, file] of files) {
    const place = join(staging, path);
    mkdirSync(dirname(place), { recursive: true });
    if ("target" in file) symlinkSync(file.target, place);
    else writeFileSync(place, file.bytes);
    if (!("target" in file)) chmodSync(place, file.mode);
  }
  const control = join(staging, "DEBIAN");
  mkdirSync(control);
  const write = (name: string, text: string | Uint8Array, mode = 0o644) => {
    writeFileSync(join(control, name), text);
    chmodSync(join(control, name), mode);
  };
  write("control", controlOf(release, architecture, files));
  write("md5sums", md5sumsOf(files));
  write(
    "conffiles",
    [...files.keys()]
      .filter((path) => path.startsWith("etc/"))
      .map((path) => `/${path}\n`)
      .join(""),
  );
  write("triggers", readFileSync(join(folder, "triggers")));
  for (const name of scripts) write(name, readFileSync(join(folder, name)), 0o755);
  for (const path of [
    staging,
    ...readdirSync(staging, { recursive: true, encoding: "utf8" }).map((name) => join(staging, name)),
  ]) {
    lutimesSync(path, release.dateSeconds, release.dateSeconds);
  }
  for (const entry of readdirSync(staging, { recursive: true, withFileTypes: true })) {
    // Whatever the umask is.
    if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o755);
  }
  chmodSync(staging, 0o755);
  const { status, stderr } = spawnSync(
    "dpkg-deb",
    ["--root-owner-group", "-Zxz", "--build", staging, output],
    {
      encoding: "utf8",
      env: { ...process.env, SOURCE_DATE_EPOCH: String(release.dateSeconds) },
    },
  );
  if (status !== 0) throw new Error(`dpkg-deb failed: ${stderr}`);
}

function controlOf({ version }: Release, architecture: Architecture, files: PackedFiles): string {
  const sizes = [...files.values()].map((file) =>
    "target" in file ? 1 : Math.ceil(file.bytes.length / 1024),
  );
  const kibibytes = sizes.reduce((sum, size) => sum + size, 0);
  return `Package: inspectord
Version: ${version}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${kibibytes}
Depends: adduser, nodejs (>= 18)
Recommends: ejabberd (>= 23.01)
Section: net
Priority: optional
Homepage: https://github.com/videlalvaro/InspectorD
Description: logins to an XMPP server by the sessions of a PHP website
 People who are logged in on a PHP website log in to ejabberd with the session
 that they have: the relay asks the site's InspectorD function on AWS whether
 this user is logged in with this session.
 .
 This package has what an ejabberd host needs: the relay as a service, the
 doctor, which says what is wrong, a program that shows a session, and the
 Erlang application, which is built for the host's own ejabberd.
`;
}

function md5sumsOf(files: PackedFiles): string {
  return [...files]
    .filter(([path]) => !path.startsWith("etc/"))
    .flatMap(([path, file]) =>
      "target" in file ? [] : [`${createHash("md5").update(file.bytes).digest("hex")}  ${path}\n`],
    )
    .join("");
}
