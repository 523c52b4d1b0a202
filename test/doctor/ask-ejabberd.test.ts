// The host's own ejabberd, asked about files that it takes, refuses and fails on.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type AskOptions, askEjabberd } from "../../doctor/ask-ejabberd.ts";
import { checkAnswers, checkRecommended, checkShadow } from "../../doctor/check-ejabberd.ts";
import { checkValues } from "../../doctor/check-values.ts";
import { hostsOf } from "../../doctor/hosts.ts";
import type { Installation } from "../../doctor/installation.ts";
import { macroFeatures } from "../../doctor/macros.ts";
import { readSettings } from "../../doctor/settings.ts";
import { ejabberdLibraries } from "../../infra/local/debian.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";

const directory = temporaryDirectory();
const build = fileURLToPath(new URL("../../infra/ejabberd/inspectord/build.sh", import.meta.url));
let count = 0;

function installation(libraries: readonly string[] = [], paths: Installation["paths"] = []): Installation {
  const all = [ejabberdLibraries() ?? "", ...libraries].join(":");
  return { erl: ["erl"], libraries: all, paths, version: undefined, environment: {} };
}

async function ask(text: string, more: Partial<AskOptions> = {}) {
  const ymlPath = join(directory, `${count++}.yml`);
  writeFileSync(ymlPath, text);
  const answers = await askEjabberd({
    installation: installation(),
    ymlPath,
    methods: ["external"],
    environment: { PATH: process.env["PATH"], HOME: directory },
    directory,
    withinMs: 60_000,
    ...more,
  });
  return { answers, ymlPath };
}

const plain = `hosts: [Example.org, other.org]
auth_method: [external]
extauth_program: "socat - UNIX-CONNECT:/run/x.sock,retry=1"
extauth_pool_size: 8
auth_use_cache: "off"
disable_sasl_mechanisms: [x-oauth2, DIGEST-MD5]
define_macro: {TLS: true}
listen:
  - {port: 5222, module: ejabberd_c2s, tls: TLS}
  - {port: 5280, ip: "127.0.0.1", module: ejabberd_http, request_handlers: {/bosh: mod_bosh, /ws: ejabberd_http_ws}}
modules: {mod_ping: {}, mod_bosh: {}}
host_config: {other.org: {auth_method: [internal], modules: {mod_ping: {}}}}
append_host_config: {other.org: {auth_method: [external]}}
`;

describe("the host's own ejabberd", { concurrency: 3 }, () => {
  const { it } = needing("ejabberd");

  it("takes a file, and reads it as the doctor does", async () => {
    const { answers, ymlPath } = await ask(plain);
    assert.match(answers?.version ?? "", /^\d+\.\d+/);
    assert.equal(answers?.refusal, undefined);
    assert.equal(answers?.values.get("other.org auth_method"), "mnesia,external");
    assert.equal(answers?.values.get("example.org extauth_pool_size"), "8");
    const settings = readSettings(ymlPath, {
      directory,
      environment: {},
      features: macroFeatures(undefined),
      beside: [],
      readBytes: (path) => readFileSync(path),
    });
    const found = checkAnswers(answers, settings, hostsOf(settings), ymlPath);
    assert.deepEqual(
      found.map(({ level }) => level),
      ["ok"],
      JSON.stringify(found),
    );
    const otherwise = new Map([...(answers?.values ?? []), ["example.org auth_use_cache", "true"]]);
    const changed = checkAnswers(
      answers && { ...answers, values: otherwise },
      settings,
      hostsOf(settings),
      ymlPath,
    );
    assert.match(changed.at(-1)?.says ?? "", /may be wrong about them: example\.org auth_use_cache$/);
  });

  it("refuses what the doctor says that it refuses, and takes what it does not", async () => {
    const lines = [
      ['auth_use_cache: "False"', false],
      ["auth_use_cache: TRUE", false],
      ["auth_use_cache: y", true],
      ['use_cache: "no"', true],
      ["extauth_pool_size: 0x10", false],
      ['extauth_pool_size: "8"', false],
      ["extauth_pool_size:", false],
      ["extauth_pool_size: 8", true],
      ["anonymous_protocol: login", false],
      ["listen: [{port: 5222, module: ejabberd_c2s, max_stanza_size: 0x10000}]", false],
      ["listen: [{port: 5222, module: ejabberd_c2s, max_stanza_size: }]", false],
      ['listen: [{port: 5222, module: ejabberd_c2s, max_stanza_size: "65536"}]', false],
      ["listen: [{port: 5222, module: ejabberd_c2s, max_stanza_size: infinity}]", true],
      ['listen: [{port: 5222, module: ejabberd_c2s, tls: "True"}]', false],
      ['listen: [{port: "5222", module: ejabberd_c2s}]', false],
      ["listen: [{port: 5222, ip: localhost, module: ejabberd_c2s}]", false],
      ['listen: [{port: 5222, ip: "127.1", module: ejabberd_c2s}]', true],
    ] as const;
    const asked = await Promise.all(lines.map(([line]) => ask(`hosts: [a.org]\n${line}\n`)));
    for (const [i, { answers, ymlPath }] of asked.entries()) {
      const [line = "", isTaken] = lines[i] ?? [];
      assert.equal(answers?.refusal === undefined && answers?.failure === undefined, isTaken, line);
      const settings = readSettings(ymlPath, {
        directory,
        environment: {},
        features: macroFeatures(undefined),
        beside: [],
        readBytes: (path) => readFileSync(path),
      });
      assert.equal(checkValues(settings).length === 0, isTaken, line);
    }
  });

  it("tells which modules it can load, and which of them keep nothing", async () => {
    execFileSync("sh", [build, directory]);
    const methods = ["external", "inspectord", "extguard", "nonsense"];
    const { answers } = await ask("hosts: [a.org]\nauth_method: [inspectord]\n", {
      installation: installation([directory]),
      methods,
    });
    assert.deepEqual([...(answers?.unloadable.keys() ?? [])], ["nonsense"]);
    assert.deepEqual([...(answers?.uncached ?? [])].sort(), ["extguard", "inspectord"]);
    assert.deepEqual(checkRecommended(answers), []);
    const broken = join(directory, "broken", "inspectord", "ebin");
    mkdirSync(broken, { recursive: true });
    writeFileSync(join(broken, "ejabberd_auth_inspectord.beam"), "no beam");
    const { answers: without } = await ask("hosts: [a.org]\nauth_method: [inspectord]\n", {
      installation: installation([join(directory, "broken")]),
      methods,
    });
    assert.equal(without?.refusal?.option, "auth_method->1");
    assert.equal(without?.unloadable.get("extguard"), "nofile");
    assert.notEqual(without?.unloadable.get("inspectord"), "nofile");
    assert.match(checkRecommended(without)[0]?.change ?? "", /sh inspectord\/build\.sh/);
  });

  it("tells where -pa makes another folder stand for ejabberd itself", async () => {
    const shadow = join(directory, "ejabberd");
    mkdirSync(shadow, { recursive: true });
    const shadowed = installation([], [{ flag: "-pa", directory: shadow }]);
    const { answers } = await ask("hosts: [a.org]\n", { installation: shadowed });
    assert.equal(answers?.isShadowed, true);
    assert.match(
      checkShadow(answers, shadowed)[0]?.says ?? "",
      /^-pa \S+\/ejabberd stands for ejabberd itself/,
    );
    const { answers: own } = await ask("hosts: [a.org]\n");
    assert.equal(own?.isShadowed, false);
    assert.deepEqual(checkShadow(own, installation()), []);
    assert.equal(checkShadow(undefined, shadowed).length, 1);
  });

  it("says nothing of a value that it refuses, whatever that holds", async () => {
    const { answers, ymlPath } = await ask(
      'hosts: [a.org]\nsql_password: [secret]\nhost_config: {a.org: {auth_use_cache: "secret"}}\n',
    );
    assert.ok(answers?.refusal !== undefined);
    assert.doesNotMatch(
      JSON.stringify([answers.refusal, checkAnswers(answers, undefined, [], ymlPath)]),
      /secret/,
    );
  });
});

describe("a host's ejabberd that cannot be asked", () => {
  it("is no answer: a program that is not there, fails, is silent, or says something else", async () => {
    const programs: readonly (readonly [string, string])[] = [
      ["fails", "exit 1"],
      ["silent", "sleep 30"],
      ["other", "echo hello"],
      ["half", "echo; echo inspectord version 3233; echo inspectord loaded"],
    ];
    for (const [name, script] of programs) {
      const path = join(directory, name);
      writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      const asked = { ...installation(), erl: [path] };
      const { answers } = await ask("hosts: [a.org]\n", { installation: asked, withinMs: 500 });
      assert.equal(answers, undefined, name);
    }
    const { answers } = await ask("", { installation: { ...installation(), erl: ["/nonexistent/erl"] } });
    assert.equal(answers, undefined);
    assert.match(checkAnswers(undefined, undefined, [], "/e.yml")[0]?.says ?? "", /^not looked at/);
  });

  it("is no answer if it writes without end", async () => {
    const path = join(directory, "endless");
    writeFileSync(path, "#!/bin/sh\nexec yes\n", { mode: 0o755 });
    const { answers } = await ask("", { installation: { ...installation(), erl: [path] } });
    assert.equal(answers, undefined);
  });
});
