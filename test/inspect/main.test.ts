// The inspect tool as an operator or a script runs it.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "../../infra/local/ports.ts";
import { noIdAsArgument } from "../../terminal/session-id-input.ts";
import { makeCertificate } from "../real/certificate.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { startMemcached, startTlsMemcached } from "../real/memcached.ts";
import { missing } from "../real/parts.ts";
import { memcachedIni, redisIni, runPhp, writeSession } from "../real/php.ts";
import { startRedis, tlsSettings } from "../real/redis.ts";
import { runAtTerminal } from "../real/terminal.ts";
import { startDynamoDb } from "../stand-in/dynamodb.ts";
import { describing, refuse, startElastiCache } from "../stand-in/elasticache.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const everything = readFileSync(new URL("inspect-session.php", import.meta.url), "utf8").replace("<?php", "");
const handlers = ["php", "php_binary", "php_serialize", "igbinary", "msgpack"] as const;
const skip = missing("php");
const ids = temporaryDirectory();

const notOurs = Object.entries(process.env).filter(
  ([name]) => !/^(?:SESSION|AUTHENTICATED|USER|SERVED|ISUSER)_/.test(name),
);

interface Run {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** Returns the options that name a session, whose id stands in a file. */
function of(id: string): string[] {
  const path = join(mkdtempSync(join(ids, "id-")), "id");
  writeFileSync(path, `${id}\n`, { mode: 0o600 });
  return ["--session-file", path];
}

/** Runs the command to the letter, and returns all that can be seen of it. */
function inspect(args: readonly string[], { input = "", env = {} }: Run = {}) {
  const { status, stdout, stderr } = spawnSync("npm", ["run", "--silent", "inspect", "--", ...args], {
    cwd: root,
    input: typeof input === "string" ? Buffer.from(input, "latin1") : input,
    env: { ...Object.fromEntries(notOurs), ...env },
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  return { status, stdout, stderr };
}

/** The same, with this process at work meanwhile. */
async function inspectBeside(args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn("npm", ["run", "--silent", "inspect", "--", ...args], {
    cwd: root,
    env: { ...Object.fromEntries(notOurs), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { status, stdout, stderr };
}

function printed(stdout: string) {
  return { status: 0, stdout: `${stdout}\n`, stderr: "" };
}

function failed(status: number, code: string) {
  return { status, stdout: "", stderr: `${code}\n` };
}

const plain = 'user|s:5:"alice";authenticated|b:1;';
const expressions = { AUTHENTICATED_EXPRESSION: "authenticated", USER_EXPRESSION: "user" };

describe("inspect for scripts", () => {
  const shown = {
    ring: { size: 424242, self: { $cycle: true } },
    user: {
      $class: "User",
      "Base::name": "base-secret",
      "User::name": "name-secret",
      "User::mail": "mail-secret",
      friend: { $cycle: true },
    },
    list: [424242, "text-secret", [], null, true, 42.42],
    map: { "7": "seven-secret", é: "ü-secret", $$class: "class-secret", $name: "", "": "hidden-secret" },
    numbers: [
      { $int: "9223372036854775807" },
      { $int: "-9223372036854775808" },
      { $float: "NAN" },
      { $float: "INF" },
      { $float: "-INF" },
    ],
    bytes: { $base64: Buffer.from("bytes-secret\xff\xfe", "latin1").toString("base64") },
    role: { $enum: "Role::Admin" },
    shared: [{ x: "twice-secret" }, { x: "twice-secret" }],
    leg: {
      $class: "Leg",
      $serialized: { $base64: Buffer.from("payload-secret\xff", "latin1").toString("base64") },
    },
  };
  // ext-msgpack writes an enum as it writes any object, and loses count of references behind an array inside itself.
  const byMsgpack = {
    ring: { size: 424242 },
    role: { $class: "Role", name: "Admin", value: "admin-secret" },
  };

  for (const handler of handlers) {
    it(`prints what PHP wrote by ${handler}, as one JSON document`, { skip }, () => {
      const input = runPhp(everything, { "session.serialize_handler": handler, error_reporting: 0 });
      const args = ["--raw", "--serialize-handler", handler, "--json"];
      const { status, stdout, stderr } = inspect([...args, "--show-values"], { input });
      assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
      const expected = handler === "msgpack" ? { ...shown, ...byMsgpack } : shown;
      assert.deepEqual(JSON.parse(stdout), expected);
      assert.equal(stdout.split("\n").length, 2);
    });

    it(`shows no value of what PHP wrote by ${handler} unless it is told to`, { skip }, () => {
      const input = runPhp(everything, { "session.serialize_handler": handler, error_reporting: 0 });
      for (const format of [[], ["--json"]]) {
        const { status, stdout, stderr } = inspect(["--raw", "--serialize-handler", handler, ...format], {
          input,
        });
        assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
        assert.match(stdout, /string\(11\)/);
        for (const value of [
          "secret",
          "Admin",
          "424242",
          "42.42",
          "9223372036854775807",
          "NAN",
          "INF",
          "$base64",
        ]) {
          assert.ok(!stdout.includes(value), `${value} in ${stdout}`);
        }
      }
    });
  }

  it("prints an empty session as an object, and a session named by numbers, too", () => {
    const args = ["--raw", "--json", "--show-values"];
    assert.deepEqual(inspect(args), printed("{}"));
    const input = 'a:2:{i:0;s:1:"a";i:1;a:0:{}}';
    assert.deepEqual(
      inspect([...args, "--serialize-handler", "php_serialize"], { input }),
      printed('{"0":"a","1":[]}'),
    );
  });

  it("prints kinds and lengths in the place of values", () => {
    assert.deepEqual(
      inspect(["--raw", "--json"], { input: plain }),
      printed('{"user":"string(5)","authenticated":"boolean"}'),
    );
  });

  it("takes the serialize handler of the configuration, and no notice of what else is wrong with that", () => {
    const env = {
      SESSION_SERIALIZE_HANDLER: "php_serialize",
      SESSION_STORE: "nowhere",
      ISUSER_POLICY: "some",
    };
    assert.deepEqual(inspect(["--raw", "--json"], { input: "a:0:{}", env }), printed("{}"));
  });

  it("undoes what the memcached flags say", () => {
    const args = ["--raw", "--json", "--show-values"];
    const input = `s:${plain.length}:"${plain}";`;
    const expected = printed('{"user":"alice","authenticated":true}');
    assert.deepEqual(inspect([...args, "--flags", "4"], { input }), expected);
    assert.deepEqual(inspect([...args, "--flags", "7"], { input }), failed(1, "unknown-flags"));
  });

  it("says in one code why bytes cannot be read or printed", () => {
    let doubling = "v0|a:0:{}";
    for (let slot = 1; slot < 100; slot++) doubling += `v${slot}|a:2:{i:0;R:${slot};i:1;R:${slot};}`;
    const cases: [string, string][] = [
      ["user|s:5", "truncated"],
      ["user|x", "malformed"],
      ["a|R:7;", "bad-reference"],
      ["x".repeat(600_000), "too-large"],
      ["x".repeat(2_000_000), "too-large"],
      [doubling, "too-large-to-print"],
    ];
    for (const [input, code] of cases) {
      const started = performance.now();
      assert.deepEqual(inspect(["--raw", "--json"], { input }), failed(1, code));
      assert.ok(performance.now() - started < 20_000);
    }
  });

  it("says what is wrong with the command line, and never repeats it", () => {
    const { status, stdout, stderr } = inspect(["--json", "--raw", "0secret0session0id0secret0"]);
    assert.deepEqual({ status, stdout, stderr }, failed(2, `usage: ${noIdAsArgument} (--help says more)`));
  });

  it("knows no preset but those of the configuration", () => {
    const { status, stdout, stderr } = inspect(["--raw", "--json", "--preset", "?"], { input: plain });
    assert.deepEqual({ status, stdout }, { status: 2, stdout: "" });
    assert.match(stderr, /^bad-configuration: .*preset/i);
  });

  it("names the variables that are wrong", () => {
    const { status, stdout, stderr } = inspect([...of("0secret0session0id0secret0"), "--json"]);
    assert.deepEqual({ status, stdout }, { status: 2, stdout: "" });
    assert.match(stderr, /^bad-configuration: SESSION_STORE is missing: it must be .+\n$/);
  });
});

describe("inspect's verdict", () => {
  it("is that of a login, with the user's name where values are shown", () => {
    const cases: [string, string[], string][] = [
      [plain, ["--user", "alice"], '{"verdict":"allowed","reason":null,"user":"string(5)"}'],
      [plain, ["--user", "alice", "--show-values"], '{"verdict":"allowed","reason":null,"user":"alice"}'],
      [
        plain,
        ["--user", "bob", "--show-values"],
        '{"verdict":"refused","reason":"other-user","user":"alice"}',
      ],
      [
        'user|s:5:"alice";',
        ["--user", "alice"],
        '{"verdict":"refused","reason":"not-authenticated","user":null}',
      ],
      ["user|s:5", ["--user", "alice"], '{"verdict":"refused","reason":"unreadable-session","user":null}'],
    ];
    for (const [input, args, expected] of cases) {
      assert.deepEqual(inspect(["--raw", "--json", ...args], { input, env: expressions }), printed(expected));
    }
  });

  it("needs the expressions, and nothing else for bytes", () => {
    const { status, stdout, stderr } = inspect(["--raw", "--json", "--user", "alice"], { input: plain });
    assert.deepEqual({ status, stdout }, { status: 2, stdout: "" });
    assert.match(stderr, /AUTHENTICATED_EXPRESSION is missing.*\n.*USER_EXPRESSION is missing.*\n$/);
    assert.doesNotMatch(stderr, /SESSION_STORE|SERVED_HOSTS/);
  });

  it("is none without the store's answer", () => {
    const env = { ...expressions, SESSION_STORE: "memcached://127.0.0.1:1" };
    const id = "0secret0session0id0secret0";
    assert.deepEqual(
      inspect([...of(id), "--json", "--user", "alice"], { env }),
      printed('{"verdict":"unavailable","reason":"store-unreachable","user":null}'),
    );
    assert.deepEqual(inspect([...of(id), "--json"], { env }), failed(1, "store-unreachable"));
  });
});

describe("inspect and the session id", () => {
  const directory = temporaryDirectory();
  const id = "0secret0session0id0secret0";
  writeFileSync(join(directory, `sess_${id}`), plain);
  const env = { SESSION_STORE: `files://${directory}` };

  it("asks for it at the terminal, which shows nothing of it", async () => {
    const { status, screen } = await runAtTerminal(
      `cd ${root} && npm run --silent inspect -- --json --show-values`,
      [[/Session id \(it is not shown\): /, `${id}\r`]],
      { ...Object.fromEntries(notOurs), ...env },
    );
    assert.equal(screen, 'Session id (it is not shown): \r\n{"user":"alice","authenticated":true}\r\n');
    assert.equal(status, 0);
  });

  it("reads it on stdin", () => {
    const found = inspect(["--session-file", "-", "--json"], { input: `${id}\n`, env });
    assert.deepEqual(found, printed('{"user":"string(5)","authenticated":"boolean"}'));
  });

  it("refuses one that PHP cannot have made, and one where nobody can be asked", () => {
    const wrong = inspect(["--session-file", "-"], { input: `${id}.lock\n`, env });
    assert.deepEqual(wrong, failed(2, "usage: PHP makes no such session id"));
    const ticket = inspect(["--session-file", "-"], { input: "head..nonce.text.tag\n", env });
    const advice = "usage: this is a ticket, which only the function opens: give the session id itself";
    assert.deepEqual(ticket, failed(2, advice));
    const nobody = inspect([], { env });
    assert.equal(nobody.status, 2);
    assert.match(nobody.stderr, /^usage: there is no terminal to ask for the session id/);
  });

  it("leaves none in npm's logs, not even one that was given as an argument", () => {
    const cache = join(directory, "cache");
    for (const args of [of(id), [id], ["--session", id]]) {
      spawnSync("npm", ["run", "inspect", "--", ...args], {
        cwd: root,
        env: { ...Object.fromEntries(notOurs), ...env, npm_config_cache: cache },
      });
    }
    const logs = existsSync(cache) ? readdirSync(cache, { recursive: true, withFileTypes: true }) : [];
    for (const log of logs.filter((one) => one.isFile())) {
      assert.ok(!readFileSync(join(log.parentPath, log.name), "latin1").includes(id), log.name);
    }
  });
});

describe("inspect's user", () => {
  const namedBy = (name: string) => `user|s:${Buffer.byteLength(name)}:"${name}";authenticated|b:1;`;
  const run = (session: string, user: string) =>
    inspect(["--raw", "--user", user], { input: Buffer.from(session), env: expressions }).stdout;

  it("is named as the site spells it, and told by which name that logs in", () => {
    const cases = [
      ["Alice", "alice"],
      ["Carol Danvers", "carol\\20danvers"],
      ["eve@example.org", "eve\\40example.org"],
      ["Zoë", "zoë"],
    ] as const;
    for (const [name, localpart] of cases) {
      const found = run(namedBy(name), name);
      assert.ok(found.includes(`login     logs in as ${localpart}@HOST\nverdict   allowed\n`), found);
    }
    assert.match(run(plain, "Bob"), /verdict {3}refused other-user/);
  });

  it("is told to have no login where the name is doubtful", () => {
    const found = run(namedBy("ﬁ"), "ﬁ");
    assert.match(
      found,
      /login {5}"ﬁ" cannot log in: not-nfkc\nverdict {3}refused doubtful-user-name not-nfkc\n/,
    );
    assert.match(
      run(plain, "alice "),
      /login .* cannot log in: leading-or-trailing-space\nverdict {3}refused other-user/,
    );
  });
});

describe("inspect for a person", () => {
  const directory = temporaryDirectory();

  it("prints the tree of expressions, which handler fits, and the verdict, without colours where piped", () => {
    assert.deepEqual(
      inspect(["--raw", "--show-values", "--user", "alice"], { input: plain, env: expressions }),
      printed(
        [
          "read as   php",
          "fits      php",
          "login     logs in as alice@HOST",
          "verdict   allowed",
          'user      "alice"',
          "",
          'user           "alice"',
          "authenticated  true",
        ].join("\n"),
      ),
    );
  });

  it("says which handler fits where another one is set", () => {
    assert.deepEqual(inspect(["--raw"], { input: 'a:1:{s:4:"user";s:5:"alice";}' }), {
      status: 1,
      stdout: "read as   php: looks-like-serialized\nfits      php_serialize\n",
      stderr: "looks-like-serialized\n",
    });
  });

  it("looks for a session id where the configuration says, and never prints the id", () => {
    const id = "0secret0session0id0secret0";
    const env = { SESSION_STORE: `files://${directory}`, SESSION_SERIALIZE_HANDLER: "php" };
    assert.deepEqual(inspect([...of(id)], { env }), {
      status: 1,
      stdout: "store     files does not have it\n",
      stderr: "no-session\n",
    });
    writeFileSync(join(directory, `sess_${id}`), plain);
    assert.deepEqual(
      inspect([...of(id)], { env }),
      printed(
        "store     files has it\nread as   php\nfits      php\n\nuser           string(5)\nauthenticated  boolean",
      ),
    );
    assert.deepEqual(
      inspect([...of(id), "--json", "--show-values"], { env }),
      printed('{"user":"alice","authenticated":true}'),
    );
  });

  it("says which memcached node holds the session", { skip: skip || missing("memcached") }, async () => {
    const caches = [await startMemcached(), await startMemcached()];
    try {
      const nodes = caches.map(({ host, port }) => `${host}:${port}`);
      const id = writeSession({ user: "alice" }, memcachedIni(...nodes));
      const { status, stdout, stderr } = inspect([...of(id)], {
        env: { SESSION_STORE: `memcached://${nodes.join()}`, SESSION_PLACEMENT: "ketama" },
      });
      assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
      const [first, second, ...others] = stdout.split("\n");
      const found = nodes.map((node) => [
        `node      ${node} has it, asked as number 1`,
        `node      ${node} has no such session, not asked`,
      ]);
      const [[aHas, aHasNot] = [], [bHas, bHasNot] = []] = found;
      assert.ok((first === aHas && second === bHasNot) || (first === bHas && second === aHasNot), stdout);
      assert.deepEqual(others, ["read as   php", "fits      php", "", "user  string(5)", ""]);
      assert.ok(!stdout.includes(id));
    } finally {
      for (const cache of caches) await cache.stop();
    }
  });

  const redisSkip = skip || missing("redis", "openssl");
  it("says which Redis server holds the session, by TLS and with a password", {
    skip: redisSkip,
  }, async () => {
    const certificate = makeCertificate(directory);
    const start = async () => {
      const tlsPort = await freePort();
      const settings = [...tlsSettings(tlsPort, certificate), "--requirepass", "secret"];
      return { tlsPort, ...(await startRedis(undefined, settings)) };
    };
    const servers = [await start(), await start()];
    try {
      const ini = redisIni(...servers.map(({ port }) => `127.0.0.1:${port}?auth=secret&database=1`));
      const id = writeSession({ user: "alice" }, ini);
      const nodes = servers.map(({ tlsPort }) => `localhost:${tlsPort}`);
      const SESSION_STORE = `rediss://${nodes.join()}/1`;
      const known = { SESSION_KEY_PREFIX: "PHPREDIS_SESSION:", NODE_EXTRA_CA_CERTS: certificate.certPath };
      const env = { SESSION_STORE, ...known };
      const { status, stdout, stderr } = inspect([...of(id)], {
        env: { ...env, SESSION_STORE_PASSWORD: "secret" },
      });
      assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
      const [first = "", second = "", ...others] = stdout.split("\n");
      assert.match(first, /^node {6}localhost:\d+ has it, asked as number 1$/);
      assert.match(second, /^node {6}localhost:\d+ has no such session, not asked$/);
      assert.deepEqual(others, ["read as   php", "fits      php", "", "user  string(5)", ""]);
      const without = inspect([...of(id)], { env });
      assert.deepEqual([without.status, without.stderr], [1, "store-refused\n"]);
      assert.match(without.stdout, /^node {6}localhost:\d+ answers with an error, asked as number 1\n/);
    } finally {
      for (const server of servers) await server.stop();
    }
  });

  it("finds a session in DynamoDB by AWS's own variables", async () => {
    const dynamoDb = await startDynamoDb();
    try {
      await dynamoDb.createTable("sessions", "id");
      const id = "alice0session0of0the0test0";
      await dynamoDb.put("sessions", {
        id: { S: `PHPSESSID_${id}` },
        data: { S: plain },
        expires: { N: "9999999999" },
      });
      const env = { ...dynamoDb.environment, ...expressions, SESSION_STORE: "dynamodb://sessions" };
      const found = await inspectBeside([...of(id), "--user", "alice"], env);
      assert.equal(found.status, 0);
      assert.match(
        found.stdout,
        /^store {5}dynamodb has it\nread as {3}php\nfits {6}php\nlogin {5}logs in as alice@HOST\nverdict {3}allowed\n/,
      );
      const lost = await inspectBeside([...of(id)], { ...env, SESSION_STORE: "dynamodb://others" });
      assert.equal(lost.status, 1);
      assert.match(lost.stdout, /^store {5}dynamodb does not have it\n/);
      assert.match(lost.stderr, /store-refused\n/);
    } finally {
      await dynamoDb.stop();
    }
  });

  const tlsSkip = skip || missing("memcached", "openssl");
  it("reaches a node with TLS whose authority Node is told to trust, and no other", {
    skip: tlsSkip,
  }, async () => {
    const certificate = makeCertificate(directory);
    const cache = await startTlsMemcached(certificate);
    try {
      const id = writeSession({ user: "alice" }, memcachedIni(`127.0.0.1:${cache.plainPort}`));
      const env = {
        SESSION_STORE: `memcacheds://localhost:${cache.port}`,
        SESSION_SERIALIZE_HANDLER: "php",
      };
      const trusting = inspect([...of(id)], { env: { ...env, NODE_EXTRA_CA_CERTS: certificate.certPath } });
      const lines = [
        `node      localhost:${cache.port} has it, asked as number 1`,
        "read as   php",
        "fits      php",
      ];
      assert.deepEqual(trusting, printed([...lines, "", "user  string(5)"].join("\n")));
      const node = `node      localhost:${cache.port} does not answer, asked as number 1`;
      assert.deepEqual(inspect([...of(id)], { env }), {
        status: 1,
        stdout: `${node}\nwhy       DEPTH_ZERO_SELF_SIGNED_CERT\n`,
        stderr: "store-untrusted\n",
      });
    } finally {
      await cache.stop();
    }
  });

  it("finds the nodes of an ElastiCache cluster, and tells of the cluster", { skip: tlsSkip }, async () => {
    const certificate = makeCertificate(directory);
    const cache = await startTlsMemcached(certificate);
    const api = await startElastiCache(
      describing({
        id: "sessions",
        isEncrypted: true,
        nodes: [{ id: "0001", host: "localhost", port: cache.port }],
      }),
    );
    try {
      const id = writeSession({ user: "alice" }, memcachedIni(`127.0.0.1:${cache.plainPort}`));
      const trusted = { NODE_EXTRA_CA_CERTS: certificate.certPath };
      const known = { SESSION_STORE: "elasticache://sessions", SESSION_SERIALIZE_HANDLER: "php" };
      const env = { ...api.env, ...trusted, ...known };
      const about = "encryption in transit, configuration endpoint sessions.cfg.example.org:11211";
      const lines = [
        `cluster   memcached 1.6.22, nodes: 1, ${about}`,
        `node      localhost:${cache.port} has it, asked as number 1`,
        ...["read as   php", "fits      php", "", "user  string(5)"],
      ];
      // What serves the cluster's description lives in this process, which must not be blocked.
      assert.deepEqual(await inspectBeside([...of(id)], env), printed(lines.join("\n")));
      api.reply = refuse(403, "AccessDenied");
      assert.deepEqual(await inspectBeside([...of(id)], env), failed(1, "discovery-failed: access-denied"));
    } finally {
      await Promise.all([api.stop(), cache.stop()]);
    }
  });

  it("tells its own use", () => {
    const { status, stdout, stderr } = inspect(["--help"]);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    assert.match(stdout, /^usage: npm run inspect -- \[options\]/);
  });
});
