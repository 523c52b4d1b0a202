// The house's own rules: that the tree keeps them, and that the check which says so can fail.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { variables } from "../handlers/variables.ts";
import { temporaryDirectory } from "./real/directory.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

function run(command: string, args: readonly string[], cwd = root) {
  const { status, stdout, stderr } = spawnSync(`${root}node_modules/.bin/${command}`, args, {
    cwd,
    encoding: "utf8",
  });
  return { status, output: stdout + stderr };
}

describe("the tree", () => {
  it("is formatted, and keeps the linter's and the layers' rules", () => {
    const { status, output } = run("biome", ["ci", "--colors=off", "."]);
    assert.equal(status, 0, output);
  });

  it("has right types", () => {
    for (const project of [".", "test"]) {
      const { status, output } = run("tsc", ["-p", project]);
      assert.equal(status, 0, output);
    }
  });

  it("has no dead code and no unused dependency", () => {
    const { status, output } = run("knip", ["--no-progress"]);
    assert.equal(status, 0, output);
  });
});

describe("the guides", () => {
  const guide = (name: string) => readFileSync(`${root}docs/${name}.md`, "utf8");

  it("name every variable of the function's configuration", () => {
    const text = guide("configuration");
    const names = Object.values(variables).map(({ name }) => name);
    for (const name of names) assert.ok(name === "STAGE" || text.includes(`| \`${name}\``), name);
  });

  it("explain every reason and fault", () => {
    const verdict = readFileSync(`${root}inspector/verdict.ts`, "utf8");
    const codes = [...new Set(verdict.match(/(?<=\| ")[a-z-]+(?=")|(?<=Fault = ")[a-z-]+(?=")/g))];
    assert.ok(codes.includes("other-user") && codes.includes("store-unreachable"), codes.join());
    for (const code of codes) assert.ok(guide("troubleshooting").includes(`\`${code}\``), code);
  });

  it("explain every doubt about a user name", () => {
    const localpart = readFileSync(`${root}inspector/localpart.ts`, "utf8");
    const doubts = [...new Set(localpart.match(/(?<= {2}\| ")[a-z-]+(?=")/g))];
    assert.ok(doubts.includes("not-nfkc") && doubts.length === 10, doubts.join());
    for (const doubt of doubts) assert.ok(guide("user-names").includes(`\`${doubt}\``), doubt);
  });

  it("explain every problem of discovery", () => {
    const elasticache = readFileSync(`${root}stores/elasticache.ts`, "utf8");
    const problems = [...new Set(elasticache.match(/(?<= {2}\| ")[a-z-]+(?=")/g))];
    assert.ok(problems.includes("cluster-not-found") && problems.length === 9, problems.join());
    for (const problem of problems) assert.ok(guide("troubleshooting").includes(`\`${problem}\``), problem);
  });
});

describe("the layers' rules", () => {
  const directory = temporaryDirectory();

  /** Gives the files among these (path -> text) of which the linter says that they break the rule. */
  function breakers(rule: string, files: Readonly<Record<string, string>>): string[] {
    const tree = mkdtempSync(join(directory, "tree-"));
    cpSync(join(root, "biome.json"), join(tree, "biome.json"));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), text);
    }
    const args = ["lint", "--vcs-enabled=false", "--max-diagnostics=none", "--reporter=github", "."];
    const found = run("biome", args, tree).output.matchAll(/title=lint\/\w+\/(\w+),file=([^,]+)/g);
    const paths = [...found]
      .filter(([, name]) => name === rule)
      .map(([, , path]) => relative(tree, path ?? ""));
    return [...new Set(paths)].sort();
  }

  /** ARCHITECTURE.md's table: what each room may import, itself aside. It stands there alone. */
  const table = readTable(readFileSync(`${root}ARCHITECTURE.md`, "utf8"));
  const rooms = [...table.keys()];
  const inside: Readonly<Record<string, readonly string[]>> = {
    inspector: ["inspector/expressions", "inspector/session", "inspector/session/formats"],
    stores: ["stores/placement"],
    relay: [],
    infra: ["infra/local"],
  };
  const places = rooms.flatMap((room) => [room, ...(inside[room] ?? [])]);
  const roomOf = (place: string) => place.split("/")[0] ?? "";

  it("forbid every import that ARCHITECTURE.md's table does not have", () => {
    const files: Record<string, string> = {};
    const expected: string[] = [];
    for (const place of places) {
      const room = roomOf(place);
      for (const other of [...rooms, "test", "bench"]) {
        const path = `${place}/imports-${other}.ts`;
        files[path] = `import "${"../".repeat(place.split("/").length)}${other}/some.ts";\n`;
        if (other !== room && !table.get(room)?.includes(other)) expected.push(path);
      }
    }
    assert.deepEqual(breakers("noRestrictedImports", files), expected.sort());
  });

  it("keep what logs in from the relay's credentials, which get its configuration and its log", () => {
    const names = [
      "../api.ts",
      "../sign.ts",
      "../../protocol/limits.ts",
      "../config.ts",
      "../log.ts",
      "./open.ts",
    ];
    const files = Object.fromEntries(
      names.map((name, i) => [`relay/credentials/imports-${i}.ts`, `import "${name}";\n`]),
    );
    const expected = [0, 1, 2].map((i) => `relay/credentials/imports-${i}.ts`);
    assert.deepEqual(breakers("noRestrictedImports", files), expected);
  });

  it("keep sockets and files on the function's side in the stores", () => {
    const files: Record<string, string> = {};
    const expected: string[] = [];
    for (const [i, name] of ["node:net", "net", "node:https", "node:fs", "memjs"].entries()) {
      for (const place of places) {
        const path = `${place}/opens-${i}.ts`;
        files[path] = `import "${name}";\n`;
        const room = roomOf(place);
        if (["protocol", "inspector", "handlers", "inspect"].includes(room)) expected.push(path);
        else if (name === "memjs" && ["relay", "doctor", "terminal"].includes(room)) expected.push(path);
      }
    }
    const found = [...breakers("noNodejsModules", files), ...breakers("noRestrictedImports", files)];
    assert.deepEqual(found.sort(), expected.sort());
  });

  it("give AWS's SDK to the stores and to what reads SSM", () => {
    const reader = "handlers/parameter-store.ts";
    const names = [...places.map((place) => `${place}/a.ts`), reader];
    const files = Object.fromEntries(names.map((name) => [name, 'import "@aws-sdk/client-elasticache";\n']));
    const isFree = (name: string) => name === reader || ["stores", "infra"].includes(roomOf(name));
    assert.deepEqual(breakers("noRestrictedImports", files), names.filter((name) => !isFree(name)).sort());
    const others = { [reader]: 'import "../relay/some.ts";\nimport "memjs";\n' };
    assert.deepEqual(breakers("noRestrictedImports", others), [reader]);
  });

  it("let one file on each side read the environment, and one program speak on the console", () => {
    const names = places.filter((place) => roomOf(place) !== "infra").map((place) => `${place}/a.ts`);
    const env = 'export const x = process.env["X"];\n';
    const files = Object.fromEntries(
      [...names, "handlers/configuration.ts", "relay/config.ts"].map((name) => [name, env]),
    );
    assert.deepEqual(breakers("noProcessEnv", files), names.sort());
    const console = 'console.log("x");\n';
    const talkers = Object.fromEntries([...names, "inspect/main.ts"].map((name) => [name, console]));
    assert.deepEqual(breakers("noConsole", talkers), names.sort());
  });

  it("give Node's modules to one file of the operator's command, which reads a command line", () => {
    const names = ["handlers/a.ts", "handlers/auth.ts", "inspect/main.ts", "inspect/inspect-options.ts"];
    const files = Object.fromEntries(names.map((name) => [name, 'import "node:util";\n']));
    assert.deepEqual(breakers("noNodejsModules", files), names.slice(0, 3));
  });

  it("forbid cycles", () => {
    const files = { "relay/a.ts": 'import "./b.ts";\n', "relay/b.ts": 'import "./a.ts";\n' };
    assert.deepEqual(breakers("noImportCycles", files), ["relay/a.ts", "relay/b.ts"]);
  });
});

/** Returns, for each room of the table that lint is held to, the rooms that it may import. */
function readTable(architecture: string): Map<string, string[]> {
  const rows = [...architecture.matchAll(/^\| `([a-z]+)\/` \| .* \| ([^|]*) \|$/gm)];
  const table = new Map(
    rows.map(([, room = "", imports = ""]) => [
      room,
      [...imports.matchAll(/`([a-z]+)\/`/g)].map(([, name = ""]) => name),
    ]),
  );
  // What is no program of ours, or may import everything.
  for (const free of ["custom", "params", "docs", "test", "bench"]) table.delete(free);
  assert.ok(table.size >= 8, "ARCHITECTURE.md's table of rooms cannot be read");
  return table;
}
