import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EjabberdAnswers } from "../../doctor/ask-ejabberd.ts";
import {
  checkAnonymous,
  checkCache,
  checkMethods,
  checkSasl,
  recommendedMethod,
  socketOf,
} from "../../doctor/check-methods.ts";
import { hostsOf } from "../../doctor/hosts.ts";
import type { IsUserPolicy } from "../../protocol/login-answer.ts";
import { but, settingsOf, well, wrong } from "./settings-of.ts";

const recommended = { method: "inspectord", socket: "/run/relay.sock", file: "/e.yml" } as const;

function methodsIn(text: string, more: Partial<Parameters<typeof checkMethods>[2]> = {}): string[] {
  const settings = settingsOf(text);
  return wrong(checkMethods(settings, hostsOf(settings), { ...recommended, ...more }));
}

describe("the doctor on who authenticates", () => {
  it("finds nothing wrong where each host asks InspectorD alone", () => {
    assert.deepEqual(methodsIn(well), []);
    const pool = 'extauth_program: "socat - UNIX-CONNECT:/run/relay.sock"';
    for (const method of ["extguard", "external", "[external]"]) {
      const text = but("auth_method: [inspectord]", `auth_method: ${method}`);
      assert.deepEqual(methodsIn(but("extauth_program: /run/inspectord/relay.sock", pool, text)), []);
    }
  });

  it("gives the whole block to paste where none asks it, with the socket of the relay that listens here", () => {
    const none = but("auth_method: [inspectord]\nextauth_program: /run/inspectord/relay.sock\n", "");
    assert.deepEqual(methodsIn(none), [
      "fail method 2: append auth_method: [inspectord]; extauth_program: /run/relay.sock",
    ]);
    const internal = but("auth_method: [inspectord]", "auth_method: internal");
    assert.deepEqual(methodsIn(internal), ["fail method 4: replace auth_method: [inspectord]"]);
    const [pool = ""] = methodsIn(none, { method: "extguard" });
    assert.match(
      pool,
      /auth_method: \[extguard\]; extauth_program: "sh -c 'sleep 2; exec socat - UNIX-CONNECT:\/run\/relay\.sock,retry=280,interval=0\.1'"; extauth_pool_size: 64; auth_use_cache: false$/,
    );
  });

  it("warns of a host that does not ask it beside one that does", () => {
    const text = `${well}host_config: {other.org: {auth_method: [sql, ldap]}}\n`;
    assert.deepEqual(methodsIn(text), ["warn method 19: replace auth_method: [inspectord]"]);
  });

  it("warns of every second method, old names among them", () => {
    for (const method of ["anonymous", "internal", "sql", "ldap", "pam", "jwt", "odbc"]) {
      const text = but("[inspectord]", `[inspectord, ${method}]`);
      assert.deepEqual(methodsIn(text), ["warn method 4: change", "warn method 4: change"], method);
    }
  });

  it("finds a pool without its program, and a module whose program names no socket", () => {
    const none = but("extauth_program: /run/inspectord/relay.sock\n", "");
    assert.deepEqual(methodsIn(none), []);
    const [pool = ""] = methodsIn(but("[inspectord]", "[extguard]", none));
    assert.match(
      pool,
      /^fail program 2: append extauth_program: "sh -c .*\/run\/relay\.sock.*; extauth_pool_size: 64; auth_use_cache: false$/,
    );
    const node = but("/run/inspectord/relay.sock", '"/usr/bin/node /opt/relay.mjs https://x/auth"');
    assert.deepEqual(methodsIn(node), [
      "fail program 5: replace extauth_program: /run/relay.sock",
      "fail program 5: replace extauth_program: /run/relay.sock",
    ]);
  });

  it("finds a pool that would run the path of a socket, and says what to write", () => {
    for (const [methods, written] of [
      ["[external]", "[inspectord]"],
      ["extguard", "[inspectord]"],
      ["[extguard, anonymous]", "[inspectord, anonymous]"],
      ["[external, extguard]", "[inspectord]"],
    ] as const) {
      const text = but("auth_method: [inspectord]", `auth_method: ${methods}`);
      assert.equal(
        methodsIn(text).find((line) => line.includes(" program ")),
        `fail program 5: replace auth_method: ${written}`,
      );
    }
    const pool = but("auth_method: [inspectord]", "auth_method: [extguard]");
    assert.match(
      methodsIn(pool, { method: "extguard" }).join(),
      /^fail program 5: replace extauth_program: "sh -c .*UNIX-CONNECT:\/run\/inspectord\/relay\.sock,/,
    );
    const program = but("/run/inspectord/relay.sock", "/opt/inspectord/start-relay", pool);
    assert.deepEqual(methodsIn(program), []);
  });

  it("finds a file without hosts", () => {
    assert.deepEqual(methodsIn("auth_method: [inspectord]\n"), ["fail method undefined: -"]);
  });

  it("recommends a module that this ejabberd can load", () => {
    const answers = (...unloadable: string[]) =>
      ({ unloadable: new Map(unloadable.map((name) => [name, "nofile"])) }) as unknown as EjabberdAnswers;
    assert.equal(recommendedMethod(undefined), "inspectord");
    assert.equal(recommendedMethod(answers()), "inspectord");
    assert.equal(recommendedMethod(answers("inspectord")), "extguard");
    assert.equal(recommendedMethod(answers("inspectord", "extguard")), "inspectord");
  });

  it("takes the socket from the program as the module does", () => {
    assert.equal(socketOf("/run/x.sock"), "/run/x.sock");
    assert.equal(socketOf("sh -c 'exec socat - UNIX-CONNECT:/run/x.sock,retry=1'"), "/run/x.sock");
    for (const none of ["/usr/bin/node /x", "node", "", "unix-connect:/x"])
      assert.equal(socketOf(none), undefined);
  });
});

describe("the doctor on the cache", () => {
  const external = but("[inspectord]", "[external]");
  const cacheIn = (text: string, uncached?: ReadonlySet<string>) => {
    const settings = settingsOf(text);
    return wrong(checkCache(settings, hostsOf(settings), uncached));
  };

  it("finds one that is on, and what to write in its place or to add", () => {
    const add = "fail cache 5: append auth_use_cache: false";
    assert.deepEqual(cacheIn(external), [add]);
    assert.deepEqual(cacheIn(`${external}use_cache: false\n`), []);
    assert.deepEqual(cacheIn(`${external}auth_use_cache: false\n`), []);
    assert.deepEqual(cacheIn(`${external}use_cache: true\n`), [
      "fail cache 19: replace auth_use_cache: false",
    ]);
    assert.deepEqual(cacheIn(`${external}auth_use_cache: true\nuse_cache: false\n`), [
      "fail cache 19: replace auth_use_cache: false",
    ]);
  });

  it("finds one that is on for one host", () => {
    const text = `${external}auth_use_cache: false\nhost_config:\n  other.org:\n    auth_use_cache: true\n`;
    assert.deepEqual(cacheIn(text), ["fail cache 22: replace auth_use_cache: false"]);
  });

  it("has nothing to say of modules that keep nothing, unless they are older than that", () => {
    for (const method of ["inspectord", "extguard"]) {
      const text = but("[inspectord]", `[${method}]`);
      assert.deepEqual(cacheIn(text), []);
      assert.deepEqual(cacheIn(text, new Set([method])), []);
      assert.deepEqual(cacheIn(text, new Set()), ["fail cache 5: append auth_use_cache: false"]);
    }
  });
});

describe("the doctor on mechanisms and types of passwords", () => {
  const saslIn = (text: string) => {
    const settings = settingsOf(text);
    return wrong(checkSasl(settings, hostsOf(settings)));
  };

  it("finds PLAIN that is disabled, and X-OAUTH2 that is not", () => {
    const write = 'disable_sasl_mechanisms: ["X-OAUTH2"]';
    assert.deepEqual(saslIn(well), []);
    assert.deepEqual(saslIn(but("[X-OAUTH2]", "[X-OAUTH2, plain]")), [`fail sasl 6: replace ${write}`]);
    assert.deepEqual(saslIn(but("[X-OAUTH2]", "PLAIN")), [`fail sasl 6: replace ${write}`]);
    assert.deepEqual(saslIn(but("[X-OAUTH2]", "digest-md5")), [
      'warn sasl 6: replace disable_sasl_mechanisms: ["digest-md5", "X-OAUTH2"]',
    ]);
    assert.deepEqual(saslIn(but("[X-OAUTH2]", "x-oauth2")), []);
    assert.deepEqual(saslIn(but("disable_sasl_mechanisms: [X-OAUTH2]\n", "")), [
      `warn sasl 2: append ${write}`,
      `warn sasl 3: append ${write}`,
    ]);
  });

  it("finds passwords that are hidden, and stored ones that nobody has", () => {
    for (const name of ["auth_password_types_hidden_in_sasl1", "auth_password_types_hidden_in_scram1"]) {
      assert.deepEqual(saslIn(`${well}${name}: [plain]\n`), ["fail sasl 19: remove"]);
      assert.deepEqual(saslIn(`${well}${name}: [scram_sha1]\n`), []);
    }
    assert.deepEqual(saslIn(`${well}auth_stored_password_types: [scram_sha256]\n`), ["fail sasl 19: remove"]);
    assert.deepEqual(saslIn(`${well}auth_stored_password_types: []\n`), []);
  });
});

describe("the doctor on guests with names", () => {
  const guests = `${but("[inspectord]", "[inspectord, anonymous]")}anonymous_protocol: login_anon\n`;
  const guestsIn = (text: string, policy?: IsUserPolicy) => {
    const settings = settingsOf(text);
    const policies = new Map(policy === undefined ? [] : [["example.org", policy]]);
    const [host] = hostsOf(settings);
    return wrong(checkAnonymous(settings, host === undefined ? [] : [host], policies));
  };
  const edit = "replace anonymous_protocol: sasl_anon";

  it("fails them where the API says that no user exists, and warns where it says so of none or is not known", () => {
    for (const protocol of ["login_anon", "both"]) {
      const text = guests.replace("login_anon", protocol);
      assert.deepEqual(guestsIn(text, "none"), [`fail anonymous 19: ${edit}`]);
      assert.deepEqual(guestsIn(text, "all"), [`warn anonymous 19: ${edit}`]);
      assert.deepEqual(guestsIn(text), [`warn anonymous 19: ${edit}`]);
    }
  });

  it("has nothing to say of guests without names, and of none", () => {
    assert.deepEqual(guestsIn(guests.replace("login_anon", "sasl_anon"), "none"), []);
    assert.deepEqual(guestsIn(guests.replace("anonymous_protocol: login_anon\n", ""), "none"), []);
    assert.deepEqual(guestsIn(`${well}anonymous_protocol: login_anon\n`, "none"), []);
  });
});
