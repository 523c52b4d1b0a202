// YAML as ejabberd reads it: by hand, and beside the real parser of the host.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { maxDepth, type Node, parseYaml } from "../../../doctor/yaml/parser.ts";
import { formOf, maxAtomBytes } from "../../../doctor/yaml/scalar.ts";
import { YamlError } from "../../../doctor/yaml/scanner.ts";
import { type FastYaml, startFastYaml } from "../../real/fast-yaml.ts";
import { needing } from "../../real/parts.ts";

type Plain = string | readonly Plain[] | { readonly map: readonly (readonly [Plain, Plain])[] };

function plainOf(node: Node): Plain {
  if (node.kind === "list") return node.items.map(plainOf);
  if (node.kind === "map") return { map: node.pairs.map(([key, value]) => [plainOf(key), plainOf(value)]) };
  return node.text;
}

const read = (text: string) => parseYaml(Buffer.from(text)).map(plainOf);
const one = (text: string) => read(text)[0];

function lineOfError(text: string): number {
  try {
    parseYaml(Buffer.from(text));
  } catch (error) {
    assert.ok(error instanceof YamlError);
    return error.line;
  }
  throw new Error(`no error: ${text}`);
}

describe("YAML", () => {
  it("has lists and maps by their indentation and in brackets", () => {
    const expected = {
      map: [
        ["a", ["b", { map: [["c", "d"]] }]],
        ["e", { map: [["f", "g"]] }],
      ],
    };
    assert.deepEqual(one("a:\n  - b\n  - c: d\ne:\n  f: g\n"), expected);
    assert.deepEqual(one("a:\n- b\n-\n  c: d\ne: {f: g}\n"), expected);
    assert.deepEqual(one("{a: [b, c: d], e: {f: g}}"), expected);
    assert.deepEqual(one("? a\n: - b\n  - ? c\n    : d\n? e\n: {? f : g}\n"), expected);
  });

  it("has scalars in five styles", () => {
    assert.equal(one("plain text #1 # comment\n"), "plain text");
    assert.equal(one("plain#1 # comment\n"), "plain#1");
    assert.equal(one("two\n  lines\n\n  and a third\n"), "two lines\nand a third");
    assert.equal(one("'it''s\n one'"), "it's one");
    assert.equal(one('"\\x41\\u20ac\\t\\\n  b\\\\"'), "A€\tb\\");
    assert.equal(one("|\n a\n  b\n\n"), "a\n b\n");
    assert.equal(one(">-\n a\n b\n\n  c\n"), "a b\n\n c");
    assert.equal(one("|+2\n   a\n\n"), " a\n\n");
  });

  it("keeps an alias as the text of its name, and pays no heed to anchors and tags", () => {
    assert.deepEqual(one("[&a b, *a, !!int 5, &c , !x {}]"), ["b", "a", "5", "", { map: [] }]);
  });

  it("keeps keys that stand twice, and has an empty text for what is missing", () => {
    assert.deepEqual(one("a: 1\na:\n? b\n"), {
      map: [
        ["a", "1"],
        ["a", ""],
        ["b", ""],
      ],
    });
  });

  it("has several documents, and none", () => {
    assert.deepEqual(read("# nothing\n"), []);
    assert.deepEqual(read("--- a\n...\n---\n---\nb\n"), ["a", "", "b"]);
    assert.deepEqual(read("%YAML 1.2\n%TAG !e! x:\n--- !e!f a\n"), ["a"]);
  });

  it("tells the line of each value, and of an error", () => {
    const [root] = parseYaml(Buffer.from("# c\na:\n  - b\n\n  - |\n    c\n"));
    assert.ok(root?.kind === "map");
    const [, list] = root.pairs[0] ?? [];
    assert.ok(list?.kind === "list");
    assert.deepEqual([root.line, list.line, ...list.items.map(({ line }) => line)], [1, 2, 2, 4]);
    assert.equal(lineOfError("a: b\n\tc: d\n"), 1);
    assert.equal(lineOfError("a: 'b\n"), 1);
    assert.equal(lineOfError("a: b: c\n"), 0);
  });

  it("is refused where libyaml refuses it", () => {
    const wrong = [
      "hosts:\n  - a\n\t\nb: c\n",
      "a: [b\nc: d\n",
      "a:\n  - b\n c: d\n",
      "@a: b\n",
      "`a`: b\n",
      "a: *b.c\n",
      "%x\n",
      "%YAML 2.0\n---\na\n",
      "a: !e!f b\n",
      'a: "\\q"\n',
      'a: "\\ud800"\n',
      "a: |0\n  b\n",
      "a: |\n \tb\n",
      "- a\nb: c\n",
      "a\nb: c\n",
      "a: b\n... x\n",
      "'a\n---\nb'\n",
      "a: \0\n",
      "a: \x7f\n",
      `${"x".repeat(1025)}: y\n`,
    ];
    for (const text of wrong) lineOfError(text);
    assert.throws(() => parseYaml(Buffer.from([0x61, 0xff])), YamlError);
    assert.throws(() => parseYaml(Buffer.from([0xed, 0xa0, 0x80])), YamlError);
  });

  it("may be UTF-16, and begin with a byte order mark", () => {
    assert.deepEqual(read("\uFEFFa: b\n"), read("a: b\n"));
    assert.deepEqual(parseYaml(Buffer.from("\uFEFFa: €\n", "utf16le")).map(plainOf), read("a: €\n"));
  });

  it(`is refused where it is nested deeper than ${maxDepth}`, () => {
    const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    read(nested(maxDepth));
    lineOfError(nested(maxDepth + 1));
    lineOfError(Array.from({ length: maxDepth + 1 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"));
  });
});

describe("a scalar", () => {
  it("is a number, a word or a string by its text and its quotes", () => {
    const forms: readonly [string, string][] = [
      ["5222", "integer"],
      ["-1", "integer"],
      ["0644", "integer"],
      ["0x10", "atom"],
      ["1.5", "float"],
      [".5", "float"],
      ["1.", "float"],
      ["1.5.2", "atom"],
      ["true", "atom"],
      ["", "binary"],
    ];
    for (const [text, form] of forms) assert.equal(formOf(text, "plain"), form, text);
    assert.equal(formOf("5222", "double"), "binary");
    assert.equal(formOf("5222", "single"), "atom");
    assert.equal(formOf("5222", "block"), "integer");
    assert.equal(formOf("a", "block"), "binary");
  });
});

/** Returns the term that fast_yaml makes of a document, as the doctor reads it; "!" for none. */
function termOf(bytes: Uint8Array): string {
  const hex = (text: string) => Buffer.from(text).toString("hex");
  const term = (node: Node): string => {
    if (node.kind === "alias") return `b${hex(node.text)}`;
    if (node.kind === "list") return `[${node.items.map(term).join()}]`;
    if (node.kind === "map") return `[${node.pairs.map((pair) => pair.map(term).join("=")).join()}]`;
    switch (formOf(node.text, node.style)) {
      case "atom":
        if (Buffer.byteLength(node.text) > maxAtomBytes) throw new YamlError(node.line, "too long");
        return `a${hex(node.text)}`;
      case "binary":
        return `b${hex(node.text)}`;
      case "integer": {
        const limit = 2n ** 63n;
        const value = BigInt(node.text.replace(/^\+/, ""));
        return `i${value >= limit ? limit - 1n : value < -limit ? -limit : value}`;
      }
      case "float":
        return "f";
    }
  };
  try {
    return `[${parseYaml(bytes).map(term).join()}]`;
  } catch (error) {
    if (error instanceof YamlError) return "!";
    throw error;
  }
}

describe("YAML beside the host's own parser", () => {
  const { it, before, after } = needing("ejabberd");
  let real: FastYaml;
  before(() => {
    real = startFastYaml();
  });
  after(() => real.stop());

  async function compare(document: Uint8Array): Promise<string> {
    const term = await real.decode(document);
    assert.equal(termOf(document), term, JSON.stringify(Buffer.from(document).toString()));
    return term;
  }

  const fixture = (name: string) =>
    readFileSync(new URL(`../../fixtures/ejabberd-yml/${name}.yml`, import.meta.url));

  it("is read alike where the specification reads it otherwise", async () => {
    assert.match(await compare(fixture("alias")), new RegExp(`b${Buffer.from("main").toString("hex")}=`));
    assert.equal(await compare(fixture("line-of-a-tab")), "!");
    assert.notEqual(await compare(fixture("quoted-scalar-less-indented")), "!");
    assert.notEqual(await compare(fixture("mqtt-without-tls")), "!");
  });

  const seeds = [
    "a: [b, c: d, {e: f}, ? g : h]\nx: {a, b: c, ? d, \"q\": 1, 'r' : s}\n",
    "? complex\n: - a\n  - b\n? - x\n: y\n",
    "a: |+\n  x\n   y\n\nb: >-2\n    z\n   w\nc: 'it''s\n  ok'\nd: \"\\u20ac\\x41 \\\n   k\"\n",
    "--- !!str a\n...\n---\n- *x\n- &y z\n- !<t:u> 5\n- !e!f 5\n",
    "%YAML 1.1\n%TAG !e! tag:x,2000:\n---\na: !e!b c\n",
    "- - a\n  - b\n-\n - c\n- d: e\n  f:\n  - g\n  -\n",
    "k: 1.5\nl: .5\nm: -3\nn: +4\no: 0x10\np: 1.\nq: 0644\nr: ~\ns:\n",
    "a:\tb\nc: 'x\ny'\nd #e: f # g\n#h\n",
    ...["alias", "mqtt-without-tls", "quoted-scalar-less-indented"].map((name) => String(fixture(name))),
    String(readFileSync(new URL("../../../infra/ejabberd/ejabberd.yml", import.meta.url))),
  ];
  const pieces = [
    ...[
      " ",
      "  ",
      "\n",
      "\t",
      ":",
      ": ",
      "- ",
      "-",
      "?",
      "? ",
      "[",
      "]",
      "{",
      "}",
      ",",
      "#",
      " #",
      "&a ",
      "*a ",
    ],
    ...[
      "*a",
      "!",
      "!x ",
      "|",
      ">",
      "|-\n",
      ">2\n",
      "'",
      '"',
      "%",
      "@",
      "`",
      "a",
      "b",
      "1",
      ".5",
      "---",
      "\n---\n",
    ],
    ...[
      "...\n",
      "\r\n",
      "\\",
      "\\n",
      "é",
      "\u2028",
      "\x85",
      "\uFEFF",
      "😀",
      "~",
      "\n  ",
      "\n- ",
      "\nk: ",
      "\0",
    ],
    "x".repeat(300),
  ];

  it("is read alike in 3000 documents that were changed at random", async () => {
    let state = 20_261;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return Math.floor((state / 0x8000_0000) * below);
    };
    const pick = <T>(all: readonly T[]) => all[random(all.length)] as T;
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      let text = "";
      if (i % 3 === 0) for (let left = random(12) + 1; left > 0; left--) text += pick(pieces);
      else {
        const lines = pick(seeds).split("\n");
        const from = lines.length > 20 ? random(lines.length) : 0;
        text = lines.slice(from, from + 20).join("\n");
        for (let left = random(4) + 1; left > 0; left--) {
          const at = random(text.length + 1);
          const put = random(4) === 0 ? "" : pick(pieces);
          text = text.slice(0, at) + put + text.slice(at + (random(3) === 0 ? random(5) : 0));
        }
      }
      if ((await compare(Buffer.from(text))) === "!") refused++;
    }
    assert.ok(refused > 500 && refused < 2700, `${refused} refused`);
  });
});
