import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { EventEmitter } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { maxInputBytes, readSessionId, type Terminal } from "../../terminal/session-id-input.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { runAtTerminal } from "../real/terminal.ts";

const id = "0secret0session0id0secret0";
const directory = temporaryDirectory();
const path = join(directory, "id");

/** What is not asked in these tests. */
const noTerminal: Terminal = {
  input: { isTTY: false } as Terminal["input"],
  prompt: () => assert.fail("asked"),
};
const read = (file: string) => readSessionId(file, noTerminal);

describe("a session id from a file", () => {
  it("is the file's text without the line end behind it", async () => {
    for (const end of ["", "\n", "\r\n"]) {
      writeFileSync(path, id + end);
      assert.deepEqual(await read(path), { sessionId: id });
    }
  });

  it("is refused if the file is empty, holds lines or other bytes, or is too large, and nothing is repeated", async () => {
    const wrong: readonly [string | Buffer, RegExp][] = [
      ["", /^no session id was given$/],
      ["\n", /^no session id was given$/],
      [`${id}\n${id}\n`, /control character/],
      [`${id}\n\n`, /control character/],
      [Buffer.from(`${id}\xff`, "latin1"), /control character/],
      ["secret".repeat(maxInputBytes), /^--session-file has more than 4096 bytes$/],
    ];
    for (const [text, problem] of wrong) {
      writeFileSync(path, text);
      const result = await read(path);
      assert.ok("problem" in result);
      assert.match(result.problem, problem);
      assert.doesNotMatch(result.problem, /secret/);
    }
  });

  it("is refused if the file cannot be read, which may be an id in its place, and is not repeated", async () => {
    assert.deepEqual(await read(id), {
      problem: "--session-file cannot be read (ENOENT): it takes the path of a file, not the session id",
    });
    mkdirSync(join(directory, "secret"));
    const result = await read(join(directory, "secret"));
    assert.deepEqual(result, { problem: "--session-file cannot be read (EISDIR)" });
  });

  it("may come through a pipe, and on stdin", () => {
    const program = join(directory, "reads.mts");
    const module = fileURLToPath(new URL("../../terminal/session-id-input.ts", import.meta.url));
    writeFileSync(
      program,
      `import { readSessionId } from ${JSON.stringify(module)};
const read = await readSessionId(process.argv[2], { input: process.stdin, prompt: () => {} });
process.stdout.write(JSON.stringify(read));`,
    );
    const node = [process.execPath, "--import", import.meta.resolve("tsx"), program];
    const bySubstitution = execFileSync("bash", ["-c", `"$@" <(echo ${id})`, "bash", ...node], {
      encoding: "utf8",
    });
    assert.deepEqual(JSON.parse(bySubstitution), { sessionId: id });
    const late = `(sleep 0.3; echo ${id}) | "$@" -`;
    assert.deepEqual(JSON.parse(execFileSync("bash", ["-c", late, "bash", ...node], { encoding: "utf8" })), {
      sessionId: id,
    });
    const [command = "", ...args] = node;
    const { stdout } = spawnSync(command, args, { input: id, encoding: "utf8" });
    assert.match(JSON.parse(stdout).problem, /^there is no terminal to ask .*give --session-file PATH/);
  });
});

/** Types these pieces at a terminal that is not there; returns what was read and what the terminal was told. */
async function type(...pieces: readonly string[]) {
  const modes: boolean[] = [];
  const emitter = new EventEmitter();
  let shown = "";
  const input = Object.assign(emitter, {
    isTTY: true,
    setRawMode: (isRaw: boolean) => void modes.push(isRaw),
    setEncoding: () => {},
    resume: () => {},
    pause: () => {},
  }) as unknown as Terminal["input"];
  const reading = readSessionId(undefined, {
    input,
    prompt: (text) => {
      if (shown === "") assert.deepEqual(modes, [true], "the echo is off before the prompt");
      shown += text;
    },
  });
  for (const piece of pieces) emitter.emit(piece === "end" ? "end" : "data", piece);
  const result = await reading;
  assert.deepEqual(modes, [true, false], "the terminal is as it was");
  assert.equal(emitter.listenerCount("data"), 0);
  return { result, shown };
}

describe("a session id that is typed", () => {
  it("ends with its line, and is not shown", async () => {
    for (const end of ["\r", "\n", "\u0004"]) {
      const { result, shown } = await type("0secret0", `session0id0secret0${end}`);
      assert.deepEqual(result, { sessionId: id });
      assert.equal(shown, "Session id (it is not shown): \n");
    }
  });

  it("may be corrected: a character, or the line", async () => {
    assert.deepEqual((await type("ac\u007fbx\b\r")).result, { sessionId: "ab" });
    assert.deepEqual((await type("abc\u0015de\r")).result, { sessionId: "de" });
    assert.deepEqual((await type("\u007fa\r")).result, { sessionId: "a" });
  });

  it("is none after an interrupt, an end, an empty line, or without an end", async () => {
    assert.deepEqual((await type("secret\u0003")).result, { problem: "interrupted" });
    assert.deepEqual((await type("\r")).result, { problem: "no session id was given" });
    assert.deepEqual((await type("secret", "end")).result, { problem: "no session id was given" });
    assert.match(JSON.stringify((await type("secret".repeat(maxInputBytes))).result), /at most 4096 bytes"/);
  });
});

describe("a terminal", () => {
  it("shows what is typed where no program keeps it from that", async () => {
    const { screen } = await runAtTerminal("echo ready; head -n 1 > /dev/null", [[/ready/, `${id}\r`]]);
    assert.ok(screen.includes(id));
  });
});
