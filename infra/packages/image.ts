// The relay as an OCI image, for a container beside the chat server's that shares its socket: Debian's Node, the libraries
// that it needs, the authorities that Debian trusts, and the relay. No shell of ours, no package manager's state. Debian's
// packages are only unpacked, so an image for another architecture needs no emulator.

import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Architecture } from "./debian-package.ts";
import type { Release } from "./release.ts";
import { pack } from "./tarball.ts";

export interface Image {
  readonly root: string;
  readonly release: Release;
  readonly architecture: Architecture;
  /** An empty folder. */
  readonly staging: string;
  /** The path of the archive (oci-archive). */
  readonly output: string;
}

/** Debian's release whose Node is in the image: 20. */
const debian = "trixie";
/** The relay's user is nobody else's; the group is that of ejabberd in its own image, to which the socket is open. */
export const imageUser = { uid: 65_532, gid: 9_000 } as const;
export const socketFolder = "/run/inspectord";
/** The options of the unit. */
const environment = ["NODE_OPTIONS=--max-semi-space-size=2", "MALLOC_ARENA_MAX=1"];

/** Writes the image. It takes root, mmdebstrap and buildah. @throws Error with the words of what failed */
export function writeImage({ root, release, architecture, staging, output }: Image): void {
  const filesystem = join(staging, "filesystem");
  mkdirSync(filesystem);
  unpackDebian(architecture, release, staging, filesystem);
  const at = (path: string) => join(filesystem, path);
  const bundle = at("etc/ssl/certs/ca-certificates.crt");
  const authorities = at("usr/share/ca-certificates/mozilla");
  writeFileSync(bundle, "");
  for (const name of readdirSync(authorities).toSorted()) {
    appendFileSync(bundle, readFileSync(join(authorities, name)));
  }
  mkdirSync(at("usr/lib/inspectord"));
  for (const name of ["relay.mjs", "doctor.mjs", "THIRD-PARTY-NOTICES.txt"]) {
    cpSync(join(root, "dist", name), at(`usr/lib/inspectord/${name}`));
  }
  cpSync(join(root, "LICENSE"), at("usr/lib/inspectord/LICENSE"));
  const { uid, gid } = imageUser;
  writeFileSync(at("etc/passwd"), `root:x:0:0::/:/none\ninspectord:x:${uid}:${gid}::/nonexistent:/none\n`);
  writeFileSync(at("etc/group"), `root:x:0:\nejabberd:x:${gid}:\n`);
  mkdirSync(at(socketFolder));
  chmodSync(at(socketFolder), 0o750);
  chownSync(at(socketFolder), uid, gid);
  const layer = join(staging, "layer.tar");
  pack(filesystem, readdirSync(filesystem), release, layer);
  rmSync(filesystem, { recursive: true });
  build(layer, { root, release, architecture, staging, output });
}

function unpackDebian(
  architecture: Architecture,
  { dateSeconds }: Release,
  staging: string,
  into: string,
): void {
  const archive = join(staging, "debian.tar");
  run(
    "mmdebstrap",
    [
      ...["--quiet", "--variant=extract", `--architectures=${architecture}`],
      "--include=base-files,nodejs,ca-certificates",
      ...["man", "locale", "info", "lintian", "perl5", "bug"].map(
        (name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`,
      ),
      // The licences stay.
      ...["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-include=/usr/share/doc/*/copyright"],
      ...[debian, archive],
    ],
    { SOURCE_DATE_EPOCH: String(dateSeconds) },
  );
  run("tar", ["--extract", "--file", archive, "--directory", into, "--exclude=./dev/*"]);
  rmSync(archive);
}

function build(layer: string, { release, architecture, staging, output }: Image): void {
  // A store of its own: the operator's images are left alone.
  const store = [
    "--root",
    join(staging, "store"),
    "--runroot",
    join(staging, "run"),
    "--storage-driver",
    "vfs",
  ];
  const buildah = (...args: string[]) =>
    run("buildah", [...store, ...args], { BUILDAH_ISOLATION: "chroot" }).trim();
  const container = buildah("from", "--arch", architecture, "scratch");
  buildah("add", container, layer, "/");
  buildah(
    "config",
    ...["--arch", architecture, "--os", "linux", "--user", `${imageUser.uid}:${imageUser.gid}`],
    ...environment.flatMap((pair) => ["--env", pair]),
    ...["--entrypoint", '["/usr/bin/node","/usr/lib/inspectord/relay.mjs"]', "--cmd", "--help"],
    ...["--volume", socketFolder, "--stop-signal", "SIGTERM"],
    ...Object.entries({
      title: "InspectorD's relay",
      version: release.version,
      licenses: "MIT",
      source: "https://github.com/videlalvaro/InspectorD",
    }).flatMap(([name, value]) => ["--label", `org.opencontainers.image.${name}=${value}`]),
    container,
  );
  const reference = `oci-archive:${output}:inspectord-relay:${release.version}`;
  buildah(
    "commit",
    "--quiet",
    "--disable-compression=false",
    "--timestamp",
    String(release.dateSeconds),
    "--rm",
    container,
    reference,
  );
}

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, ...env },
    maxBuffer: 1 << 26,
  });
  if (status !== 0) throw new Error(`${command} failed: ${error?.message ?? stderr.trim()}`);
  return stdout;
}
