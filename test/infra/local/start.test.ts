// `npm start` as a newcomer types it.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type LocalApi, startApi } from "../../../infra/local/api.ts";
import { freePort, isFree } from "../../../infra/local/ports.ts";
import { RelayCaller } from "../../../infra/local/relay-caller.ts";
import { sampleSettings, trySampleLogins } from "../../../infra/local/sample-logins.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { needing } from "../../real/parts.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

function start(...args: string[]) {
  return spawnSync("npm", ["start", "--silent", "--", ...args], { cwd: root, encoding: "utf8" });
}

/** Returns what the child has written once it holds this text, and goes on reading, so that it may go on writing. */
function outputWith(child: ChildProcess, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      if (output.includes(text)) resolve(output);
    });
    child.once("exit", () => reject(new Error(`it ended: ${output}`)));
  });
}

describe("npm start", () => {
  it("--once shows six telling logins and ends with 0", async () => {
    const { status, stdout, stderr } = start("--once", "--port", String(await freePort()));
    assert.equal(status, 0, stderr);
    const rows = stdout
      .trim()
      .split("\n")
      .map((line) => line.split(/ {2,}/));
    assert.deepEqual(
      rows.map((row) => row.slice(0, -1)),
      [
        ["who", "with the session", "verdict", "reason"],
        ["alice", "her own", "allowed"],
        ["alice", "a ticket of it", "allowed"],
        ["bob", "alice's", "refused", "other-user"],
        ["carol", "her own, logged out", "refused", "not-authenticated"],
        ["alice", "one that is unknown", "refused", "no-session"],
        ["alice", "no session id at all", "refused", "malformed-session-id"],
      ],
    );
    for (const row of rows.slice(1)) assert.match(row.at(-1) ?? "", /^\d+\.\d$/);
  });

  it("serves until ^C, says how to go on, and ends all it started", async () => {
    const port = await freePort();
    const child = spawn("npm", ["start", "--silent", "--", "--port", String(port)], {
      cwd: root,
      // A group of its own, to which ^C goes as it does in a terminal.
      detached: true,
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const output = await outputWith(child, "^C ends it");
      const command = /extauth_program: "(.*)"/.exec(output)?.[1] ?? "";
      assert.ok(command.endsWith(`dist/relay.mjs http://127.0.0.1:${port}/auth`), output);
      assert.match(output, /SESSION_STORE=memcached:\/\/127\.0\.0\.1:11211/);
      // The line that it gives for ejabberd.yml works as it stands.
      const [, ...args] = command.split(" ");
      const relay = new RelayCaller(args.slice(1));
      assert.equal(await relay.ask("auth:alice:localhost:alice0session0of0the0samples"), true);
      await relay.end();
      const exit = once(child, "exit");
      process.kill(-(child.pid ?? 0), "SIGINT");
      await exit;
    } finally {
      if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0), "SIGKILL");
    }
    assert.ok(await isFree(port));
    const { stdout } = spawnSync("ps", ["-eo", "args"], { encoding: "utf8" });
    assert.ok(!stdout.includes(`--httpPort ${port}`) && !stdout.includes(`127.0.0.1:${port}/auth`), stdout);
  });

  it("says of a taken port which option changes it", async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
    );
    // In a process of its own, this one's server can answer nobody meanwhile: it need not.
    const { status, stderr } = start("--once", "--port", String(port));
    server.close();
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`Port ${port} is taken.*--port`));
  });

  it("says how it is used when it is used wrongly", () => {
    for (const args of [["--port", "x"], ["--nonsense"], ["--port", "70000"]]) {
      const { status, stderr } = start(...args);
      assert.equal(status, 2);
      assert.match(stderr, /usage: npm start -- \[--port N\] \[--once\]/);
    }
  });
});

describe("the sample logins", () => {
  let api: LocalApi;
  before(async () => {
    const settings = { ...sampleSettings, AUTHENTICATED_EXPRESSION: "!authenticated" };
    api = await startApi({ port: await freePort(), settings });
  });
  after(() => api.process.stop());

  it("are told apart from what they should be", async () => {
    const relay = new RelayCaller([api.url]);
    const { table, isAsExpected } = await trySampleLogins(relay);
    await relay.end();
    assert.equal(isAsExpected, false);
    assert.match(table, /alice +her own +refused +not-authenticated \(not as expected\)/);
    assert.match(table, /carol +her own, logged out +allowed +\(not as expected\)/);
  });
});

describe("the sample sessions", () => {
  const { it } = needing("php");
  const directory = temporaryDirectory();

  it("are the bytes that real PHP writes", () => {
    const { status, stderr } = spawnSync("php", [`${root}infra/local/sample-sessions.php`, directory]);
    assert.equal(status, 0, String(stderr));
    const written = readdirSync(directory);
    assert.equal(written.length, 3);
    for (const name of written) {
      const sample = readFileSync(join(root, "infra/local/sessions", name));
      assert.deepEqual(sample, readFileSync(join(directory, name)), name);
    }
    assert.deepEqual(readdirSync(`${root}infra/local/sessions`).sort(), written.sort());
  });
});
