import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { maxFiles, readSettings, settingOf } from "../../doctor/settings.ts";
import { YmlFault } from "../../doctor/yml.ts";

/** Gives the settings of these files, the first of them the main one; ejabberd's directory is /spool. */
function settingsOf(files: Readonly<Record<string, string>>) {
  const [main = ""] = Object.keys(files);
  return readSettings(main, "/spool", (path) => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error(), { code: "ENOENT" });
    return text;
  });
}

describe("what is set for a host", () => {
  it("is its own in host_config, then its own in append_host_config, then that of all", () => {
    const settings = settingsOf({
      "/a.yml": `hosts: [a.org, b.org, C.org]
auth_method: internal
host_config:
  a.org: {auth_method: external}
append_host_config:
  b.org: {auth_method: extguard}
`,
    });
    assert.deepEqual(
      settings.hosts.map(({ name }) => name),
      ["a.org", "b.org", "c.org"],
    );
    assert.equal(settingOf(settings, "a.org", "auth_method")?.text, "external");
    assert.equal(settingOf(settings, "b.org", "auth_method")?.text, "extguard");
    assert.equal(settingOf(settings, "c.org", "auth_method")?.text, "internal");
    assert.equal(settingOf(settings, "c.org", "auth_use_cache"), undefined);
    assert.deepEqual(settingOf(settings, "b.org", "auth_method")?.at, { file: "/a.yml", line: 6 });
  });

  it("is told of modules for any host", () => {
    const settings = settingsOf({
      "/a.yml":
        "modules: {mod_a: {}}\nhost_config: {a.org: {modules: {mod_b: {}}}}\nappend_host_config: {a.org: {modules: {mod_c: {}}}}\n",
    });
    assert.deepEqual(
      settings.modules().map(({ name }) => name),
      ["mod_a", "mod_b", "mod_c"],
    );
  });
});

describe("files that are included", () => {
  it("add to lists, and are named in the place of what they say", () => {
    const settings = settingsOf({
      "/a.yml": "include_config_file: [/b.yml, c.yml]\nlisten: [{port: 1}]\n",
      "/b.yml": "\nlisten: [{port: 2}]\n",
      "/spool/c.yml": "listen: [{port: 3}]\ndefine_macro: {X: example.org}\nhosts: [X]\n",
    });
    assert.deepEqual(
      settings.items("listen").map(({ at }) => `${at.file}:${at.line}`),
      ["/b.yml:2", "/spool/c.yml:1", "/a.yml:2"],
    );
    assert.equal(settings.hosts[0]?.name, "example.org");
  });

  it("give only what the including file lets them", () => {
    const settings = settingsOf({
      "/a.yml":
        "include_config_file:\n  /b.yml: {allow_only: [hosts]}\n  /c.yml: {disallow: [hosts]}\nauth_method: internal\n",
      "/b.yml": "hosts: [b.org]\nauth_use_cache: true\n",
      "/c.yml": "hosts: [c.org]\nauth_use_cache: false\n",
    });
    assert.deepEqual(
      settings.hosts.map(({ name }) => name),
      ["b.org"],
    );
    assert.equal(settingOf(settings, "b.org", "auth_use_cache")?.text, "false");
  });

  it("are named with the line that includes them where they cannot be read", () => {
    assert.throws(
      () => settingsOf({ "/a.yml": "hosts: [a]\ninclude_config_file: /b.yml\n" }),
      (fault) =>
        fault instanceof YmlFault &&
        fault.at.line === 2 &&
        fault.message === "/b.yml cannot be read (ENOENT)",
    );
  });

  it("may include each other, and are read once", () => {
    const settings = settingsOf({
      "/a.yml": "include_config_file: /b.yml\nhosts: [a.org]\n",
      "/b.yml": "include_config_file: /a.yml\nhosts: [b.org]\n",
    });
    assert.equal(settings.hosts.length, 2);
  });

  it(`are ${maxFiles} at the most`, () => {
    const files = Object.fromEntries(
      Array.from({ length: maxFiles + 1 }, (_, i) => [`/${i}.yml`, `include_config_file: /${i + 1}.yml\n`]),
    );
    assert.throws(() => settingsOf(files), /more than 64 files/);
  });
});
