import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, before, describe, it } from "node:test";
import { localKey } from "../../infra/local/api.ts";
import { freePort } from "../../infra/local/ports.ts";
import { frame } from "../../infra/local/relay-caller.ts";
import { pauseBeforeCrashMs, runProgram } from "../../relay/program.ts";
import { version } from "../../relay/version.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { allowGood, badSession, goodSession, type StandIn, startStandIn } from "../stand-in/api-gateway.ts";
import { Member } from "./member.ts";
import { until } from "./peer.ts";

/** Runs the program with streams and signals of a test's own. */
function run(...args: string[]) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const state = {
    stdin,
    answers: "",
    text: "",
    log: "",
    ended: [] as number[],
    signals: new Map<string, () => void>(),
    crash: (_: Error) => {},
  };
  stdout.on("data", (bytes: Buffer) => {
    state.answers += bytes.toString("hex");
    state.text += bytes;
  });
  stderr.on("data", (bytes: Buffer) => {
    state.log += bytes;
  });
  const code = runProgram({
    args,
    environment: { ...localKey, AWS_EC2_METADATA_DISABLED: "true" },
    stdin,
    stdout,
    stderr,
    onSignal: (signal, run) => void state.signals.set(signal, run),
    onUncaught: (run) => {
      state.crash = run;
    },
    exit: (ended) => state.ended.push(ended),
  });
  return Object.assign(state, { code });
}

describe("the relay's program", () => {
  const directory = temporaryDirectory();
  let api: StandIn;
  before(async () => {
    api = await startStandIn(allowGood, { verifies: true });
  });
  after(() => api.stop());

  it("answers the frames of its input, and ends with it", async () => {
    const program = run(api.url);
    program.stdin.write(frame(`auth:alice:localhost:${goodSession}`));
    program.stdin.end(frame(`auth:alice:localhost:${badSession}`));
    assert.equal(await program.code, 0);
    assert.equal(program.answers, "0002000100020000");
    assert.match(program.log, /code=refused outcome=refused op=auth user=[0-9a-f]{12} /);
  });

  it("tells its help and its release", async () => {
    const help = run("--help");
    assert.equal(await help.code, 0);
    assert.match(help.text, /^usage: relay\.mjs URL \[options\]\n/);
    const release = run("--version");
    assert.equal(await release.code, 0);
    assert.equal(release.text, `inspectord-relay ${version}\n`);
  });

  it("stays with a wrong command line, refuses every login, and says of no user that there is none", async () => {
    const missing = join(directory, "missing");
    for (const [args, why] of [
      [[], /the URL of the route is missing; every login is refused until it is put right/],
      [[api.url, "--ca-file", missing], /--ca-file cannot be opened \(ENOENT\)/],
      [[api.url, "--log-file", join(missing, "log")], /--log-file cannot be opened \(ENOENT\)/],
    ] as const) {
      const program = run(...args);
      program.stdin.write(frame(`auth:alice:localhost:${goodSession}`));
      program.stdin.end(frame("isuser:alice:localhost"));
      assert.equal(await program.code, 0);
      assert.equal(program.answers, "0002000000020001");
      assert.match(program.log, why);
    }
  });

  it("ends with 2 where a manager would start it again", async () => {
    for (const args of [
      ["--listen", join(directory, "relay.sock")],
      [`--listen=${join(directory, "relay.sock")}`],
      ["--http", "127.0.0.1:1"],
      [api.url, "--listen", join(directory, "none", "relay.sock")],
    ]) {
      const program = run(...args);
      assert.equal(await program.code, 2);
      assert.match(program.log, /^[^\n]+\n$/);
    }
  });

  it("takes --hedge, does nothing by it, and says so once", async () => {
    const program = run(api.url, "--hedge");
    program.stdin.end(frame(`auth:alice:localhost:${goodSession}`));
    assert.equal(await program.code, 0);
    assert.equal(program.answers, "00020001");
    assert.match(
      program.log,
      /^time=\S+ level=warn \S+ code=option-ignored detail="--hedge does nothing[^\n]*\n$/,
    );
  });

  it("listens until it is told to stop, and counts its members", async () => {
    const path = join(directory, "relay.sock");
    const program = run(api.url, "--listen", path);
    await until(() => program.log.includes("code=listening"), program.log);
    const member = new Member(path);
    assert.equal(await member.ask(`auth:alice:localhost:${goodSession}`), true);
    program.signals.get("SIGUSR1")?.();
    assert.match(program.log, /^inspectord_relay_members 1$/m);
    program.signals.get("SIGTERM")?.();
    assert.equal(await program.code, 0);
    assert.equal(existsSync(path), false);
    member.socket.destroy();
  });

  it("logs to a file, and to a new one at SIGHUP", async () => {
    const path = join(directory, "relay.log");
    const program = run(api.url, "--log-file", path, "--log-format", "json", "--log-users");
    const refuse = async (count: number) => {
      program.stdin.write(frame(`auth:alice:localhost:${badSession}`));
      await until(() => program.answers.length === 8 * count, "no answer");
    };
    await refuse(1);
    assert.equal(JSON.parse(readFileSync(path, "utf8")).user, "alice@localhost");
    rmSync(path);
    program.signals.get("SIGHUP")?.();
    await refuse(2);
    assert.equal(JSON.parse(readFileSync(path, "utf8")).code, "refused");
    program.stdin.end();
    assert.equal(await program.code, 0);
    assert.equal(program.log, "");
  });

  it("serves on where its metrics' port cannot be had", async () => {
    const port = await freePort();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
    const program = run(api.url, "--metrics-port", String(port));
    program.stdin.end(frame(`auth:alice:localhost:${goodSession}`));
    assert.equal(await program.code, 0);
    assert.equal(program.answers, "00020001");
    assert.match(program.log, /code=metrics-port detail=EADDRINUSE/);
    other.close();
  });

  it("waits before it ends by an error that nobody caught, and tells the error's name alone", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const program = run(api.url);
    program.crash(new TypeError("a secret"));
    t.mock.timers.tick(pauseBeforeCrashMs - 1);
    assert.deepEqual(program.ended, []);
    t.mock.timers.tick(1);
    assert.deepEqual(program.ended, [1]);
    assert.match(program.log, /code=crash kind=TypeError/);
    assert.doesNotMatch(program.log, /secret/);
    program.stdin.end();
    await program.code;
  });
});
