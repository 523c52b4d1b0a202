import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import {
  booleanOf,
  type Entry,
  entryOf,
  integerOf,
  maxYmlBytes,
  parseYml,
  textOf,
  textsOf,
  YmlError,
} from "../../doctor/yml.ts";

const read = (text: string) => parseYml("a.yml", Buffer.from(text));
const named = (entries: readonly Entry[], name: string) => entries.find((entry) => entry.name === name);

function errorOf(work: () => unknown): YmlError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof YmlError);
    return error;
  }
  throw new Error("no error");
}

describe("ejabberd.yml", () => {
  it("is read with the line of each value", () => {
    const entries = read("# a\nhosts:\n  - example.org\n  - other.org\nauth_use_cache: false\n");
    assert.deepEqual(textsOf(named(entries, "hosts")?.value), [
      { text: "example.org", at: { file: "a.yml", line: 3 } },
      { text: "other.org", at: { file: "a.yml", line: 4 } },
    ]);
    assert.equal(named(entries, "auth_use_cache")?.value.at.line, 5);
  });

  it("has ejabberd's words for true and false, quoted or not, and in lower case only", () => {
    const entries = read("a: \"no\"\nb: yes\nc: 'on'\nd: False\ne: nothing\nf:\n");
    const booleans = ["a", "b", "c", "d", "e", "f"].map((name) => booleanOf(named(entries, name)?.value));
    assert.deepEqual(booleans, [false, true, true, undefined, undefined, undefined]);
    assert.equal(textOf(named(entries, "f")?.value), "");
  });

  it("has numbers without quotes only", () => {
    const entries = read("a: 65536\nb: \"65536\"\nc: '65536'\nd: 0x10000\ne: 1.5\nf: 010\n");
    const numbers = ["a", "b", "c", "d", "e", "f"].map((name) => integerOf(named(entries, name)?.value));
    assert.deepEqual(numbers, [65536, undefined, undefined, undefined, undefined, 10]);
  });

  it("reads an alias as the text of its name", () => {
    const file = new URL("../fixtures/ejabberd-yml/alias.yml", import.meta.url);
    const hosts = named(parseYml("a.yml", readFileSync(file)), "host_config")?.value;
    assert.equal(textsOf(entryOf(entryOf(hosts, "main")?.value, "auth_method")?.value)[0]?.text, "extguard");
  });

  it("may be empty", () => {
    assert.deepEqual(read("# nothing\n"), []);
    assert.deepEqual(read("{}\n"), []);
    assert.deepEqual(read("[]\n"), []);
  });

  it("is refused where ejabberd cannot read it, by its line and without a word of it", () => {
    const error = errorOf(() => read("hosts: [a]\nsql_password: [secret\nmodules: {}\n"));
    assert.ok(error.at.line >= 2);
    assert.match(error.message, /^ejabberd cannot read this YAML: /);
    assert.doesNotMatch(error.message, /secret/);
    assert.match(errorOf(() => read(`a: ${"b".repeat(256)}\n`)).message, /a word of more than 255 bytes/);
    assert.deepEqual(read(`a: "${"b".repeat(256)}"\n`).length, 1);
  });

  it("is refused where it is no map, or two", () => {
    assert.match(errorOf(() => read("- a\n")).message, /no map/);
    assert.match(errorOf(() => read("a\n")).message, /no map/);
    assert.deepEqual(errorOf(() => read("a: b\n---\nc: d\n")).at, { file: "a.yml", line: 3 });
    assert.match(errorOf(() => read("? [a]\n: b\n")).message, /no word/);
  });

  it(`is refused with more than ${maxYmlBytes} bytes`, () => {
    assert.match(errorOf(() => read("#".repeat(maxYmlBytes + 1))).message, /bytes/);
    assert.deepEqual(read("#".repeat(maxYmlBytes)), []);
  });
});
