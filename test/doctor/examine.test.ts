// All of the doctor's looks together, in this process: on written ejabberd.yml files, a stand-in for API Gateway that
// verifies signatures, and the real function.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readDoctorOptions } from "../../doctor/doctor-options.ts";
import { type ExamineOptions, examine } from "../../doctor/examine.ts";
import { textOfFinding } from "../../doctor/finding.ts";
import type { Installation } from "../../doctor/installation.ts";
import type { Surroundings } from "../../doctor/machine.ts";
import type { SocketHolder } from "../../doctor/running.ts";
import { localKey, startApi } from "../../infra/local/api.ts";
import { ejabberdLibraries } from "../../infra/local/debian.ts";
import { freePort } from "../../infra/local/ports.ts";
import { endWithParent } from "../../infra/local/process.ts";
import { sampleSettings } from "../../infra/local/sample-logins.ts";
import { type Certificate, makeCertificate } from "../real/certificate.ts";
import { needing } from "../real/parts.ts";
import { type Reply, type StandIn, say, startStandIn, tell } from "../stand-in/api-gateway.ts";
import {
  asFunction,
  directory,
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

/** Returns what is found with these arguments, and 1 for a status if something fails. */
async function run(
  args: readonly string[],
  env: NodeJS.ProcessEnv = localKey,
  holder: SocketHolder = { kind: "unseen" },
  more: Partial<Surroundings> = {},
): Promise<Run> {
  const options = readDoctorOptions(args);
  assert.ok(typeof options === "object" && !("problem" in options), args.join(" "));
  let hasFailed = false;
  let output = "";
  const surroundings = {
    environment: { PATH: process.env["PATH"], AWS_EC2_METADATA_DISABLED: "true", HOME: directory, ...env },
    directory,
    user: "ejabberd",
    become: () => {},
    mayRunPrograms: true,
    finding: { level: "ok", check: "ejabberd", says: "as this process" },
    ...more,
  } as const;
  const machine: ExamineOptions["machine"] = {
    ejabberds: () => [],
    socketHolder: () => holder,
    installation: () => installation,
    relaySocket: () => "/run/inspectord/relay.sock",
    surroundingsOf: () => surroundings,
    isEjabberdsOrRoots: (uid) => uid === process.getuid?.(),
    nameOf: (uid) => `uid ${uid}`,
    hidden: [],
  };
  const login = options.login && {
    ...options.login,
    session: readFileSync(options.login.file ?? "", "utf8"),
  };
  for await (const finding of examine({ ...options, login, machine })) {
    hasFailed ||= finding.level === "fail";
    output += `${textOfFinding(finding, false)}\n`;
  }
  return readRun(hasFailed ? 1 : 0, output);
}

/** The host's ejabberd with the module of this project. */
let installation: Installation | undefined;
before(() => {
  const libraries = ejabberdLibraries();
  if (libraries === undefined) return;
  execFileSync("sh", [
    fileURLToPath(new URL("../../infra/ejabberd/inspectord/build.sh", import.meta.url)),
    directory,
  ]);
  const all = `${libraries}:${directory}`;
  installation = { erl: ["erl"], libraries: all, paths: [], version: undefined, environment: {} };
});

const asAlice = ["--user", "alice", "--host", "example.org", "--session-file", sessionPath];

const runOn = (yml: string, ...args: string[]) => run(["--ejabberd-yml", yml, ...args]);

describe("the doctor", { concurrency: 4 }, () => {
  it("finds a host that the API does not serve, by its line", async () => {
    const yml = writeYml(
      programOf(api.url),
      "hosts: [example.org]",
      "hosts:\n  - example.org\n  - other.org",
    );
    const found = await runOn(yml);
    assert.deepEqual(found.failed, ["hosts"]);
    assert.ok(found.of("hosts").includes(`${yml}:3: other.org is not served`), found.output);
  });

  it("finds a pool that is too small for a burst, at the latency that it measures", async () => {
    const slow = await startStandIn((...args) => void setTimeout(() => asFunction(...args), 40), {
      verifies: true,
    });
    const yml = writeYml(programOf(slow.url), "extauth_pool_size: 32", "extauth_pool_size: 2");
    const found = await runOn(yml, "--burst", "5000");
    assert.deepEqual(found.failed, ["pool"]);
    const [, line, size] =
      /\.yml:(\d+): 2 members .* -> write extauth_pool_size: (\d+)$/.exec(found.of("pool")) ?? [];
    assert.equal(line, "4");
    // Twice 5000 x 40 ms / 30 s, and more for what the machine does beside.
    assert.ok(Number(size) >= 14 && Number(size) < 60, found.of("pool"));
    await slow.stop();
  });

  it("takes the URL and the options from extauth_program, or from its own command line", async () => {
    const wrong = await runOn(writeYml(programOf("http://example.org/auth")));
    assert.match(wrong.of("options"), /\.yml:3: the URL is plain http to another machine/);
    assert.match(wrong.of("frames"), /refuses every login: "the URL is plain http/);
    const unreadable = await run(["http://"]);
    assert.match(unreadable.of("options"), /^fail .*the URL cannot be read/);
    const given = await runOn(writeYml("/usr/bin/false"), api.url);
    assert.match(given.of("api"), /^ok /);
    const alone = await run([api.url, ...asAlice]);
    assert.match(alone.of("login"), /^ok .*: allowed/);
    assert.match(alone.output, /^warn +yml /m);
  });

  it("tries each program of several, and asks for the login where its host's logins go", async () => {
    const other = await startStandIn(tell({ allow: false, reason: "no-session" }), { verifies: true });
    const yml = writeYml(
      programOf(api.url),
      "hosts: [example.org]",
      `hosts: [other.org, example.org]\nhost_config: {other.org: {extauth_program: "${programOf(other.url)}"}}`,
    );
    const found = await runOn(yml, ...asAlice);
    assert.equal(found.output.match(/^ok +frames /gm)?.length, 2);
    assert.match(found.of("login"), /^ok +login +logs in as alice@example\.org: allowed/);
    assert.equal(other.bodies.filter((body) => body.includes(session)).length, 0);
    await other.stop();
  });

  it("says what is wrong with ejabberd.yml itself, and looks at the API all the same", async () => {
    const broken = writeYml(programOf(api.url), "listen:", "listen: [");
    const found = await runOn(broken, api.url);
    assert.match(found.of("yml"), /\.yml:\d+: ejabberd cannot read this YAML/);
    assert.match(found.of("api"), /^warn .*no host is known/);
    const absent = await runOn(join(directory, "absent.yml"));
    assert.match(absent.of("yml"), /cannot be read \(ENOENT\)/);
    assert.equal(absent.status, 1);
  });

  it("names what is not there: the program, the script, what PATH does not have", async () => {
    const noProgram = await runOn(writeYml("/opt/nonexistent/relay URL"));
    assert.match(noProgram.of("program"), /\.yml:3: \/opt\/nonexistent\/relay is not there/);
    const noScript = await runOn(writeYml(`${process.execPath} /opt/nonexistent.mjs`));
    assert.match(noScript.of("program"), /\.yml:3: \/opt\/nonexistent\.mjs is not there/);
    assert.match(noScript.of("frames"), /\.yml:3: ends with 1 before its answer/);
    const noName = await runOn(writeYml("nonexistent-relay URL"));
    assert.match(noName.of("program"), /nonexistent-relay is in no directory of ejabberd's PATH/);
    const none = await runOn(writeYml("x", 'extauth_program: "x"\n', ""));
    assert.match(none.of("program"), /example\.org has no extauth_program/);
  });

  it("finds a program that greets on stdout, and one that is no relay", async () => {
    const path = join(directory, "greets.mjs");
    writeFileSync(path, 'console.log("ready"); process.stdin.resume();\n');
    const found = await runOn(writeYml(`${process.execPath} ${path}`));
    assert.deepEqual(found.failed, ["frames"]);
    assert.match(found.of("frames"), /writes something else than an answer|writes before a frame/);
    assert.match(found.of("api"), /^warn .*extauth_program has no URL/);
  });
});

describe("the doctor and guests with names", () => {
  const piece = "auth_method: [external]";
  const guests = "auth_method: [external, anonymous]\nanonymous_protocol: login_anon";

  it("fails them where the API, or the relay's own option, says that no user exists", async () => {
    let policy: string | undefined;
    const own = await startStandIn(
      (body, ...rest) => {
        const { nonce } = JSON.parse(body);
        const told = policy === undefined ? {} : { isuser: policy };
        say(200, JSON.stringify({ allow: false, reason: "no-session", nonce, ...told }))(body, ...rest);
      },
      { verifies: true },
    );
    const found = async (...args: string[]) =>
      (await runOn(writeYml(programOf(own.url, ...args), piece, guests))).of("anonymous");
    assert.match(await found(), /^warn .*it is not known what the API says of users/);
    policy = "none";
    assert.match(
      await found(),
      /^fail .*\.yml:3: example\.org lets guests in by a name, and the API says that no user exists: any password opens any account of it -> write anonymous_protocol: sasl_anon/,
    );
    assert.match(await found("--isuser", "all"), /^warn .*every user exists/);
    policy = "all";
    assert.match(await found(), /^warn .*every user exists/);
    assert.match(await found("--isuser", "none"), /^fail .*any password opens any account/);
    await own.stop();
  });
});

describe("the doctor and the module", () => {
  const { it } = needing("ejabberd");
  const piece = "auth_method: [external]";

  it("asks the relay on the socket as the module's user would", async () => {
    const socket = join(directory, "module.sock");
    const daemon = spawn(process.execPath, [relay, api.url, "--listen", socket], {
      env: { ...process.env, ...localKey },
      stdio: ["ignore", "ignore", "pipe"],
    });
    endWithParent(daemon);
    await new Promise((resolve) => daemon.stderr?.once("data", resolve));
    const holder = {
      kind: "relay",
      relay: { pid: 7, uid: 0, args: [api.url], environment: localKey },
    } as const;
    for (const program of [socket, `socat - UNIX-CONNECT:${socket},retry=3`]) {
      const yml = writeYml(program, piece, "auth_method: [inspectord]");
      const found = await run(["--ejabberd-yml", yml], {}, holder);
      assert.deepEqual(found.failed, [], found.output);
      assert.match(found.of("frames"), /^ok .*three questions/);
      assert.match(found.of("relay"), /^ok .*process 7 listens on the socket/);
      assert.match(found.of("api"), /^ok /);
      assert.doesNotMatch(found.output, /^\w+ +pool/m);
    }
    daemon.kill();
    const ended = new Promise((resolve) => daemon.once("close", resolve));
    await ended;
    const yml = writeYml(socket, piece, "auth_method: [inspectord]");
    const absent = await run(["--ejabberd-yml", yml], {}, holder);
    assert.match(absent.of("socket"), /module\.sock is not there/);
    assert.match(absent.of("frames"), /^warn .*not tried: there is no socket/);
  });

  it("says that ejabberd cannot load a module, and that it does not start", async () => {
    const yml = writeYml(programOf(api.url), piece, "auth_method: [extgaurd, external]");
    const found = await runOn(yml);
    assert.match(
      found.of("yml"),
      /^fail .*\.yml:2: ejabberd \S+ does not start with auth_method->1: ejabberd cannot load its module/,
    );
    assert.match(
      found.output,
      /fail +method .*ejabberd_auth_extgaurd, is not found: ejabberd does not start -> take extgaurd out/,
    );
    const own = installation;
    installation = own && { ...own, libraries: ejabberdLibraries() ?? "" };
    const lacking = await runOn(writeYml(programOf(api.url), piece, "auth_method: [inspectord]"));
    installation = own;
    assert.match(
      lacking.output,
      /fail +method .*ejabberd_auth_inspectord, is not found.* -> build it: sh inspectord\/build\.sh/,
    );
  });

  it("says where ejabberd refuses a value, without the value", async () => {
    const yml = writeYml(
      programOf(api.url),
      "extauth_pool_size: 32",
      "extauth_pool_size: 32\nmax_fsm_queue: secret",
    );
    const found = await runOn(yml);
    assert.match(
      found.of("yml"),
      /^fail .*\.yml:5: ejabberd \S+ does not start with max_fsm_queue: it is no whole number -> see its log/,
    );
    assert.doesNotMatch(found.output, /secret/);
  });

  it("says that it could not ask ejabberd where its code is not here", async () => {
    const own = installation;
    installation = undefined;
    const found = await runOn(writeYml(programOf(api.url)));
    installation = own;
    assert.match(found.of("yml"), /^warn .*not looked at: whether ejabberd starts with this file/);
  });
});

describe("the doctor and other users' processes", { concurrency: 4 }, () => {
  const pool = "sh -c 'exec socat - UNIX-CONNECT:/nonexistent/relay.sock'";

  it("follow nothing of a stranger who holds the relay's socket, and fail", async () => {
    for (const [holder, says] of [
      [
        { kind: "stranger", uid: 4002, pid: 30 },
        /process 30 of uid 4002 listens on \/nonexistent\/relay\.sock/,
      ],
      [{ kind: "stranger", uid: 4002, pid: undefined }, /\/nonexistent\/relay\.sock belongs to uid 4002/],
      [{ kind: "stranger", uid: undefined, pid: 30 }, /process 30 of more than one user/],
    ] as const) {
      const found = await run(["--ejabberd-yml", writeYml(pool)], localKey, holder);
      assert.match(found.of("relay"), says);
      assert.match(found.of("relay"), /^fail .* gets every session id -> .*User=/);
      assert.match(found.of("api"), /^warn .*API check skipped/);
      const given = await run(["--ejabberd-yml", writeYml(pool), api.url], localKey, holder);
      assert.match(given.of("relay"), /^fail /);
      assert.match(given.of("api"), /^ok /);
    }
  });

  it("run no credential_process for the relay that runs", async () => {
    const marker = join(directory, "has-run");
    const config = join(directory, "process.ini");
    writeFileSync(config, `[default]\ncredential_process = touch ${marker}\n`);
    const environment = { AWS_REGION: "eu-central-1", AWS_CONFIG_FILE: config };
    const own = await startStandIn(asFunction, { verifies: true });
    const relay = { pid: 20, uid: 0, args: [own.url], environment };
    const found = await run(["--ejabberd-yml", writeYml(pool)], {}, { kind: "relay", relay });
    assert.match(found.of("relay"), /^ok .*process 20 listens on the socket/);
    assert.match(found.of("credentials"), /^warn .*credential_process, which is not run/);
    assert.equal(existsSync(marker), false);
    assert.deepEqual(own.bodies, []);
    await own.stop();
  });

  it("start no program where it would run as root, or where others wrote the file", async () => {
    const asRoot = await run(["--ejabberd-yml", writeYml(programOf(api.url))], localKey, undefined, {
      mayRunPrograms: false,
    });
    assert.match(asRoot.of("frames"), /^warn .*not tried: there is no user ejabberd/);
    const open = writeYml(programOf(api.url));
    chmodSync(open, 0o646);
    const found = await runOn(open);
    assert.match(found.of("yml"), /^fail .*can be changed by anybody.* -> chmod 640/);
    assert.match(found.of("frames"), /^warn .*not tried: others than root and ejabberd/);
  });
});

describe("the doctor, of an API at fault,", { concurrency: 4 }, () => {
  /** Returns what is said of an API that answers like this. */
  async function foundOf(reply: Reply, env?: NodeJS.ProcessEnv, deadlineMs = 9_000): Promise<Run> {
    const faulty = await startStandIn(reply, { verifies: true });
    const found = await run([faulty.url, "--deadline-ms", String(deadlineMs)], env);
    await faulty.stop();
    assert.equal(found.status, 1, found.output);
    return found;
  }

  it("tells a key that may not call the route", async () => {
    const env = { ...localKey, AWS_SECRET_ACCESS_KEY: "secret-that-is-wrong" };
    const found = await foundOf(asFunction, env);
    assert.match(
      found.of("api"),
      /403: the key is wrong.* -> allow execute-api:Invoke on arn:aws:execute-api:eu-central-1/,
    );
    for (const value of Object.values(env)) {
      if (value !== "eu-central-1") assert.ok(!found.output.includes(value));
    }
  });

  it("tells a clock that is off, by the API's own", async () => {
    const date = new Date(Date.now() - 600_000).toUTCString();
    const found = await foundOf(say(403, "{}", { date }));
    assert.match(found.of("clock"), /^fail +clock +(599|600|601)\.\d s ahead of the API's/);
    assert.match(found.of("api"), /403: this clock is off by/);
    const slightly = await startStandIn(
      (...args) => {
        args[1].setHeader("date", new Date(Date.now() + 60_000).toUTCString());
        asFunction(...args);
      },
      { verifies: true },
    );
    const warned = await run([slightly.url, ...asAlice]);
    assert.match(warned.of("clock"), /^warn +clock +(59|60|61)\.\d s behind/);
    assert.equal(warned.status, 0);
    await slightly.stop();
  });

  const wrong: Readonly<Record<string, readonly [Reply, RegExp]>> = {
    "a route that there is not": [
      say(404, '{"message":"Not Found"}'),
      /404: there is no such route -> the URL ends in \/auth/,
    ],
    throttling: [say(429, ""), /429: calls are throttled/],
    "an error of the function": [say(500, ""), /answers 500 instead of a verdict/],
    "something else that answers": [say(200, "<html>"), /the answer is no verdict .*something else/],
    "a function without a verdict": [
      say(503, '{"error":"unavailable","reason":"store-unreachable"}'),
      /the function has no verdict \(store-unreachable\)/,
    ],
    "a function that is older than the relay": [
      say(400, '{"error":"field-unknown"}'),
      /the function is older than this relay -> deploy the function of this release/,
    ],
    silence: [() => {}, /no answer within 700ms/],
    "a yes to everybody": [tell({ allow: true }), /says yes to a session id that was made up/],
  };
  for (const [name, [reply, says]] of Object.entries(wrong)) {
    it(`tells ${name}`, async () => {
      const found = await foundOf(reply, localKey, name === "silence" ? 700 : undefined);
      assert.match(found.of("api"), says);
    });
  }

  it("tells a route that gives no reasons, for it may be open to all", async () => {
    const open = await startStandIn(tell({ allow: false }));
    const found = await run([open.url, ...asAlice]);
    assert.match(found.of("api"), /^warn .*is aws_iam the authorizer of its route\?/);
    await open.stop();
  });

  it("tells of calls that needed a second try", async () => {
    let calls = 0;
    const shaky = await startStandIn((...args) => (calls++ % 9 === 5 ? say(503, "") : asFunction)(...args));
    const found = await run([shaky.url, ...asAlice]);
    assert.match(found.of("latency"), /^warn .*20 calls: p50 .*; [23] second tries were needed$/);
    await shaky.stop();
  });

  it("tells a host of which it cannot be told whether it is served", async () => {
    const silent = await startStandIn((body, ...rest) => {
      (JSON.parse(body).op === "isuser" ? tell({ allow: false }) : asFunction)(body, ...rest);
    });
    const told = await runOn(writeYml(programOf(silent.url)));
    assert.match(
      told.of("hosts"),
      /^warn .*\.yml:1: example\.org: refused, and it is not known whether it is served/,
    );
    silent.reply = (body, ...rest) => {
      (JSON.parse(body).op === "isuser" ? say(500, "") : asFunction)(body, ...rest);
    };
    const failed = await runOn(writeYml(programOf(silent.url)));
    assert.match(failed.of("hosts"), /^fail .*example\.org: no verdict \(api-status\)/);
    await silent.stop();
  });

  it("counts calls without a verdict among the twenty", async () => {
    let calls = 0;
    const found = await foundOf((...args) => (calls++ < 5 ? asFunction : say(500, ""))(...args));
    assert.match(found.of("latency"), /^fail .*3 of 7 calls had no verdict/);
  });

  it("tells that there are no credentials, and where they come from where there are", async () => {
    const region = { AWS_REGION: "eu-central-1" };
    const none = await run([api.url], region);
    assert.match(none.of("credentials"), /^fail .*none in the environment, the shared files/);
    const ini = join(directory, "credentials.ini");
    const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: key, AWS_SESSION_TOKEN: token } = localKey;
    const keys = `aws_access_key_id=${id}\naws_secret_access_key=${key}\naws_session_token=${token}\n`;
    writeFileSync(ini, `[chat]\n${keys}`);
    const profile = await run([api.url, "--profile", "chat"], {
      ...region,
      AWS_SHARED_CREDENTIALS_FILE: ini,
    });
    assert.match(profile.of("credentials"), /^ok .*from the profile chat$/);
    assert.match(profile.of("api"), /no host is known/);
    const command = `echo '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"B","Expiration":"2020-01-01T00:00:00Z"}'`;
    writeFileSync(join(directory, "config.ini"), `[profile old]\ncredential_process = ${command}\n`);
    const old = await run([api.url, "--profile", "old"], {
      ...region,
      AWS_CONFIG_FILE: join(directory, "config.ini"),
    });
    assert.match(old.of("credentials"), /^fail .*from the profile old have expired, until 2020-01-01/);
  });

  it("tells a name that cannot be resolved, and a port where nobody listens", async () => {
    const unknown = await run(["https://api.invalid/auth"]);
    assert.match(unknown.of("dns"), /^fail .*api\.invalid cannot be resolved/);
    const closed = await run([`http://127.0.0.1:${await freePort()}/auth`]);
    assert.match(closed.of("api"), /^fail .*cannot be reached \(ECONNREFUSED\)/);
    const closedTls = await run([`https://127.0.0.1:${await freePort()}/auth`]);
    assert.match(closedTls.of("tls"), /^fail .*no TLS with \S+ \(ECONNREFUSED\)/);
  });
});

describe("the doctor over HTTPS", () => {
  const { it, before, after } = needing("openssl");
  let certificate: Certificate;
  let secure: StandIn;

  before(async () => {
    certificate = makeCertificate(directory);
    secure = await startStandIn(asFunction, { tls: certificate, verifies: true });
  });
  after(() => secure.stop());

  it("tells until when the certificate is good, and that it soon ends", async () => {
    const found = await run([secure.url, "--ca-file", certificate.certPath]);
    const until = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 8);
    assert.match(found.of("tls"), /^warn +tls +TLSv1\.3, a certificate until \d{4}-\d\d-\d\d \([12] days\)$/);
    assert.ok(found.of("tls").includes(until.slice(0, 4)));
    assert.match(found.of("dns"), /^ok .*localhost has \d addresses/);
    assert.match(found.of("api"), /takes our signature|no host is known/);
  });

  it("tells a certificate that is not trusted, or of another name, and sends nothing", async () => {
    const before = secure.bodies.length;
    const untrusted = await run([secure.url]);
    assert.match(untrusted.of("tls"), /^fail .*\(DEPTH_ZERO_SELF_SIGNED_CERT\) -> .*--ca-file/);
    const named = await run([
      secure.url.replace("localhost", "127.0.0.2"),
      "--ca-file",
      certificate.certPath,
    ]);
    assert.match(named.of("tls"), /^fail .*no TLS with/);
    assert.equal(secure.bodies.length, before);
  });

  it("tells a file of authorities that is not there", async () => {
    const found = await run([secure.url, "--ca-file", "/nonexistent.pem"]);
    assert.match(found.of("options"), /--ca-file cannot be read \(ENOENT\)/);
  });
});

describe("the doctor and the real function", () => {
  it("agree on hosts, made-up sessions and a login", async () => {
    const carols = join(directory, "carols");
    writeFileSync(carols, "carol0session0of0the0samples");
    const function_ = await startApi({ port: await freePort(), settings: sampleSettings });
    try {
      const yml = writeYml(programOf(function_.url), "[example.org]", "[localhost, example.org]");
      const found = await runOn(yml, "--user", "carol", "--host", "localhost", "--session-file", carols);
      assert.deepEqual(found.failed, ["certificate", "hosts", "login"], found.output);
      assert.match(found.of("api"), /refuses a made-up session \(no-session\)/);
      assert.match(found.of("hosts"), /example\.org is not served/);
      assert.match(found.of("login"), /logs in as carol@localhost: refused \(not-authenticated\)/);
      // A question for each host is no login.
      assert.ok(function_.logins().length >= 22);
    } finally {
      await function_.process.stop();
    }
  });
});

describe("the doctor and a function whose session ids have a shape of their own", () => {
  it("agree on a made-up session that is looked up", async () => {
    const settings = { ...sampleSettings, SESSION_PRESET: "laravel", SERVED_HOSTS: "localhost,example.org" };
    const function_ = await startApi({ port: await freePort(), settings });
    try {
      const found = await runOn(writeYml(programOf(function_.url), "[example.org]", "[localhost]"));
      assert.match(found.of("api"), /refuses a made-up session \(no-session\)/, found.output);
    } finally {
      await function_.process.stop();
    }
  });
});

describe("the ejabberd.yml that this project recommends", () => {
  it("is found well but for its placeholders: where the relay lies, and the URL", async () => {
    const infra = fileURLToPath(new URL("../../infra/ejabberd/ejabberd.yml", import.meta.url));
    const yml = join(directory, "recommended.yml");
    copyFileSync(infra, yml);
    const found = await runOn(yml);
    for (const check of found.failed)
      assert.ok(["program", "socket", "frames", "options"].includes(check), found.output);
  });
});
