// `npm start` as a newcomer types it.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type LocalApi, startApi } from "../../../infra/local/api.ts";
import { freePort, isFree } from "../../../infra/local/ports.ts";
import { RelayCaller } from "../../../infra/local/relay-caller.ts";
import { sampleSettings, trySampleLogins } from "../../../infra/local/sample-logins.ts";
import { functionVariables } from "../../../infra/parameters.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { needing } from "../../real/parts.ts";
import { until } from "../../relay/peer.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

function start(...args: string[]) {
  return startWith({}, ...args);
}

function startWith(env: Readonly<Record<string, string>>, ...args: string[]) {
  return spawnSync("npm", ["start", "--silent", "--", ...args], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
}

/** A configuration that is right, but for its store, which is not there. */
const rightSettings = {
  SESSION_STORE: "memcached://127.0.0.1:1",
  SERVED_HOSTS: "localhost",
  AUTHENTICATED_EXPRESSION: "user != `null`",
  USER_EXPRESSION: "user",
};

/** Returns what the child has written once it holds this text; it goes on being read, so that it may go on writing. */
function outputWith(child: ChildProcess, isThere: (output: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      if (isThere(output)) resolve(output);
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

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`serves until ${signal}, shows each login, and ends all it started`, async () => {
      const port = await freePort();
      const child = spawn("npm", ["start", "--silent", "--", "--port", String(port)], {
        cwd: root,
        // A group of its own, to which ^C goes as it does in a terminal.
        detached: true,
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exit = once(child, "exit");
      try {
        const output = await outputWith(child, (text) => text.includes("^C ends it"));
        assert.match(output, /SESSION_STORE=memcached:\/\/127\.0\.0\.1:11211/);
        const url = `http://127.0.0.1:${port}/auth`;
        assert.ok(processesOf(child).some((args) => args.includes("offline start")));
        assert.ok(output.includes(`relay.mjs ${url}"`), output);
        const shown = outputWith(child, (text) => text.split(" ms\n").length > 2);
        const relay = new RelayCaller([url]);
        try {
          assert.equal(await relay.ask("auth:alice:localhost:alice0session0of0the0samples"), true);
          assert.equal(await relay.ask("auth:bob:localhost:alice0session0of0the0samples"), false);
        } finally {
          await relay.end();
        }
        const [allowed = "", refused = ""] = (await shown).split("\n");
        const time = String.raw`\d{4}-\d\d-\d\dT[0-9:.]+Z`;
        assert.match(allowed, new RegExp(`^${time}  alice@localhost  allowed  \\d+\\.\\d ms$`));
        assert.match(refused, new RegExp(`^${time}  bob@localhost  refused  other-user  \\d+\\.\\d ms$`));
        // ^C goes to the terminal's whole group, SIGTERM to npm alone.
        process.kill(signal === "SIGINT" ? -(child.pid ?? 0) : (child.pid ?? 0), signal);
        await exit;
        await until(() => processesOf(child).length === 0, "all processes of its group have ended");
      } finally {
        try {
          process.kill(-(child.pid ?? 0), "SIGKILL");
        } catch {
          // The group has ended.
        }
      }
      assert.ok(await isFree(port));
    });
  }

  it("lists what is wrong with the configuration before it starts anything", () => {
    const { status, stdout, stderr } = startWith({
      ...rightSettings,
      SESSION_STORE: "memcached://",
      SERVED_HOSTS: "",
      USER_EXPRESSION: "user !!",
    });
    assert.equal(status, 1);
    assert.equal(stdout, "");
    assert.deepEqual(
      stderr.split("\n").flatMap((line) => /^ {2}([A-Z_]+) is wrong/.exec(line)?.slice(1) ?? []),
      ["SESSION_STORE", "USER_EXPRESSION", "SERVED_HOSTS"],
    );
    assert.doesNotMatch(stderr, /\n {4}at /);
  });

  it("lists what is missing where any of the variables is set", () => {
    const { status, stderr } = startWith({ SERVED_HOSTS: "localhost" });
    assert.equal(status, 1);
    assert.match(stderr, /SESSION_STORE is missing/);
    assert.doesNotMatch(stderr, /SERVED_HOSTS is/);
  });

  it("names a store that does not answer, and starts nothing", () => {
    const { status, stdout, stderr } = startWith(rightSettings);
    assert.equal(status, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /memcached at 127\.0\.0\.1:1: store-unreachable ECONNREFUSED/);
  });

  it("says how it is used before anything is installed", () => {
    const clone = temporaryDirectory();
    for (const name of [
      "package.json",
      ".ci/prepare.mjs",
      "infra/local/start.mjs",
      "infra/local/usage.txt",
    ]) {
      cpSync(join(root, name), join(clone, name));
    }
    const { status, stdout, stderr } = spawnSync("npm", ["start", "--silent", "--", "--help"], {
      cwd: clone,
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    assert.equal(stderr, "");
    for (const name of functionVariables.filter((name) => !name.endsWith("_PARAMETER"))) {
      assert.match(stdout, new RegExp(`^  ${name} +\\S`, "m"));
    }
    for (const option of ["--port N", "--once", "--help"]) assert.ok(stdout.includes(`  ${option}`), option);
    assert.ok(stdout.split("\n").every((line) => line.length <= 120));
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
      assert.match(stderr, /--port|--nonsense/);
      assert.match(stderr, /npm start -- --help says more/);
    }
  });
});

/** Returns the command lines of the processes in the child's group. */
function processesOf({ pid }: ChildProcess): string[] {
  const { stdout } = spawnSync("ps", ["-eo", "pgid=,args="], { encoding: "utf8" });
  return stdout.split("\n").filter((line) => Number(/^ *(\d+) /.exec(line)?.[1]) === pid);
}

describe("the sample logins", () => {
  let api: LocalApi;
  before(async () => {
    const settings = { ...sampleSettings, AUTHENTICATED_EXPRESSION: "!authenticated" };
    api = await startApi({ port: await freePort(), settings });
  });
  after(() => api.process.stop());

  it("are told apart from what they should be", async () => {
    const relay = new RelayCaller([api.url]);
    const { table, isAsExpected } = await trySampleLogins(relay).finally(() => relay.end());
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
