// An ejabberd host for the doctor's tests: a directory that ejabberd may enter, written ejabberd.yml files, the bundled
// relay, and a function that answers as ours does.

import assert from "node:assert/strict";
import { chmodSync, copyFileSync, existsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { type Reply, tell } from "../stand-in/api-gateway.ts";

export const doctorPath = join(dirname(relayPath), "doctor.mjs");
// Neither below a home nor below /tmp, which ejabberd's unit hides; and the doctor, as root, becomes ejabberd.
export const directory = temporaryDirectory(existsSync("/dev/shm") ? "/dev/shm" : tmpdir());
chmodSync(directory, 0o755);
export const relay = join(directory, "relay.mjs");
copyFileSync(relayPath, relay);
copyFileSync(doctorPath, join(directory, "doctor.mjs"));

export const session = "0123456789abcdef0123456789abcdef";
export const sessionPath = join(directory, "session-id");
writeFileSync(sessionPath, session, { mode: 0o600 });

/** Answers as the function does: one session of alice's on example.org, and reasons. */
export const asFunction: Reply = (body, response, request) => {
  const { op, user, server, password } = JSON.parse(body);
  const answer = () => {
    if (server !== "example.org") return { allow: false, reason: "host-not-served" };
    if (op === "isuser") return { allow: true };
    if (password !== session) return { allow: false, reason: "no-session" };
    return user === "alice" ? { allow: true } : { allow: false, reason: "other-user" };
  };
  tell(answer())(body, response, request);
};

let files = 0;

/** Writes an ejabberd.yml that is well with this program, but for one piece, and gives its path. */
export function writeYml(program: string, piece = "", other = ""): string {
  const text = `hosts: [example.org]
auth_method: [external]
extauth_program: ${JSON.stringify(program)}
extauth_pool_size: 32
auth_use_cache: false
disable_sasl_mechanisms: [X-OAUTH2]
listen:
  - {port: 5222, module: ejabberd_c2s, starttls_required: true, max_stanza_size: 65536}
`;
  assert.ok(text.includes(piece));
  const path = join(directory, `ejabberd-${files++}.yml`);
  writeFileSync(path, text.replace(piece, other));
  return path;
}

export const programOf = (...args: string[]) => [process.execPath, relay, ...args].join(" ");

/** What the doctor said, line by line. */
export interface Run {
  readonly status: number | null;
  readonly output: string;
  /** The first line of a check that is not well, or else its first line. */
  of(check: string): string;
  /** The checks that failed. */
  readonly failed: readonly string[];
}

export function readRun(status: number | null, output: string): Run {
  const lines = output.split("\n").filter((line) => /^(ok|warn|fail) /.test(line));
  return {
    status,
    output,
    of: (check) => {
      const found = lines.filter((line) => line.slice(6).startsWith(`${check} `));
      return found.find((line) => !line.startsWith("ok")) ?? found[0] ?? `nothing on ${check}: ${output}`;
    },
    failed: lines.filter((line) => line.startsWith("fail")).map((line) => line.slice(6).split(" ")[0] ?? ""),
  };
}
