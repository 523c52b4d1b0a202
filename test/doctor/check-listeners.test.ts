import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { checkListeners, checkPasswords } from "../../doctor/check-listeners.ts";
import { hostsOf, isOurs } from "../../doctor/hosts.ts";
import { but, settingsOf, well, wrong } from "./settings-of.ts";

const listenersIn = (text: string) => wrong(checkListeners(settingsOf(text)));
const passwordsIn = (text: string) => {
  const settings = settingsOf(text);
  return wrong(checkPasswords(settings, hostsOf(settings).filter(isOurs), "inspectord"));
};
const listening = (...listeners: string[]) =>
  `hosts: [a]\nlisten:\n${listeners.map((one) => `  - ${one}\n`).join("")}`;

describe("the doctor on listeners", () => {
  it("tells each way in that takes a password, on which address and how it is protected", () => {
    const says = checkListeners(settingsOf(well)).map((finding) => finding.says);
    assert.deepEqual(says, ["XMPP on 0.0.0.0:5222: STARTTLS", "WebSocket on 0.0.0.0:5443: TLS"]);
    const all = `{port: 5280, ip: "::1", module: ejabberd_http, request_handlers: {/a: mod_bosh, /b: ejabberd_http_ws, /c: mod_mqtt, /d: mod_http_api, /e: ejabberd_web_admin, /f: ejabberd_oauth, /g: ejabberd_xmlrpc, /h: mod_register_web, /i: mod_http_upload, /j: ejabberd_acme}}`;
    const ways = checkListeners(settingsOf(listening(all))).map((finding) => finding.says.split(" on ")[0]);
    assert.deepEqual(ways, [
      "BOSH",
      "WebSocket",
      "MQTT over WebSocket",
      "HTTP Basic (mod_http_api)",
      "HTTP Basic (ejabberd_web_admin)",
      "OAuth",
      "XML-RPC",
      "a web form (mod_register_web)",
    ]);
  });

  it("finds those that take one without TLS, and what to write", () => {
    const cases: readonly [string, string][] = [
      ["{port: 5222, module: ejabberd_c2s}", "add starttls_required: true"],
      ["{port: 5222, module: ejabberd_c2s, starttls: true}", "add starttls_required: true"],
      ["{port: 5222, module: ejabberd_c2s, starttls_required: false}", "replace starttls_required: true"],
      ["{port: 5222, module: ejabberd_c2s, starttls_required: True}", "replace starttls_required: true"],
      [
        "{port: 5222, module: ejabberd_c2s, starttls_required: true, allow_unencrypted_sasl2: true}",
        "remove",
      ],
      ["{port: 1883, module: mod_mqtt}", "add tls: true"],
      ["{port: 1883, module: mod_mqtt, tls: false}", "replace tls: true"],
      ["{port: 80, module: ejabberd_http, request_handlers: {/: mod_http_api}}", "add tls: true"],
      ["{port: 80, module: ejabberd_http, web_admin: true}", "add tls: true"],
      ["{port: 4560, module: ejabberd_xmlrpc}", "add tls: true"],
    ];
    for (const [listener, edit] of cases) {
      assert.deepEqual(listenersIn(listening(listener)), [`fail listeners 3: ${edit}`], listener);
    }
    const fixture = new URL("../fixtures/ejabberd-yml/mqtt-without-tls.yml", import.meta.url);
    const found = checkListeners(settingsOf(readFileSync(fixture, "utf8"))).map(({ level, says }) => [
      level,
      says,
    ]);
    assert.deepEqual(found, [
      ["fail", "MQTT on [::]:1883 takes session ids without TLS"],
      ["fail", "HTTP Basic (mod_http_api) on [::]:5280 takes session ids without TLS"],
      ["fail", "HTTP Basic (ejabberd_web_admin) on [::]:5280 takes session ids without TLS"],
    ]);
  });

  it("lets this machine's own listeners be, however they are written", () => {
    for (const where of [
      'port: 80, ip: "127.0.0.1"',
      'port: 80, ip: "127.1"',
      'port: 80, ip: "::1"',
      'port: 80, ip: "0:0:0:0:0:0:0:1"',
      'port: 80, ip: "::ffff:127.0.0.1"',
      'port: "unix:/run/ejabberd/http.sock"',
    ]) {
      const listener = `{${where}, module: ejabberd_http, request_handlers: {/ws: ejabberd_http_ws}}`;
      assert.deepEqual(listenersIn(listening(listener)), [], where);
    }
    for (const where of ['ip: "0.0.0.0"', 'ip: "::"', 'ip: "10.127.0.1"', 'ip: "::127"']) {
      assert.equal(listenersIn(listening(`{port: 1883, ${where}, module: mod_mqtt}`)).length, 1, where);
    }
  });

  it("has nothing to say of listeners that take no password", () => {
    const others = [
      "{port: 5269, module: ejabberd_s2s_in}",
      "{port: 3478, transport: udp, module: ejabberd_stun}",
      "{port: 80, module: ejabberd_http, request_handlers: {/: ejabberd_acme, /u: mod_http_upload}}",
    ];
    assert.deepEqual(listenersIn(listening(...others)), ["warn listeners undefined: -"]);
  });
});

describe("the doctor on the length of passwords", () => {
  const external = but("[inspectord]", "[external]");

  it("has nothing to fear for modules that refuse long ones, and never says so of others", () => {
    for (const method of ["inspectord", "extguard"]) {
      const settings = settingsOf(but("[inspectord]", `[${method}]`));
      const [finding] = checkPasswords(settings, hostsOf(settings), "inspectord");
      assert.equal(finding?.says, "the module refuses a password that is too long");
    }
    const settings = settingsOf(external);
    for (const { says } of checkPasswords(settings, hostsOf(settings), "inspectord"))
      assert.doesNotMatch(says, /module|guard stops/);
  });

  it("finds every way in that has no limit, for a pool without the guard", () => {
    const handlers = [
      "ejabberd_http_ws",
      "mod_mqtt",
      "mod_http_api",
      "ejabberd_web_admin",
      "ejabberd_oauth",
      "ejabberd_xmlrpc",
    ];
    for (const handler of handlers) {
      assert.deepEqual(
        passwordsIn(but("ejabberd_http_ws", handler, external)),
        ["fail passwords 12: replace auth_method: [inspectord]"],
        handler,
      );
    }
    const mqtt = but("ejabberd_http_ws", "mod_bosh", external);
    assert.deepEqual(passwordsIn(mqtt), []);
    assert.deepEqual(
      passwordsIn(mqtt.replace("modules:", "  - {port: 1883, module: mod_mqtt, tls: true}\nmodules:")),
      ["fail passwords 17: replace auth_method: [inspectord]"],
    );
  });

  it("finds limits that are too high: that of the first ejabberd_c2s is that of BOSH, too", () => {
    const bosh = but("ejabberd_http_ws", "mod_bosh", external);
    assert.deepEqual(passwordsIn(bosh.replace("65536", "81920")), []);
    for (const size of ["max_stanza_size: 81921", "max_stanza_size: infinity"]) {
      assert.deepEqual(passwordsIn(bosh.replace("max_stanza_size: 65536", size)), [
        "fail passwords 8: replace max_stanza_size: 65536",
        "fail passwords 12: change",
      ]);
    }
    assert.deepEqual(passwordsIn(bosh.replace("    max_stanza_size: 65536\n", "")), [
      "fail passwords 8: add max_stanza_size: 65536",
      "fail passwords 11: change",
    ]);
    const second = bosh.replace("modules:", "  - {port: 5223, module: ejabberd_c2s, tls: true}\nmodules:");
    assert.deepEqual(passwordsIn(second), ["fail passwords 17: add max_stanza_size: 65536"]);
  });
});

describe("the ejabberd.yml that this project recommends", () => {
  it("has no way in without TLS", () => {
    const path = fileURLToPath(new URL("../../infra/ejabberd/ejabberd.yml", import.meta.url));
    assert.deepEqual(listenersIn(readFileSync(path, "utf8")), []);
  });
});
