import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkModules } from "../../doctor/check-modules.ts";
import { hostsOf } from "../../doctor/hosts.ts";
import { but, settingsOf, well, wrong } from "./settings-of.ts";

const modulesIn = (text: string) => {
  const settings = settingsOf(text);
  return wrong(checkModules(settings, hostsOf(settings)));
};

describe("the doctor on modules", () => {
  it("finds those that let somebody in without the session, fail, or punish users for an outage", () => {
    assert.deepEqual(modulesIn(well), []);
    const found = modulesIn(`${well}  mod_auth_fast: {}\n  mod_fail2ban: {}\n  mod_scram_upgrade: {}\n`);
    assert.deepEqual(
      [...new Set(found)],
      ["fail modules 19: remove", "warn modules 20: change", "fail modules 21: remove"],
    );
  });

  it("finds those of one host alone", () => {
    const text = `${well}host_config: {other.org: {modules: {mod_auth_fast: {}}}}\n`;
    assert.deepEqual(modulesIn(text), ["fail modules 19: remove"]);
    assert.deepEqual(modulesIn(text.replace("other.org: {", "third.org: {")), []);
  });

  it("finds a handler that hands out tokens", () => {
    assert.deepEqual(modulesIn(but("/ws: ejabberd_http_ws", "/oauth: ejabberd_oauth")), [
      "fail modules 16: remove",
    ]);
  });
});
