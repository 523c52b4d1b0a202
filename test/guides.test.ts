// The guides' commands: each is a shell's, names what is there, and those of an installation are run from the folder that the
// guide names.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { readDoctorOptions } from "../doctor/doctor-options.ts";
import { readInspectOptions } from "../inspect/inspect-options.ts";
import { readTicketKeys } from "../inspector/ticket-keys.ts";
import { readConfig } from "../relay/config.ts";
import { temporaryDirectory } from "./real/directory.ts";
import { needing } from "./real/parts.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const pages = new Map(
  [
    ...["README.md", "CONTRIBUTING.md", "SECURITY.md", "infra/README.md", "infra/ejabberd/README.md"],
    ...readdirSync(join(root, "docs"))
      .filter((name) => name.endsWith(".md"))
      .map((name) => `docs/${name}`),
  ].map((path) => [path, readFileSync(join(root, path), "utf8")]),
);

/** Returns a page's blocks for a shell, without their indentation. */
function blocksOf(page: string): string[] {
  const blocks = page.matchAll(/^( *)```sh\n(.*?)^\1```/gms);
  return [...blocks].map(([, indent = "", text = ""]) => text.replaceAll(new RegExp(`^${indent}`, "gm"), ""));
}

/** Returns the page's one block that has this text. */
function block(path: string, word: string): string {
  const found = blocksOf(pages.get(path) ?? "").filter((text) => text.includes(word));
  assert.equal(found.length, 1, `${path}: ${found.length} blocks with ${word}`);
  return found[0] ?? "";
}

/** Returns the command lines of all blocks, without comments, continued lines as one. */
function commandLines(): string[] {
  return [...pages.values()]
    .flatMap(blocksOf)
    .flatMap((text) => text.replaceAll("\\\n", " ").split("\n"))
    .map((line) => line.replace(/ +#.*$/, ""));
}

/** Returns the words behind this one in the lines that have it. */
function argumentsOf(program: string): string[][] {
  return commandLines()
    .filter((line) => line.includes(program))
    .map((line) => line.slice(line.indexOf(program) + program.length))
    .map((rest) => [...rest.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ""));
}

describe("the guides' commands", () => {
  it("are a shell's", () => {
    for (const [path, page] of pages) {
      for (const text of blocksOf(page)) {
        const { status, stderr } = spawnSync("sh", ["-n"], { input: text, encoding: "utf8" });
        assert.equal(status, 0, `${path}: ${stderr}\n${text}`);
      }
    }
  });

  it("name scripts of package.json", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const named = [...pages.values()].flatMap((page) => [
      ...page.matchAll(/\bnpm run (?:--silent )?([a-z][a-z:-]*)/g),
    ]);
    assert.ok(named.length > 20);
    for (const [, name = ""] of named) assert.ok(name in scripts, name);
  });

  it("name files that are there once it is built", () => {
    const named = commandLines().flatMap(
      (line) => line.match(/(?<![\w/.])(?:dist|infra|params)\/[\w./-]+/g) ?? [],
    );
    assert.ok(named.length > 5 && existsSync(join(root, "dist")));
    for (const path of named) {
      const isWritten = /^dist\/packages\/|^params\/(?!example)/.test(path);
      assert.ok(isWritten || existsSync(join(root, path)), path);
    }
  });

  it("give inspect, the doctor and the relay options that they take", () => {
    const inspect = argumentsOf("npm run inspect").map((words) => words.filter((word) => word !== "--"));
    const doctor = argumentsOf("relay.mjs doctor");
    // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd's own
    const relay = argumentsOf("relay.mjs ${INSPECTORD_URL}");
    assert.ok(inspect.length >= 2 && doctor.length >= 2 && relay.length >= 1);
    for (const words of inspect)
      assert.ok(!("problem" in Object(readInspectOptions(words))), words.join(" "));
    for (const words of doctor) assert.ok(!("problem" in Object(readDoctorOptions(words))), words.join(" "));
    const url = "https://abc.execute-api.eu-central-1.amazonaws.com/auth";
    for (const words of relay) assert.ok("config" in readConfig([url, ...words], {}), words.join(" "));
  });
});

describe("the tickets' guide", () => {
  const { it } = needing("openssl");

  it("makes keys that the function takes", () => {
    const script = `${block("docs/tickets.md", "aws ssm put-parameter")}\nprintf %s "$KEYS"`;
    const { status, stdout, stderr } = spawnSync("bash", ["-c", `aws() { :; }\n${script}`], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    assert.ok(readTicketKeys(stdout) !== undefined);
  });
});

describe("an installation by the guides", () => {
  const { it } = needing("root", "ejabberd", "openssl");
  const chatHost = "docs/chat-host.md";

  /**
   * Runs the commands in a copy of this machine that ends with them, with stand-ins for what would reach out of it. Returns
   * what they wrote on stdout.
   */
  function run(commands: string): string {
    const folder = temporaryDirectory();
    mkdirSync(join(folder, "bin"));
    for (const name of ["apt-get", "systemctl", "scp", "npm"]) {
      writeFileSync(join(folder, "bin", name), `#!/bin/sh\necho "${name} $*"\n`, { mode: 0o755 });
    }
    writeFileSync(join(folder, "commands"), `set -e\nPATH=${folder}/bin:$PATH\n${commands}`);
    // What it is built in must not be a part of what it shows.
    const script = `
      set -e
      mount -t tmpfs tmpfs ${folder}/layers
      mkdir ${folder}/layers/upper ${folder}/layers/work ${folder}/layers/merged
      cd ${folder}/layers
      mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work merged
      mount --bind /dev merged/dev
      mount -t proc proc merged/proc
      exec chroot merged /bin/sh ${folder}/commands`;
    mkdirSync(join(folder, "layers"));
    const { status, stdout, stderr } = spawnSync(
      "unshare",
      ["--mount", "--propagation", "private", "sh", "-c", script],
      { encoding: "utf8" },
    );
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    return stdout;
  }

  /** From the clone to the files on the chat host. */
  const unpacked = `
      cd ${root}
      ${block(chatHost, "scp inspectord-host.tgz")}
      mkdir /root/unpacked
      mv inspectord-host.tgz /root/unpacked
      cd /root/unpacked
      userdel inspectord 2>/dev/null || true
      ${block(chatHost, "useradd --system")}`;

  it("puts the relay, its unit and its settings in place, from the folder of the archive", () => {
    const said = run(`${unpacked}
      ${block(chatHost, "systemctl enable --now").replace(/^ls .*$/m, "")}
      stat -c '%n %a %U' /opt/inspectord/relay.mjs /opt/inspectord/doctor.mjs /etc/inspectord /etc/inspectord/relay.env
      id -gn inspectord
      cmp infra/ejabberd/inspectord-relay.service /etc/systemd/system/inspectord-relay.service
      node /opt/inspectord/relay.mjs doctor --help | head -n 1`);
    for (const line of [
      "npm run build",
      "/opt/inspectord/relay.mjs 755 root",
      "/opt/inspectord/doctor.mjs 755 root",
      "/etc/inspectord 700 root",
      "/etc/inspectord/relay.env 600 root",
      "ejabberd",
      "systemctl enable --now inspectord-relay",
    ]) {
      assert.ok(said.split("\n").includes(line), `${line}\n${said}`);
    }
    assert.match(said, /^usage: doctor\.mjs/m);
  });

  it("builds the module in that folder, where ejabberd looks for it", () => {
    const said = run(`${unpacked}\n${block(chatHost, "build.sh")}`);
    const [place = ""] = /^\/usr\/lib\/.*\/inspectord\/ebin$/m.exec(said) ?? [];
    assert.ok(existsSync(dirname(dirname(place))), said);
  });

  it("lets other servers ask, with a secret that nobody else reads", () => {
    const said = run(`${unpacked}
      ${block(chatHost, "http-secret-file")}
      stat -c '%a %s' /etc/inspectord/http-secret
      grep -c '^ExecStart=' /etc/systemd/system/inspectord-relay.service.d/http.conf`);
    assert.match(said, /^600 54$/m);
    assert.match(said, /^2$/m);
  });

  it("puts the plugin for WordPress in place, from the clone", () => {
    const said = run(`mkdir -p /var/www/html/wp-content
      cd ${root}
      ${block("docs/frameworks.md", "mu-plugins")}
      find /var/www/html/wp-content -type f | sort`);
    assert.match(said, /mu-plugins\/inspectord\.php\n.*mu-plugins\/inspectord\/inspectord\.php\n$/);
  });
});
