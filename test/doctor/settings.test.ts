import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { macroFeatures } from "../../doctor/macros.ts";
import { maxFiles, readSettings, settingOf } from "../../doctor/settings.ts";
import { textsOf, YmlError } from "../../doctor/yml.ts";

/** Returns the settings of these files, the first of them the main one; ejabberd's directory is /spool. */
function settingsOf(files: Readonly<Record<string, string>>, beside: readonly string[] = []) {
  const [main = ""] = Object.keys(files);
  return readSettings(main, {
    directory: "/spool",
    environment: { HOME: "/home/of/ejabberd" },
    features: macroFeatures(undefined),
    beside,
    readBytes: (path) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error(), { code: "ENOENT" });
      return Buffer.from(text);
    },
  });
}

describe("what is set for a host", () => {
  it("is its own in host_config, or else that of all", () => {
    const settings = settingsOf({
      "/a.yml": `hosts: [a.org, C.org]
auth_method: internal
host_config:
  a.org: {auth_method: external}
`,
    });
    assert.deepEqual(
      settings.hosts.map(({ name }) => name),
      ["a.org", "c.org"],
    );
    assert.equal(settingOf(settings, "a.org", "auth_method")?.text, "external");
    assert.deepEqual(settingOf(settings, "a.org", "auth_method")?.at, { file: "/a.yml", line: 4 });
    assert.equal(settingOf(settings, "c.org", "auth_method")?.text, "internal");
    assert.equal(settingOf(settings, "c.org", "auth_use_cache"), undefined);
  });

  it("has added to it what stands in append_host_config", () => {
    const settings = settingsOf({
      "/a.yml": `hosts: [a.org, b.org]
auth_method: internal
host_config: {b.org: {auth_method: [sql]}}
append_host_config: {a.org: {auth_method: [extguard]}, b.org: {auth_method: [external], x: [y]}}
`,
    });
    const methodsOf = (host: string) =>
      textsOf(settings.of(host, "auth_method")?.value).map(({ text }) => text);
    assert.deepEqual(methodsOf("a.org"), ["internal", "extguard"]);
    assert.deepEqual(methodsOf("b.org"), ["sql", "external"]);
    assert.deepEqual(
      textsOf(settings.of("b.org", "x")?.value).map(({ text }) => text),
      ["y"],
    );
  });

  it("has a host's own modules in the place of those of all, or beside them", () => {
    const settings = settingsOf({
      "/a.yml":
        "hosts: [a.org, b.org, c.org]\nmodules: {mod_a: {}}\nhost_config: {b.org: {modules: {mod_b: {}}}}\nappend_host_config: {c.org: {modules: {mod_c: {}}}}\n",
    });
    const modulesOf = (host: string) => settings.modulesOf(host).map(({ name }) => name);
    assert.deepEqual(modulesOf("a.org"), ["mod_a"]);
    assert.deepEqual(modulesOf("b.org"), ["mod_b"]);
    assert.deepEqual(modulesOf("c.org"), ["mod_a", "mod_c"]);
  });

  it("has ejabberd's own keywords put in", () => {
    const settings = settingsOf({
      "/etc/a.yml": 'hosts: [a.org]\nextauth_program: "@HOME@/x @CONFIG_PATH@"\n',
    });
    assert.equal(settingOf(settings, "a.org", "extauth_program")?.text, "/home/of/ejabberd/x /etc");
  });
});

describe("an option that is set twice", () => {
  it("is one if it is a list or a map", () => {
    const settings = settingsOf({
      "/a.yml":
        "hosts: [a]\nhosts: [b]\nlisten: {}\nlisten: [{port: 1}]\nmodules: {x: {}}\nmodules: {y: {}}\n",
    });
    assert.deepEqual(
      settings.hosts.map(({ name }) => name),
      ["a", "b"],
    );
    assert.equal(settings.items("listen").length, 1);
    assert.deepEqual(
      settings.modulesOf("a").map(({ name }) => name),
      ["x", "y"],
    );
  });

  it("keeps ejabberd from starting if it is anything else", () => {
    assert.throws(
      () => settingsOf({ "/a.yml": "hosts: [a]\nauth_use_cache: true\nauth_use_cache: false\n" }),
      (error) =>
        error instanceof YmlError &&
        error.at.line === 3 &&
        error.message === "auth_use_cache is set twice, first in /a.yml:2: ejabberd does not start",
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
      (error) =>
        error instanceof YmlError &&
        error.at.line === 2 &&
        error.message === "/b.yml cannot be read (ENOENT)",
    );
  });

  it("may be the same one twice, and never include themselves", () => {
    const twice = { "/a.yml": "include_config_file: [/b.yml, /b.yml]\n", "/b.yml": "hosts: [b.org]\n" };
    assert.equal(settingsOf(twice).hosts.length, 2);
    assert.throws(
      () =>
        settingsOf({
          "/a.yml": "include_config_file: /b.yml\nhosts: [a.org]\n",
          "/b.yml": "include_config_file: /a.yml\nhosts: [b.org]\n",
        }),
      /\/a\.yml includes itself/,
    );
  });

  it(`are ${maxFiles} at the most`, () => {
    const files = Object.fromEntries(
      Array.from({ length: maxFiles + 1 }, (_, i) => [`/${i}.yml`, `include_config_file: /${i + 1}.yml\n`]),
    );
    assert.throws(() => settingsOf(files), /more than 64 files/);
  });

  it("have macros of their own in the files of contributed modules", () => {
    const settings = settingsOf(
      {
        "/a.yml": "define_macro: {M: a.org}\nhosts: [M]\n",
        "/m.yml": "define_macro: {M: mod_x}\nmodules: {mod_y: {z: M}}\n",
      },
      ["/m.yml"],
    );
    assert.equal(settings.hosts[0]?.name, "a.org");
    assert.deepEqual(
      settings.modulesOf("a.org").map(({ name }) => name),
      ["mod_y"],
    );
  });
});
