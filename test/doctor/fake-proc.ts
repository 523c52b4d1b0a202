// A directory that looks like /proc, for what no test can do to real processes: reused pids, set-user-ID programs, and
// what changes between two looks.

import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface FakeProcess {
  readonly pid: number;
  readonly uids: readonly [number, number, number, number];
  readonly startTime?: number;
  /** An existing file. */
  readonly program: string;
  readonly words: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** The inodes of its sockets. */
  readonly sockets?: readonly number[];
  readonly name?: string;
}

/** Writes the process into the directory, in place of an earlier one with this pid. */
export function writeProcess(root: string, process: FakeProcess, tables: FakeTables): void {
  const { pid, uids, startTime = 100, program, words, environment = {}, sockets = [], name = "x" } = process;
  const directory = join(root, String(pid));
  rmSync(directory, { recursive: true, force: true });
  for (const one of ["fd", "ns", "net"]) mkdirSync(join(directory, one), { recursive: true });
  const write = (file: string, text: string) => writeFileSync(join(directory, file), text);
  write("stat", `${pid} (${name}) S ${"0 ".repeat(18)}${startTime} 0 0\n`);
  write("status", `Name:\t${name}\nState:\tS\nUid:\t${uids.join("\t")}\nGid:\t0\t0\t0\t0\n`);
  write("cmdline", words.map((word) => `${word}\0`).join(""));
  write(
    "environ",
    Object.entries(environment)
      .map(([key, value]) => `${key}=${value}\0`)
      .join(""),
  );
  write("net/unix", tables.unix ?? "");
  write("net/tcp", tables.tcp ?? "");
  symlinkSync(program, join(directory, "exe"));
  symlinkSync("/", join(directory, "root"));
  symlinkSync("/tmp", join(directory, "cwd"));
  symlinkSync("net:[1]", join(directory, "ns", "net"));
  for (const [i, inode] of sockets.entries())
    symlinkSync(`socket:[${inode}]`, join(directory, "fd", String(i + 3)));
  symlinkSync("/dev/null", join(directory, "fd", "0"));
}

export interface FakeTables {
  readonly unix?: string;
  readonly tcp?: string;
}

/** Returns a line of /proc/net/unix for a listening socket. */
export function unixLine(inode: number, path: string, flags = "00010000"): string {
  return `0000000000000000: 00000002 00000000 ${flags} 0001 01 ${inode} ${path}\n`;
}

/** Returns a line of /proc/net/tcp for a listening socket. */
export function tcpLine(inode: number, port: number, state = "0A"): string {
  const address = `00000000:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000 100 0 0 10 0\n`;
}
