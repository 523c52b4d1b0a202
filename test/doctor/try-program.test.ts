// Real programs, right and wrong, started as ejabberd starts them.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { tryProgram } from "../../doctor/try-program.ts";
import { temporaryDirectory } from "../real/directory.ts";

const directory = temporaryDirectory();
let count = 0;

/** Returns the finding on a program of these lines: `answer(bit)` for each whole frame, unless it says otherwise. */
async function findingOn(lines: string, limits: { answerWithinMs?: number; endWithinMs?: number } = {}) {
  const path = join(directory, `${count++}.mjs`);
  writeFileSync(
    path,
    `let bytes = Buffer.alloc(0);
const answer = (bit) => process.stdout.write(Buffer.from([0, 2, 0, bit]));
const onFrames = (take) => process.stdin.on("data", (chunk) => {
  bytes = Buffer.concat([bytes, chunk]);
  while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
    const frame = bytes.subarray(2, 2 + bytes.readUInt16BE(0));
    bytes = bytes.subarray(2 + frame.length);
    take(frame.toString());
  }
});
${lines}
`,
  );
  return findingOf(`${process.execPath} ${path}`, limits);
}

async function findingOf(command: string, limits: { answerWithinMs?: number; endWithinMs?: number } = {}) {
  const finding = await tryProgram({
    command,
    host: "example.org",
    environment: process.env,
    directory,
    at: { file: "/e.yml", line: 3 },
    answerWithinMs: 5_000,
    endWithinMs: 3_000,
    ...limits,
  });
  assert.deepEqual(finding.at, finding.level === "ok" ? undefined : { file: "/e.yml", line: 3 });
  return `${finding.level} ${finding.says}`;
}

describe("a program that is tried", { concurrency: 6 }, () => {
  it("is well if it answers no three times and ends with its input", async () => {
    assert.match(await findingOn("onFrames(() => answer(0));"), /^ok three questions/);
  });

  it("is handed the frames as ejabberd sends them", async () => {
    const path = join(directory, "asked.txt");
    const record = `import { appendFileSync } from "node:fs";
onFrames((text) => { appendFileSync(${JSON.stringify(path)}, text + "\\n"); answer(0); });`;
    assert.match(await findingOn(record), /^ok/);
    assert.match(
      readFileSync(path, "utf8"),
      /^auth:inspectord-doctor:example\.org:a:b\nauth:inspectord-doctor:example\.org:[0-9a-f]{32}\nauth:inspectord-doctor:example\.org:€\n$/,
    );
  });

  const wrong: Readonly<Record<string, readonly [string, RegExp]>> = {
    "says yes to everybody": ["onFrames(() => answer(1));", /^fail says yes .*\(a colon/],
    "cuts a password at its euro sign, and finds it good": [
      'onFrames((text) => answer(text.endsWith("€") ? 1 : 0));',
      /^fail says yes .*\(a euro sign/,
    ],
    "writes a greeting": [
      'process.stdout.write("ready\\n"); onFrames(() => answer(0));',
      /^fail writes (something else|before)/,
    ],
    "takes each chunk for a frame": ['process.stdin.on("data", () => answer(0));', /^fail writes before/],
    "answers twice": ["onFrames(() => { answer(0); answer(0); });", /^fail writes more than its answer/],
    "answers with one byte": [
      'onFrames(() => process.stdout.write("0"));',
      /^fail sends no answer within 2 s/,
    ],
    "logs on stdout": [
      'onFrames(() => { console.log("asked"); answer(0); });',
      /^fail writes something else/,
    ],
    "says goodbye on stdout": [
      'onFrames(() => answer(0)); process.stdin.on("end", () => console.log("bye"));',
      /^fail writes at the end/,
    ],
    "counts characters in place of bytes": [
      `let text = ""; process.stdin.setEncoding("utf8").on("data", (more) => {
        text += more;
        const length = text.charCodeAt(0) * 256 + text.charCodeAt(1);
        if (text.length >= 2 + length) { text = text.slice(2 + length); answer(0); }
      });`,
      /^fail sends no answer within 2 s to a euro sign/,
    ],
    "ends at a question": [
      "onFrames(() => process.exit(3));",
      /^fail ends with 3 before its answer to a colon/,
    ],
    "goes on after the end of its input": [
      "onFrames(() => answer(0)); setInterval(() => {}, 1000);",
      /^fail goes on for more than 1 s/,
    ],
    "refuses all for its configuration, and says so on its log": [
      `onFrames(() => answer(0)); console.error('level=error code=bad-configuration detail="the URL is missing"');`,
      /^fail refuses every login: "the URL is missing"/,
    ],
  };
  for (const [name, [lines, says]] of Object.entries(wrong)) {
    it(`is found out if it ${name}`, async () => {
      // Long enough for Node's own start on a busy machine; those that hang cost it in full.
      assert.match(await findingOn(lines, { answerWithinMs: 2_000, endWithinMs: 1_000 }), says);
    });
  }

  it("is found out if it is not there, may not be run, or is killed", async () => {
    assert.match(await findingOf("/nonexistent/program URL"), /^fail is not found, .* ends with 127/);
    writeFileSync(join(directory, "closed"), "#!/bin/sh\n", { mode: 0o644 });
    assert.match(await findingOf(join(directory, "closed")), /^fail may not be run: it ends with 126/);
    assert.match(await findingOf("sh -c 'kill -9 $$'"), /^fail is ended by SIGKILL/);
  });

  it("is run by the shell, as ejabberd has it", async () => {
    assert.match(await findingOf("sh -c 'exit 7'"), /^fail ends with 7/);
    assert.match(await findingOf("exit 7"), /^fail is not found/);
  });

  it("leaves no process behind, its children neither", async () => {
    assert.match(
      await findingOf("sh -c 'sleep 61.5 & wait'", { answerWithinMs: 300 }),
      /^fail sends no answer within 0.3 s/,
    );
    assert.doesNotMatch(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }), /^sleep 61\.5/m);
  });
});
