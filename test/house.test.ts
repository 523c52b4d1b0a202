// The house's own rules: that the tree keeps them, and that the check which says so can fail.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
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

describe("the pages", () => {
  const pages = readPages("");

  it("are all found", () => {
    for (const path of ["README.md", "docs/sessions.md", "infra/README.md", "bench/README.md"]) {
      assert.ok(pages.has(path), path);
    }
    assert.ok(![...pages.keys()].some((path) => path.includes("node_modules")));
  });

  it("have no line over 120 characters", () => {
    for (const [path, text] of pages) assert.deepEqual(longLines(text), [], path);
  });

  it("list each section at their top, where there are more than three", () => {
    for (const [path, text] of pages) assert.deepEqual(missingFromContents(text), [], path);
  });

  it("lead by each link to a file and a heading that are there", () => {
    for (const path of pages.keys()) assert.deepEqual(deadLinks(path, pages, hasFile), [], path);
  });

  it("can fail: a long line, counted in characters", () => {
    assert.deepEqual(longLines(`${"é🙂".repeat(60)}\nb\n${"c".repeat(121)}`), [3]);
  });

  it("can fail: a section that the contents do not list", () => {
    const sections = "\n## One\n## Two & `three`\n## Four\n```\n## no section\n```\n";
    const contents = "- [One](#one)\n- [Two](#two--three)\n- [Four](#four)\n";
    assert.deepEqual(missingFromContents(`# Page${sections}`), []);
    assert.deepEqual(missingFromContents(`# Page\n${contents}${sections}## Five\n[five](#five)`), ["five"]);
    assert.deepEqual(missingFromContents(`# Page\n${contents}- [Five](#five)\n${sections}## Five`), []);
  });

  it("can fail: a link to a heading or a file that is not there", () => {
    const made = new Map([
      [
        "a.md",
        "# A\n## Same\n## Same\n[b](docs/b.md#where-is-it) [x](#same-1) [y](#same-2) [z](no.md) `[c](d)`",
      ],
      [
        "docs/b.md",
        "# B\n### Where *is* [it](../a.md)?\n[a](../a.md#b) [out](https://example.org/#x) [f](f.ts)",
      ],
    ]);
    const isThere = (path: string) => path === "docs/f.ts";
    assert.deepEqual(deadLinks("a.md", made, isThere), ["#same-2", "no.md"]);
    assert.deepEqual(deadLinks("docs/b.md", made, isThere), ["../a.md#b"]);
  });

  it("keep what a stranger reads first within 150 lines", () => {
    const lines = (pages.get("README.md") ?? "").trimEnd().split("\n");
    assert.ok(lines.length <= 150, `${lines.length} lines`);
  });
});

describe("the layers' rules", () => {
  const directory = temporaryDirectory();

  /** Returns the files among these (path -> text) of which the linter says that they break the rule. */
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
    const isFree = (name: string) => name === reader || ["stores", "custom", "infra"].includes(roomOf(name));
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
  for (const free of ["params", "docs", "test", "bench"]) table.delete(free);
  assert.ok(table.size >= 8, "ARCHITECTURE.md's table of rooms cannot be read");
  return table;
}

/** Returns the project's pages below a folder, by their paths from the root. */
function readPages(folder: string): Map<string, string> {
  const pages = new Map<string, string>();
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const isOurs = !/^\.|^(node_modules|dist|fixtures)$/.test(entry.name);
      if (isOurs) for (const page of readPages(path)) pages.set(...page);
    } else if (entry.name.endsWith(".md")) pages.set(path, readFileSync(join(root, path), "utf8"));
  }
  return pages;
}

function hasFile(path: string): boolean {
  return existsSync(join(root, path));
}

/** Returns the numbers of the lines with more than 120 characters. A character is a code point. */
function longLines(text: string): number[] {
  const lines = text.split("\n").map((line, i) => ({ length: [...line].length, number: i + 1 }));
  return lines.filter(({ length }) => length > 120).map(({ number }) => number);
}

function withoutBlocks(text: string): string {
  return text.replace(/^( *)```.*?^\1```/gms, "");
}

/** Returns the anchors that GitHub gives to the headings with these marks, in their order. */
function anchorsOf(text: string, marks = "#{1,6}"): string[] {
  const seen = new Map<string, number>();
  return [...withoutBlocks(text).matchAll(new RegExp(`^${marks} +(.+)$`, "gm"))].map(([, heading = ""]) => {
    const words = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .trim()
      .toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{M}\p{N}_\- ]/gu, "").replaceAll(" ", "-");
    const count = seen.get(anchor) ?? 0;
    seen.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  });
}

function linksOf(text: string): string[] {
  const prose = withoutBlocks(text).replace(/``.*?``|`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
}

/** Returns the sections, of a page with more than three, that nothing above the first of them leads to. */
function missingFromContents(text: string): string[] {
  const sections = anchorsOf(text, "##");
  if (sections.length <= 3) return [];
  const listed = linksOf(text.slice(0, text.search(/^## /m)));
  return sections.filter((section) => !listed.includes(`#${section}`));
}

/** Returns the links of a page that lead to no file, or to no heading of a page. */
function deadLinks(
  path: string,
  pages: ReadonlyMap<string, string>,
  isThere: (path: string) => boolean,
): string[] {
  return linksOf(pages.get(path) ?? "").filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? path : normalize(join(dirname(path), file));
    const page = pages.get(target);
    if (anchor !== undefined) return page === undefined || !anchorsOf(page).includes(anchor);
    return page === undefined && !isThere(target);
  });
}
