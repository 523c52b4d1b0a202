import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  booleanOf,
  type Entry,
  entryOf,
  macrosOf,
  maxDepth,
  maxYmlBytes,
  parseYml,
  putMacrosIn,
  textOf,
  textsOf,
  YmlFault,
} from "../../doctor/yml.ts";

const read = (text: string) => {
  const entries = parseYml("a.yml", text);
  return putMacrosIn(entries, macrosOf(entries));
};
const named = (entries: readonly Entry[], name: string) => entries.find((entry) => entry.name === name);

function faultOf(work: () => unknown): YmlFault {
  try {
    work();
  } catch (fault) {
    assert.ok(fault instanceof YmlFault);
    return fault;
  }
  throw new Error("no fault");
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

  it("keeps all scalars as text, and knows ejabberd's words for true and false", () => {
    const entries = read('a: 0644\nb: "no"\nc: yes\nd: nothing\ne:\n');
    assert.equal(textOf(named(entries, "a")?.value), "0644");
    assert.equal(booleanOf(named(entries, "b")?.value), false);
    assert.equal(booleanOf(named(entries, "c")?.value), true);
    assert.equal(booleanOf(named(entries, "d")?.value), undefined);
    assert.equal(textOf(named(entries, "e")?.value), "");
  });

  it("has its macros put in, at the line where they are defined", () => {
    const text =
      "define_macro:\n  'CACHE': false\n  PORT:\n    port: 5222\nauth_use_cache: CACHE\nlisten: [PORT]\n";
    const entries = read(`${text}program: "@CACHE@ and @OTHER@"\n`);
    assert.equal(named(entries, "define_macro"), undefined);
    const cache = named(entries, "auth_use_cache")?.value;
    assert.equal(booleanOf(cache), false);
    assert.equal(cache?.at.line, 2);
    const listen = named(entries, "listen")?.value;
    assert.equal(listen?.kind, "list");
    assert.equal(textOf(entryOf(listen.items[0], "port")?.value), "5222");
    assert.equal(textOf(named(entries, "program")?.value), "false and @OTHER@");
  });

  it("has its anchors followed", () => {
    assert.equal(textOf(named(read("a: &x 1\nb: *x\n"), "b")?.value), "1");
  });

  it("may be empty", () => {
    assert.deepEqual(read("# nothing\n"), []);
  });

  it("is refused where it is no YAML, by its line and without a word of it", () => {
    const fault = faultOf(() => read("hosts: [a]\nsql_password: [secret\nmodules: {}\n"));
    assert.ok(fault.at.line >= 2);
    assert.match(fault.message, /^is no YAML here \([A-Z_]+\)$/);
  });

  it("is refused where it is no map", () => {
    assert.match(faultOf(() => read("- a\n")).message, /no map/);
  });

  it(`is refused with more than ${maxYmlBytes} bytes`, () => {
    assert.match(faultOf(() => read("#".repeat(maxYmlBytes + 1))).message, /bytes/);
    assert.deepEqual(read("#".repeat(maxYmlBytes)), []);
  });

  it("is refused where anchors or macros make too much of it", () => {
    const lists = Array.from(
      { length: 9 },
      (_, i) => `a${i}: &a${i} [${Array(9).fill(i === 0 ? "x" : `*a${i - 1}`)}]`,
    );
    assert.match(faultOf(() => read(lists.join("\n"))).message, /values/);
    const macros = Array.from(
      { length: 9 },
      (_, i) => `  M${i}: [${Array(9).fill(i === 0 ? "x" : `M${i - 1}`)}]`,
    );
    assert.match(faultOf(() => read(`define_macro:\n${macros.join("\n")}\na: M8\n`)).message, /values/);
  });

  it("is refused where it is nested too deep, by macros that need themselves, too", () => {
    const nested = `a: ${"[".repeat(maxDepth + 1)}${"]".repeat(maxDepth + 1)}`;
    assert.match(faultOf(() => read(nested)).message, /deeper/);
    assert.match(faultOf(() => read("define_macro: {A: B, B: A}\na: A\n")).message, /deeper/);
  });
});
