import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkListeners, checkPasswords } from "../../doctor/check-listeners.ts";
import { checkAnonymous, checkCache, checkMethods, checkSasl } from "../../doctor/check-methods.ts";
import { checkModules } from "../../doctor/check-modules.ts";
import { checkPool } from "../../doctor/check-pool.ts";
import { checkValues } from "../../doctor/check-values.ts";
import { hostsOf } from "../../doctor/hosts.ts";
import { but, settingsOf, well, wrong } from "./settings-of.ts";

const valuesIn = (text: string) => wrong(checkValues(settingsOf(text)));

describe("values that ejabberd refuses", () => {
  it("are found with what was meant", () => {
    const cases: readonly [string, string][] = [
      ['auth_use_cache: "False"', "replace auth_use_cache: false"],
      ["auth_use_cache: TRUE", "replace auth_use_cache: true"],
      ["use_cache: maybe", "change"],
      ["auth_use_cache:", "change"],
      ['extauth_pool_size: "8"', "replace extauth_pool_size: 8"],
      ["extauth_pool_size: 0", "change"],
      ["extauth_pool_size: many", "change"],
      ["extauth_pool_size: 1.5", "change"],
      ["anonymous_protocol: login", "change"],
    ];
    for (const [line, edit] of cases) {
      assert.deepEqual(valuesIn(`${well}${line}\n`), [`fail yml 19: ${edit}`], line);
    }
    const listener: readonly [string, string, string][] = [
      ["max_stanza_size: 65536", "max_stanza_size: 0x10000", "replace max_stanza_size: 65536"],
      ["max_stanza_size: 65536", 'max_stanza_size: "65536"', "replace max_stanza_size: 65536"],
      ["max_stanza_size: 65536", "max_stanza_size:", "change"],
      ["starttls_required: true", 'starttls_required: "True"', "replace starttls_required: true"],
      ["port: 5222", 'port: "5222"', "replace port: 5222"],
      ["port: 5222", "port: 70000", "change"],
      ["port: 5222", "ip: localhost", "change"],
    ];
    for (const [piece, other, edit] of listener) {
      assert.match(valuesIn(but(piece, other)).join(), new RegExp(`^fail yml \\d+: ${edit}$`), other);
    }
  });

  it("are found for one host", () => {
    const text = `${well}host_config:\n  other.org:\n    auth_use_cache: "No"\n`;
    assert.deepEqual(valuesIn(text), ["fail yml 21: replace auth_use_cache: no"]);
  });

  it("are none that ejabberd takes", () => {
    const more = 'auth_use_cache: "off"\nuse_cache: y\nextauth_pool_size: 8\nanonymous_protocol: both\n';
    assert.deepEqual(valuesIn(well + more), []);
    for (const size of ["infinity", "unlimited", '"infinite"']) {
      assert.deepEqual(valuesIn(but("max_stanza_size: 65536", `max_stanza_size: ${size}`)), []);
    }
    assert.deepEqual(valuesIn(but("port: 5222", 'port: "unix:/run/x"')), []);
  });
});

describe("the doctor on an ejabberd.yml that ejabberd would not take", () => {
  it("throws nothing, whatever kinds of values stand there", () => {
    const all = (text: string) => {
      const settings = settingsOf(text);
      const hosts = hostsOf(settings);
      checkValues(settings);
      checkMethods(settings, hosts, { method: "inspectord", socket: "/s", file: "/e.yml" });
      checkCache(settings, hosts, new Set());
      checkSasl(settings, hosts);
      checkAnonymous(settings, hosts, new Map());
      checkListeners(settings);
      checkPasswords(settings, hosts, "extguard");
      checkModules(settings, hosts);
      checkPool(settings, hosts, { processors: 2, burst: 10, answerSeconds: 0.1 });
    };
    const kinds = ["", "text", "5", "[]", "[a, [b], {c: d}]", "{}", "{a: b, c: [d]}"];
    const names = ["hosts", "auth_method", "extauth_program", "disable_sasl_mechanisms", "listen", "modules"];
    const others = [
      "auth_use_cache",
      "host_config",
      "append_host_config",
      "extauth_pool_size",
      "certfiles",
      "acme",
    ];
    for (const name of [...names, ...others, "anonymous_protocol", "auth_stored_password_types"]) {
      for (const kind of kinds) all(`${well.replace(`${name}:`, "other:")}${name}: ${kind}\n`);
    }
    const options = [
      "port",
      "ip",
      "module",
      "tls",
      "starttls_required",
      "max_stanza_size",
      "request_handlers",
    ];
    for (const method of ["external", "extguard", "inspectord"]) {
      for (const kind of kinds) {
        const listeners = options.flatMap((name) =>
          ["ejabberd_c2s", "ejabberd_http", "mod_mqtt"].map(
            (module) => `  - {module: ${module}, ${name}: ${kind}}\n`,
          ),
        );
        all(`hosts: [a.org]\nauth_method: ${method}\nlisten:\n${listeners.join("")}`);
      }
    }
  });
});
