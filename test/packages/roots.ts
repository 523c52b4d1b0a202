// Small roots of Debian's releases, with ejabberd, Node and systemd: made once by mmdebstrap in a cache folder outside of the
// tree, and never written to after that. A test writes to an overlay of its own.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export const releases = ["bookworm", "trixie", "sid"] as const;
export type Release = (typeof releases)[number];

/** What a chat host has before InspectorD's package. */
const packages = "ejabberd,nodejs,adduser,systemd-sysv,ca-certificates";
/** Changes with what is in a root, so that an old one is not taken. */
const edition = "1";

function cacheFolder(): string {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return join(cache, "inspectord", `package-roots-${edition}`);
}

/** Returns the folder of the release's root, made first if it is not there. @throws Error with mmdebstrap's words */
export function findRoot(release: Release): string {
  const path = join(cacheFolder(), release);
  if (existsSync(path)) return path;
  // Made under another name: one that was broken off is never taken for a whole one.
  const making = `${path}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(cacheFolder(), { recursive: true });
  // A mirror may lag behind what an unstable release's list says of itself.
  const options = ['--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=APT::Install-Recommends "false"'];
  run("mmdebstrap", ["--quiet", "--variant=minbase", ...options, `--include=${packages}`, release, making]);
  renameSync(making, path);
  return path;
}

/** A root that a test may write to. Nothing stays mounted between two commands. */
export class ScratchRoot {
  readonly #root: string;
  readonly #folder: string;

  /** `folder`: an empty folder on a file system that overlays can lie on. */
  constructor(root: string, folder: string) {
    this.#root = root;
    this.#folder = folder;
    for (const name of ["upper", "work", "merged"]) mkdirSync(join(folder, name));
  }

  /** Runs a script of this machine's shell, with the root at $ROOT. Returns stdout. @throws Error with what it wrote */
  around(script: string): string {
    const options = `lowerdir=${this.#root},upperdir=${this.#folder}/upper,workdir=${this.#folder}/work`;
    const all = `set -e\nROOT=${this.#folder}/merged\nmount -t overlay overlay -o ${options} $ROOT\n${script}`;
    return run("unshare", ["--mount", "--pid", "--fork", "--propagation", "private", "sh", "-c", all]);
  }

  /**
   * Runs a script of the root's shell in it. Each of the paths in `shared` is seen there under the same path, read-only.
   * Returns stdout. @throws Error with what it wrote
   */
  inside(script: string, shared: readonly string[] = []): string {
    const environment =
      "PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C HOME=/root";
    const quoted = script.replaceAll("'", "'\\''");
    return this.around(
      [
        "mount -t proc proc $ROOT/proc",
        "mount --bind /dev $ROOT/dev",
        ...shared.flatMap((path) => [
          `mkdir -p $ROOT${path}`,
          `mount --bind ${path} $ROOT${path}`,
          `mount -o remount,bind,ro $ROOT${path}`,
        ]),
        `exec chroot $ROOT env -i ${environment} sh -ec '${quoted}'`,
      ].join("\n"),
    );
  }
}

function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: "utf8",
    maxBuffer: 1 << 26,
    timeout: 15 * 60_000,
  });
  if (status === 0) return stdout;
  throw new Error(
    `${command} failed: ${error?.message ?? ""}\n${stdout.slice(-3000)}\n${stderr.slice(-3000)}`,
  );
}
