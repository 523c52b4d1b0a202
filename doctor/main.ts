// The program that says what is wrong on an ejabberd host.

import { isText } from "../protocol/json-body.ts";
import { MAX_PASSWORD_BYTES } from "../protocol/limits.ts";
import { ownEnvironment } from "../relay/config.ts";
import { readSessionId } from "../terminal/session-id-input.ts";
import { type AskedUser, defaultYmlPath, readDoctorOptions, usage } from "./doctor-options.ts";
import { type AskedLogin, examine } from "./examine.ts";
import { textOfFinding } from "./finding.ts";
import { thisMachine } from "./machine.ts";

const args = process.argv.slice(2);
// Reached as `relay.mjs doctor ...`.
if (args[0] === "doctor") args.shift();
const read = readDoctorOptions(args);
if (read === "help") {
  process.stdout.write(`${usage}\n`);
} else if ("problem" in read) {
  refuse(read.problem);
} else {
  // Before the change of user: the file may be root's.
  const login = read.login === undefined ? undefined : await withSession(read.login);
  const ymlPath = read.ymlPath ?? (read.relayArgs === undefined ? defaultYmlPath : undefined);
  const counts = { ok: 0, warn: 0, fail: 0 };
  const isColoured = process.stdout.isTTY === true;
  const machine = thisMachine(ownEnvironment());
  for await (const finding of examine({ ...read, login, ymlPath, machine })) {
    counts[finding.level]++;
    process.stdout.write(`${textOfFinding(finding, isColoured)}\n`);
  }
  process.stdout.write(`${counts.fail} to put right, ${counts.warn} warnings\n`);
  process.exitCode = counts.fail > 0 ? 1 : 0;
}
// What was asked and given up may still be on its way.
process.exit();

async function withSession({ userName, host, file }: AskedUser): Promise<AskedLogin> {
  const read = await readSessionId(file, {
    input: process.stdin,
    prompt: (text) => process.stderr.write(text),
  });
  if ("problem" in read) refuse(read.problem);
  if (!isText(read.sessionId, MAX_PASSWORD_BYTES)) {
    refuse(`a session id has at most ${MAX_PASSWORD_BYTES} bytes`);
  }
  return { userName, host, session: read.sessionId };
}

function refuse(problem: string): never {
  process.stderr.write(`${problem}\n\n${usage}\n`);
  process.exit(2);
}
