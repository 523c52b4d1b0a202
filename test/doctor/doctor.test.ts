// The bundled doctor, run as an operator runs it: as root it becomes ejabberd's user, and finds its environment.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { thisMachine } from "../../doctor/machine.ts";
import { localKey } from "../../infra/local/api.ts";
import { startEjabberd } from "../../infra/local/ejabberd.ts";
import { freePort } from "../../infra/local/ports.ts";
import { endWithParent } from "../../infra/local/process.ts";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { missing, needing, nodePath, nodeVersions } from "../real/parts.ts";
import { runAtTerminal } from "../real/terminal.ts";
import { type StandIn, startStandIn } from "../stand-in/api-gateway.ts";
import {
  asFunction,
  directory,
  doctorPath,
  programOf,
  type Run,
  readRun,
  relay,
  session,
  sessionPath,
  writeYml,
} from "./ejabberd-host.ts";

let api: StandIn;
before(async () => {
  api = await startStandIn(asFunction, { verifies: true });
});
after(() => api.stop());

function run(
  args: readonly string[],
  env: NodeJS.ProcessEnv = localKey,
  program = [process.execPath, doctorPath],
) {
  const [command = "", ...before] = program;
  const child = spawn(command, [...before, ...args], {
    env: { PATH: process.env["PATH"], AWS_EC2_METADATA_DISABLED: "true", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  endWithParent(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise<Run>((resolve) => {
    child.on("close", (status) => resolve(readRun(status, output)));
  });
}

const runOn = (yml: string, ...args: string[]) => run(["--ejabberd-yml", yml, ...args]);

describe("the bundled doctor's file", () => {
  it("imports nothing but what Node brings", () => {
    const imported = [...readFileSync(doctorPath, "utf8").matchAll(/(?:from|import)\s*\(?"([^"]+)"/g)];
    assert.ok(imported.length > 0);
    for (const [, name] of imported) assert.match(name ?? "", /^node:/);
  });

  it("may be run as a program by everybody", () => {
    assert.equal(statSync(doctorPath).mode & 0o777, 0o755);
  });
});

describe("the bundled doctor", { concurrency: 4 }, () => {
  it("finds nothing wrong where all is well, and ends with 0", async () => {
    const found = await runOn(writeYml(programOf(api.url)), "--burst", "1000");
    assert.equal(found.status, 0, found.output);
    assert.match(found.of("frames"), /^ok .*three questions/);
    assert.match(found.of("credentials"), /^ok +credentials +from the environment$/);
    assert.match(found.of("clock"), /^ok +clock +\d\.\d s (behind|ahead of) the API's$/);
    assert.match(found.of("api"), /^ok .*refuses a made-up session \(no-session\)/);
    assert.match(found.of("latency"), /^ok .*20 calls: p50 [\d.]+ ms, p99 [\d.]+ ms$/);
    assert.match(found.of("hosts"), /^ok .*example\.org is served/);
    assert.match(found.of("pool"), /^ok .*32 members serve \d+ logins\/s/);
    assert.match(found.output, /\n0 to put right, \d warnings\n/);
  });

  it("colours nothing that does not go to a terminal", async () => {
    const { output } = await runOn(writeYml(programOf(api.url)));
    assert.ok(!output.includes("\u001b"));
  });

  it("tells a login's verdict and its reason, and never the session id", async () => {
    const yml = writeYml(programOf(api.url));
    const good = await runOn(yml, "--user", "alice", "--session-file", sessionPath);
    assert.match(good.of("login"), /^ok +login +logs in as alice@example\.org: allowed$/);
    assert.equal(good.status, 0, good.output);
    const other = await runOn(yml, "--user", "Robert Tables", "--session-file", sessionPath);
    assert.match(
      other.of("login"),
      /^fail +login +logs in as robert\\20tables@example\.org: refused \(other-user\) ->/,
    );
    assert.equal(other.status, 1);
    for (const { output } of [good, other]) assert.ok(!output.includes(session));
  });

  it("asks for the session id at the terminal, which shows nothing of it", async () => {
    const yml = writeYml(programOf(api.url));
    const command = `${process.execPath} ${doctorPath} --ejabberd-yml ${yml} --user alice`;
    const env = { PATH: process.env["PATH"], AWS_EC2_METADATA_DISABLED: "true", ...localKey };
    const { status, screen } = await runAtTerminal(
      command,
      [[/Session id \(it is not shown\): /, `${session}\r`]],
      env,
    );
    assert.match(screen, /login +logs in as alice@example\.org: allowed/);
    assert.ok(!screen.includes(session.slice(0, 8)), screen);
    assert.equal(status, 0);
  });

  it("refuses a session id as an argument, and does not repeat it", async () => {
    for (const args of [
      ["--user", "alice", "--session", session],
      ["--user", "alice", session],
    ]) {
      const found = await run(args);
      assert.equal(found.status, 2);
      assert.match(found.output, /^a session id is not given as an argument.*--session-file PATH/);
      assert.ok(!found.output.includes(session));
    }
  });

  it("ends with 2 and its help for a wrong command line", async () => {
    const found = await run(["--nonsense"]);
    assert.equal(found.status, 2);
    assert.match(found.output, /^an option is unknown.*\n\nusage: /);
    assert.equal((await run(["--help"])).status, 0);
  });

  it("is reached through the relay, which says where it is missing", async () => {
    const found = await run(["doctor", "--help"], localKey, [process.execPath, relay]);
    assert.equal(found.status, 0, found.output);
    assert.match(found.output, /^usage: doctor\.mjs/);
    const alone = join(mkdtempSync(join(directory, "alone-")), "relay.mjs");
    copyFileSync(relayPath, alone);
    const missed = await run(["doctor", "--help"], localKey, [process.execPath, alone]);
    assert.equal(missed.status, 2);
    assert.match(missed.output, /doctor\.mjs is not there: copy doctor\.mjs beside relay\.mjs\n$/);
  });
});

describe("the bundled doctor as root", { concurrency: 4 }, () => {
  const asRoot = process.getuid?.() === 0 ? missing("ejabberd") : "not run as root";
  it("tries all as ejabberd's user: directories, scripts and programs that it may not have", {
    skip: asRoot,
  }, async () => {
    const closed = join(directory, "closed");
    mkdirSync(closed, { mode: 0o700 });
    copyFileSync(relayPath, join(closed, "relay.mjs"));
    const inClosed = await runOn(writeYml(`${process.execPath} ${closed}/relay.mjs ${api.url}`));
    assert.ok(inClosed.of("program").includes(`ejabberd may not enter ${closed} (mode 0700, uid 0, gid 0)`));
    assert.match(inClosed.of("frames"), /^fail .*ends with 1/);
    const secret = join(directory, "secret.mjs");
    copyFileSync(relayPath, secret);
    chmodSync(secret, 0o600);
    const unreadable = await runOn(writeYml(`${process.execPath} ${secret} ${api.url}`));
    assert.ok(
      unreadable.of("program").includes(`ejabberd may not read ${secret} (mode 0600, uid 0, gid 0) -> chmod`),
    );
    const plain = join(directory, "plain.mjs");
    copyFileSync(relayPath, plain);
    chmodSync(plain, 0o644);
    const notExecutable = await runOn(writeYml(`${plain} ${api.url}`));
    assert.ok(notExecutable.of("program").includes(`ejabberd may not run ${plain} (mode 0644`));
    assert.match(notExecutable.of("frames"), /may not be run: it ends with 126/);
    const executable = await runOn(writeYml(`${relay} ${api.url}`));
    assert.match(executable.of("program"), /^ok +program +ejabberd may run/);
  });

  it("finds a program where ejabberd's unit hides it", { skip: asRoot }, async () => {
    const hidden = temporaryDirectory("/tmp");
    chmodSync(hidden, 0o755);
    copyFileSync(relayPath, join(hidden, "relay.mjs"));
    const found = await runOn(writeYml(`${process.execPath} ${hidden}/relay.mjs ${api.url}`));
    assert.deepEqual(found.failed, ["program"]);
    assert.match(
      found.of("program"),
      /lies below \/tmp, which ejabberd's systemd unit hides .* -> install it below \/opt/,
    );
  });

  const asRootWithSocat = asRoot || missing("socat");
  it("finds the socket of the daemon: there, closed to ejabberd, or absent", {
    skip: asRootWithSocat,
  }, async () => {
    const socket = join(directory, "relay.sock");
    const program = `sh -c 'exec socat - UNIX-CONNECT:${socket},retry=3,interval=0.1'`;
    const absent = await runOn(writeYml(program), api.url);
    assert.ok(
      absent.of("socket").includes(`${socket} is not there -> start the relay (--listen)`),
      absent.output,
    );
    assert.match(absent.of("frames"), /^warn .*not tried/);
    const daemon = spawn(process.execPath, [relay, api.url, "--listen", socket], {
      env: { ...process.env, ...localKey },
      stdio: ["ignore", "ignore", "pipe"],
    });
    endWithParent(daemon);
    await new Promise((resolve) => daemon.stderr?.once("data", resolve));
    const closed = await runOn(writeYml(program), api.url);
    assert.match(
      closed.of("socket"),
      /ejabberd may not connect to .*relay\.sock \(mode 0660, uid 0, gid 0\) -> add ejabberd/,
    );
    chmodSync(socket, 0o666);
    const open = await run(["--ejabberd-yml", writeYml(program)], {});
    assert.deepEqual(open.failed, [], open.output);
    assert.match(open.of("program"), /^ok .*ejabberd may run socat/);
    assert.match(open.of("frames"), /^ok /);
    assert.match(
      open.of("relay"),
      /^ok .*process \d+ listens on the socket: its URL, options and environment are used/,
    );
    assert.match(open.of("credentials"), /^ok .*from the environment/);
    assert.match(open.of("latency"), /^ok /);
    daemon.kill();
  });
});

describe("the bundled doctor as root, of processes that look like ours,", () => {
  const asRoot = process.getuid?.() === 0 ? missing("ejabberd", "socat") : "not run as root";
  const nobody = 65_534;

  it("follows nothing of another user's, which holds the socket or only says so", {
    skip: asRoot,
  }, async () => {
    const evil = await startStandIn(asFunction);
    const place = mkdtempSync(join(directory, "of-nobody-"));
    chownSync(place, nobody, nobody);
    chmodSync(place, 0o755);
    const marker = join(place, "has-run");
    writeFileSync(join(place, "config"), `[default]\ncredential_process = touch ${marker}\n`);
    const yml = writeYml(`sh -c 'exec socat - UNIX-CONNECT:${place}/relay.sock,retry=3,interval=0.1'`);
    const script = join(directory, "look-alike.mjs");
    writeFileSync(
      script,
      `import { chmodSync } from "node:fs"; import { createServer } from "node:net";
process.title = "beam.smp";
const listening = process.argv.includes("--hold") ? process.argv[4] : 0;
createServer().listen(listening, () => { if (listening) chmodSync(listening, 0o777); console.log("ready"); });`,
    );
    const start = async (...more: string[]) => {
      const child = spawn(
        process.execPath,
        [script, evil.url, "--listen", join(place, "relay.sock"), ...more],
        {
          uid: nobody,
          gid: nobody,
          env: {
            AWS_CONFIG_FILE: join(place, "config"),
            AWS_REGION: "eu-central-1",
            EJABBERD_CONFIG_PATH: yml,
          },
          stdio: ["ignore", "pipe", "inherit"],
        },
      );
      endWithParent(child);
      await new Promise((resolve) => child.stdout?.once("data", resolve));
      return child;
    };
    const alike = await start();
    const notHeld = await run(["--ejabberd-yml", yml, "--user", "alice", "--session-file", sessionPath], {});
    assert.match(notHeld.of("ejabberd"), /^warn .*no ejabberd runs with this file/);
    assert.match(notHeld.of("api"), /^warn .*API check skipped/);
    alike.kill();
    const holder = await start("--hold");
    const held = await run(["--ejabberd-yml", yml, "--user", "alice", "--session-file", sessionPath], {});
    assert.match(
      held.of("relay"),
      /^fail .*relay\.sock belongs to nobody, who is neither root nor the user of/,
    );
    assert.match(held.of("frames"), /^warn .*not tried: another user would get the questions/);
    assert.match(held.of("api"), /^warn .*API check skipped/);
    holder.kill();
    assert.equal(existsSync(marker), false);
    assert.deepEqual(evil.bodies, []);
    await evil.stop();
  });
});

for (const version of nodeVersions) {
  describe(`the bundled doctor under Node ${version}`, () => {
    const { it } = needing("nodes");

    it("finds nothing wrong where all is well", async () => {
      const yml = writeYml(programOf(api.url));
      const found = await run(["--ejabberd-yml", yml], localKey, [nodePath(version), doctorPath]);
      assert.equal(found.status, 0, found.output);
      assert.match(found.of("frames"), /^ok /);
    });
  });
}

describe("the bundled doctor beside a real ejabberd", () => {
  const { it } = needing("ejabberd");

  it("tries the program with the environment that ejabberd gives it", async () => {
    const home = mkdtempSync(join(directory, "ejabberd-"));
    const [tcp, http] = [await freePort(), await freePort()];
    const config = `hosts: [example.org]
auth_method: [external]
extauth_program: "${programOf(api.url)}"
extauth_pool_size: 8
auth_use_cache: false
disable_sasl_mechanisms: [X-OAUTH2]
listen:
  - {port: ${tcp}, ip: "127.0.0.1", module: ejabberd_c2s, max_stanza_size: 65536}
  - {port: ${http}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: {/bosh: mod_bosh}}
modules:
  mod_bosh: {}
`;
    const isReady = () =>
      fetch(`http://127.0.0.1:${http}/bosh`).then(
        ({ ok }) => ok,
        () => false,
      );
    const ejabberd = await startEjabberd({ directory: home, config, isReady, env: localKey });
    try {
      const yml = join(home, "ejabberd.yml");
      const machine = thisMachine({});
      const [running] = machine.ejabberds(yml);
      assert.deepEqual(
        running?.listeners.filter((one) => "port" in one && [tcp, http].includes(one.port)).length,
        2,
      );
      const { environment, directory: spool } = machine.surroundingsOf(running);
      assert.equal(environment["AWS_ACCESS_KEY_ID"], localKey["AWS_ACCESS_KEY_ID"]);
      assert.equal(spool, home);
      const found = await run(["--ejabberd-yml", yml], {});
      assert.equal(found.status, 0, found.output);
      assert.match(found.of("ejabberd"), /^ok .*runs as .* with its environment/);
      assert.match(found.of("credentials"), /^ok .*from the environment/);
      assert.match(found.of("pool"), /^ok .*8 members/);
    } finally {
      await ejabberd.stop();
    }
  });
});
