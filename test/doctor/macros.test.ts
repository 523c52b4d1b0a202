import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { keywordsOf, macroFeatures, macrosOf, putKeywordsIn, putMacrosIn } from "../../doctor/macros.ts";
import { type Entry, entryOf, parseYml, textOf, YmlError } from "../../doctor/yml.ts";

function read(text: string, environment: NodeJS.ProcessEnv = {}, version = "26.07"): readonly Entry[] {
  const features = macroFeatures(version);
  const entries = parseYml("a.yml", Buffer.from(text));
  return putMacrosIn(entries, macrosOf(entries, environment, features), features);
}
const named = (entries: readonly Entry[], name: string) =>
  entries.find((entry) => entry.name === name)?.value;

describe("a macro", () => {
  it("stands for a whole value, at the line where it is defined", () => {
    const entries = read(
      "define_macro:\n  'CACHE': false\n  PORT:\n    port: 5222\nauth_use_cache: CACHE\nlisten: [PORT, \"CACHE\"]\n",
    );
    assert.equal(named(entries, "define_macro"), undefined);
    assert.equal(textOf(named(entries, "auth_use_cache")), "false");
    assert.equal(named(entries, "auth_use_cache")?.at.line, 2);
    const listen = named(entries, "listen");
    assert.ok(listen?.kind === "list");
    assert.equal(textOf(entryOf(listen.items[0], "port")?.value), "5222");
    assert.equal(textOf(listen.items[1]), "false");
  });

  it("stands within strings from 25.03 on, if it is a string itself", () => {
    const text = 'define_macro: {A: "x", B: 5, C: y}\np: "@A@ @B@ @C@ @D@"\nq: z@A@\n';
    assert.equal(textOf(named(read(text), "p")), "x @B@ @C@ @D@");
    assert.equal(textOf(named(read(text), "q")), "z@A@");
    assert.equal(textOf(named(read(text, {}, "24.12"), "p")), "@A@ @B@ @C@ @D@");
  });

  it("comes from the environment from 24.12 on, and wins there", () => {
    const environment = { EJABBERD_MACRO_CACHE: "false", EJABBERD_MACRO_PORT: "5222", OTHER: "x" };
    const text = 'define_macro: {CACHE: true}\na: CACHE\nb: PORT\nc: "@CACHE@"\n';
    const entries = read(text, environment);
    assert.deepEqual(
      ["a", "b", "c"].map((name) => textOf(named(entries, name))),
      ["false", "5222", "false"],
    );
    assert.deepEqual(named(entries, "a")?.at, { file: "$EJABBERD_MACRO_CACHE", line: 1 });
    const before = read(text, environment, "23.01");
    assert.deepEqual(
      ["a", "b"].map((name) => textOf(named(before, name))),
      ["true", "PORT"],
    );
  });

  it("is refused if it is defined twice, has another name, needs itself, or makes too much", () => {
    const wrong = [
      "define_macro: {A: 1, A: 2}\n",
      "define_macro: {a: 1}\n",
      "define_macro: {A: B, B: A}\na: A\n",
      `define_macro:\n${Array.from({ length: 9 }, (_, i) => `  M${i}: [${Array(9).fill(i === 0 ? "x" : `M${i - 1}`)}]`).join("\n")}\na: M8\n`,
    ];
    for (const text of wrong) assert.throws(() => read(text), YmlError, text);
  });
});

describe("a keyword", () => {
  it("stands within strings and words, and for a word", () => {
    const entries = parseYml(
      "a.yml",
      Buffer.from('define_keyword: {A: x}\np: "@A@ @HOME@"\nq: z@A@\nr: A\ns: "A"\nt: 5\n'),
    );
    const known = parseYml("b.yml", Buffer.from("HOME: /var/lib/ejabberd\n"))[0]?.value;
    assert.ok(known !== undefined);
    const put = putKeywordsIn(entries, new Map([...keywordsOf(entries), ["HOME", known]]));
    const texts = ["p", "q", "r", "s", "t"].map((name) => textOf(named(put, name)));
    assert.deepEqual(texts, ["x /var/lib/ejabberd", "zx", "x", "A", "5"]);
    assert.equal(named(put, "define_keyword"), undefined);
  });

  it("is known from 25.03 on, or where the release is not known", () => {
    assert.equal(macroFeatures("24.12").hasKeywords, false);
    assert.equal(macroFeatures("25.03").hasKeywords, true);
    assert.equal(macroFeatures(undefined).hasKeywords, true);
  });
});
