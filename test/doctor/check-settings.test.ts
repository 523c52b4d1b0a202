import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { checkPool, checkSettings, externalHosts } from "../../doctor/check-settings.ts";
import type { Finding } from "../../doctor/finding.ts";
import { macroFeatures } from "../../doctor/macros.ts";
import { readSettings } from "../../doctor/settings.ts";

const settingsOf = (text: string) =>
  readSettings("/e.yml", {
    directory: "/",
    environment: {},
    features: macroFeatures(undefined),
    beside: [],
    readBytes: () => Buffer.from(text),
  });

/** Gives what is not well: "level check line", with what to write. */
function findingsOf(text: string): string[] {
  return checkSettings(settingsOf(text)).filter(isNotWell).map(brief);
}
const isNotWell = ({ level }: Finding) => level !== "ok";
const brief = ({ level, check, at, change }: Finding) => `${level} ${check} ${at?.line}: ${change}`;

const well = `hosts:
  - example.org
  - other.org
auth_method: [extguard]
auth_use_cache: false
disable_sasl_mechanisms: [X-OAUTH2]
listen:
  - port: 5222
    module: ejabberd_c2s
    starttls_required: true
    max_stanza_size: 65536
  - port: 5443
    module: ejabberd_http
    tls: true
    request_handlers:
      /ws: ejabberd_http_ws
modules:
  mod_bosh: {}
`;

/** Gives the text with one piece replaced, which must be there. */
function but(piece: string, other: string): string {
  assert.ok(well.includes(piece), piece);
  return well.replace(piece, other);
}

describe("the doctor on ejabberd.yml", () => {
  it("finds nothing to say of one that is well, one line a check", () => {
    const findings = checkSettings(settingsOf(well));
    assert.deepEqual(findings.filter(isNotWell), []);
    assert.deepEqual(
      findings.map(({ check }) => check),
      ["method", "cache", "sasl", "listeners", "passwords", "modules"],
    );
  });

  it("finds nothing to say of the one that this project recommends", () => {
    const path = fileURLToPath(new URL("../../infra/ejabberd/ejabberd.yml", import.meta.url));
    assert.deepEqual(checkSettings(settingsOf(readFileSync(path, "utf8"))).filter(isNotWell), []);
  });

  it("finds the cache that is on, and the line to change or to add", () => {
    const on = "fail cache 5: auth_use_cache: false";
    assert.deepEqual(findingsOf(but("auth_use_cache: false", "auth_use_cache: true")), [on]);
    assert.deepEqual(findingsOf(but("auth_use_cache: false", "auth_use_cache: maybe")), [on]);
    assert.deepEqual(findingsOf(but("auth_use_cache: false", "use_cache: true")), [on]);
    assert.deepEqual(findingsOf(but("auth_use_cache: false", "#")), ["fail cache 4: auth_use_cache: false"]);
    assert.deepEqual(findingsOf(but("auth_use_cache: false", "use_cache: false")), []);
    assert.deepEqual(findingsOf(`${well}use_cache: true\n`), []);
  });

  it("finds the cache that is on for one host", () => {
    const text = `${well}host_config:\n  other.org:\n    auth_use_cache: true\n`;
    assert.deepEqual(findingsOf(text), ["fail cache 21: auth_use_cache: false"]);
  });

  it("finds hosts that never ask the program", () => {
    const change = "auth_method: [extguard]";
    assert.deepEqual(findingsOf(but("[extguard]", "internal")), [`fail method 4: ${change}`]);
    assert.deepEqual(findingsOf(but("auth_method: [extguard]", "#")), [
      `fail method 2: ${change}`,
      `fail method 3: ${change}`,
    ]);
    const text = `${well}host_config: {other.org: {auth_method: [sql, ldap]}}\n`;
    assert.deepEqual(findingsOf(text), [`warn method 19: ${change}`]);
    assert.deepEqual(
      externalHosts(settingsOf(text)).map(({ name }) => name),
      ["example.org"],
    );
    assert.deepEqual(findingsOf("auth_use_cache: false\n"), ["fail method undefined: undefined"]);
  });

  it("takes external beside extguard, alone or in a list", () => {
    for (const method of ["external", "[external]", "[extguard, external]"]) {
      assert.equal(externalHosts(settingsOf(but("[extguard]", method))).length, 2);
    }
  });

  it("finds PLAIN that is disabled, and X-OAUTH2 that is not", () => {
    const change = "disable_sasl_mechanisms: [X-OAUTH2]";
    assert.deepEqual(findingsOf(but("[X-OAUTH2]", "[X-OAUTH2, plain]")), ["fail sasl 6: undefined"]);
    assert.deepEqual(findingsOf(but("[X-OAUTH2]", "digest-md5")), [`warn sasl 6: ${change}`]);
    assert.deepEqual(findingsOf(but("[X-OAUTH2]", "x-oauth2")), []);
    assert.deepEqual(findingsOf(but("disable_sasl_mechanisms: [X-OAUTH2]", "#")).length, 2);
  });

  it("finds listeners that take passwords without TLS, unless they are this machine's own", () => {
    const tls = "fail listeners 10: starttls_required: true";
    assert.deepEqual(findingsOf(but("starttls_required: true", "starttls_required: false")), [tls]);
    assert.deepEqual(findingsOf(but("starttls_required: true", "starttls: true")), [
      "fail listeners 8: starttls_required: true",
    ]);
    assert.deepEqual(findingsOf(but("starttls_required: true", "tls: true")), []);
    for (const ip of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) {
      assert.deepEqual(findingsOf(but("starttls_required: true", `ip: "${ip}"`)), []);
    }
    assert.equal(findingsOf(but("starttls_required: true", 'ip: "0.0.0.0"')).length, 1);
    const [plain] = findingsOf(but("tls: true", "backlog: 1024"));
    assert.match(plain ?? "", /^fail listeners 12: tls: true, or ip/);
    assert.deepEqual(findingsOf(but("tls: true", 'ip: "127.0.0.1"')), []);
    assert.deepEqual(
      findingsOf(but("port: 5443\n", 'port: "unix:/run/ejabberd/http.sock"\n').replace("tls: true", "")),
      [],
    );
    assert.deepEqual(
      findingsOf(but("/ws: ejabberd_http_ws", "/.well-known: ejabberd_acme").replace("tls: true", "")),
      [],
    );
  });

  it("finds limits that let long passwords through: a fault without the guard, a warning with it", () => {
    const change = "max_stanza_size: 65536";
    const external = but("[extguard]", "external");
    assert.deepEqual(findingsOf(but("65536", "81920")), []);
    for (const [size, line] of [
      ["max_stanza_size: 81921", 11],
      ["max_stanza_size: infinity", 11],
      ["#", 8],
    ] as const) {
      assert.deepEqual(findingsOf(but("max_stanza_size: 65536", size)), [
        `warn passwords ${line}: ${change}`,
      ]);
      assert.equal(
        findingsOf(external.replace("max_stanza_size: 65536", size))[0],
        `fail passwords ${line}: ${change}`,
      );
    }
  });

  it("finds ways in that have no limit, without the guard", () => {
    const guard = "auth_method: [extguard]";
    const external = but("[extguard]", "external");
    assert.deepEqual(findingsOf(external), [`fail passwords 12: ${guard}`]);
    for (const handler of ["ejabberd_web_admin", "mod_http_api"]) {
      assert.deepEqual(findingsOf(external.replace("ejabberd_http_ws", handler)), [
        `fail passwords 12: ${guard}`,
      ]);
    }
    assert.deepEqual(findingsOf(external.replace("ejabberd_http_ws", "mod_bosh")), []);
    const mqtt = external.replace("ejabberd_http_ws", "mod_bosh");
    assert.deepEqual(
      findingsOf(mqtt.replace("modules:", "  - {port: 1883, module: mod_mqtt, tls: true}\nmodules:")),
      [`fail passwords 17: ${guard}`],
    );
  });

  it("finds modules that answer in place of us, or punish us for an outage", () => {
    const found = findingsOf(`${well}  mod_auth_fast: {}\n  mod_fail2ban: {}\n`);
    assert.deepEqual(
      found.map((line) => line.split(":")[0]),
      ["fail modules 19", "warn modules 20"],
    );
  });
});

describe("the doctor on an ejabberd.yml that ejabberd would not take", () => {
  it("throws nothing, whatever kinds of values stand there", () => {
    const kinds = ["", "text", "[]", "[a, [b], {c: d}]", "{}", "{a: b, c: [d]}"];
    const names = ["hosts", "auth_method", "auth_use_cache", "disable_sasl_mechanisms", "listen", "modules"];
    for (const name of [...names, "host_config", "append_host_config", "extauth_pool_size"]) {
      for (const kind of kinds) {
        const settings = settingsOf(`${well.replace(`${name}:`, "other:")}${name}: ${kind}\n`);
        checkSettings(settings);
        checkPool(settings, settings.hosts, { processors: 2, burst: 10, answerSeconds: 0.1 });
      }
    }
    const listeners = kinds.flatMap((kind) =>
      ["port", "ip", "module", "tls", "starttls_required", "max_stanza_size", "request_handlers"].flatMap(
        (name) =>
          ["ejabberd_c2s", "ejabberd_http", "mod_mqtt"].map(
            (module) => `{module: ${module}, ${name}: ${kind}}`,
          ),
      ),
    );
    for (const method of ["external", "extguard"]) {
      checkSettings(
        settingsOf(
          `hosts: [a.org]\nauth_method: ${method}\nlisten:\n${listeners.map((one) => `  - ${one}`).join("\n")}\n`,
        ),
      );
    }
  });

  it("says which listener is meant where a later one has no limit", () => {
    const more = "  - {port: 5223, module: ejabberd_c2s, tls: true}\nmodules:";
    assert.deepEqual(findingsOf(but("modules:", more)), ["warn passwords 17: max_stanza_size: 65536"]);
  });
});

describe("the doctor on the pool", () => {
  const poolOf = (size: string, options: Partial<Parameters<typeof checkPool>[2]> = {}) => {
    const settings = settingsOf(but("auth_use_cache: false", `auth_use_cache: false\n${size}`));
    const all = { processors: 2, burst: undefined, answerSeconds: 0.02, ...options };
    return checkPool(settings, externalHosts(settings), all);
  };

  it("tells its rate and the largest burst: size / latency, and 30 s of that", () => {
    const [finding, ...more] = poolOf("extauth_pool_size: 32");
    assert.deepEqual(more, []);
    assert.equal(finding?.level, "ok");
    assert.match(
      finding?.says ?? "",
      /32 members serve 1600 logins\/s .* a burst of 48000 logins at the most/,
    );
  });

  it("fails where a stated burst would lose logins, and says the size to write", () => {
    assert.deepEqual(poolOf("extauth_pool_size: 8", { burst: 12_000 }).map(brief), [
      "warn pool 6: extauth_pool_size: 16",
    ]);
    assert.deepEqual(poolOf("extauth_pool_size: 8", { burst: 12_001 }).map(brief), [
      "fail pool 6: extauth_pool_size: 17",
    ]);
    assert.deepEqual(poolOf("extauth_pool_size: 17", { burst: 12_001 }).map(brief), ["ok pool 6: undefined"]);
  });

  it("counts this machine's processors where no size is set, and finds them too few", () => {
    assert.deepEqual(poolOf("#").map(brief), [
      "warn pool 2: extauth_pool_size: 8",
      "warn pool 3: extauth_pool_size: 8",
    ]);
    assert.deepEqual(
      poolOf("#", { processors: 16 }).map(({ level }) => level),
      ["ok", "ok"],
    );
  });

  it("says of a size alone what can be said without a latency", () => {
    const answerSeconds = undefined;
    assert.deepEqual(poolOf("extauth_pool_size: 4", { answerSeconds }).map(brief), [
      "warn pool 6: extauth_pool_size: 8",
    ]);
    assert.deepEqual(
      poolOf("extauth_pool_size: 8", { answerSeconds }).map(({ level }) => level),
      ["ok"],
    );
    assert.deepEqual(
      poolOf("extauth_pool_size: many").map(({ level }) => level),
      ["fail"],
    );
  });
});
