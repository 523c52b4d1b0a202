// Macros and keywords of ejabberd.yml, put in as ejabberd does it.
//
// A macro (`define_macro`, or EJABBERD_MACRO_NAME in the environment, which wins) stands for any value that is its name,
// and, if it is a string, for @NAME@ within another string. A keyword (`define_keyword`, or one that ejabberd itself
// knows) stands for @NAME@ within strings and words, and for a word that is its name. Each came with a release of its own.
//
// Source: processone/yconf, src/yconf.erl; ejabberd, src/ejabberd_config.erl and CHANGELOG.md.

import type { Environment } from "../relay/config.ts";
import { parseYaml } from "./yaml/parser.ts";
import { formOf } from "./yaml/scalar.ts";
import { YamlError } from "./yaml/scanner.ts";
import { type Entry, type Value, YmlError } from "./yml.ts";

/** What this release of ejabberd knows. */
export interface MacroFeatures {
  readonly hasEnvironmentMacros: boolean;
  readonly hasMacrosInStrings: boolean;
  readonly hasKeywords: boolean;
}

/** Returns what a release knows, `23.01` for one; all of it if the release is not known. */
export function macroFeatures(version: string | undefined): MacroFeatures {
  const number = Number.parseFloat(version ?? "99");
  return {
    hasEnvironmentMacros: number >= 24.12,
    hasMacrosInStrings: number >= 25.03,
    hasKeywords: number >= 25.03,
  };
}

/** Macros can make much of little text. */
const maxValues = 100_000;
const maxDepth = 64;
const macroName = /^[A-Z_0-9]+$/;
const environmentPrefix = "EJABBERD_MACRO_";

export type Macros = ReadonlyMap<string, Value>;

/**
 * Returns the macros that these entries define, and those of the environment.
 *
 * @throws YmlError for a macro that ejabberd refuses.
 */
export function macrosOf(
  entries: readonly Entry[],
  environment: Environment,
  { hasEnvironmentMacros }: MacroFeatures,
): Macros {
  const macros = new Map<string, Value>();
  for (const macro of definitions(entries, "define_macro")) {
    if (!macroName.test(macro.name)) {
      throw new YmlError(macro.at, "the name of a macro has other characters than A to Z, 0 to 9 and _");
    }
    if (macros.has(macro.name)) throw new YmlError(macro.at, `the macro ${macro.name} is defined twice`);
    macros.set(macro.name, macro.value);
  }
  if (!hasEnvironmentMacros) return macros;
  for (const [variable, text = ""] of Object.entries(environment)) {
    if (!variable.startsWith(environmentPrefix)) continue;
    const value = valueOfVariable(variable, text);
    if (value !== undefined) macros.set(variable.slice(environmentPrefix.length), value);
  }
  return macros;
}

/** Returns the keywords that these entries define. */
export function keywordsOf(entries: readonly Entry[]): Macros {
  return new Map(definitions(entries, "define_keyword").map(({ name, value }) => [name, value]));
}

function definitions(entries: readonly Entry[], name: string): readonly Entry[] {
  return entries.flatMap((entry) =>
    entry.name === name && entry.value.kind === "map" ? entry.value.entries : [],
  );
}

/** Returns a scalar; other values of the environment are left to ejabberd. */
function valueOfVariable(variable: string, text: string): Value | undefined {
  const at = { file: `$${variable}`, line: 1 };
  try {
    const [node] = parseYaml(Buffer.from(text));
    if (node?.kind !== "scalar") return undefined;
    const form = formOf(node.text, node.style);
    return { kind: "text", at, text: node.text, form: form === "atom" ? "binary" : form };
  } catch (error) {
    if (error instanceof YamlError) return undefined;
    throw error;
  }
}

/**
 * Returns the entries with macros put in; a value then has the place of its macro.
 *
 * @throws YmlError for macros that need themselves or make too much.
 */
export function putMacrosIn(
  entries: readonly Entry[],
  macros: Macros,
  { hasMacrosInStrings }: MacroFeatures,
): readonly Entry[] {
  const within = (text: string) =>
    [...macros].reduce(
      (whole, [name, macro]) =>
        macro.kind === "text" && macro.form === "binary"
          ? whole.replaceAll(`@${name}@`, () => macro.text)
          : whole,
      text,
    );
  return mapValues(
    entries.filter(({ name }) => name !== "define_macro"),
    (value) => {
      if (value.form === "integer" || value.form === "float") return value;
      const macro = macros.get(value.text);
      if (macro !== undefined) return { again: macro };
      return hasMacrosInStrings && value.form === "binary" ? { ...value, text: within(value.text) } : value;
    },
  );
}

/** Returns the entries with keywords put in. */
export function putKeywordsIn(entries: readonly Entry[], keywords: Macros): readonly Entry[] {
  return mapValues(
    entries.filter(({ name }) => name !== "define_keyword"),
    (value) => {
      if (value.form === "integer" || value.form === "float") return value;
      const whole = value.form === "atom" ? keywords.get(value.text) : undefined;
      if (whole?.kind === "text") return { ...whole, at: value.at };
      const text = [...keywords].reduce(
        (changed, [name, keyword]) =>
          keyword.kind === "text" ? changed.replaceAll(`@${name}@`, () => keyword.text) : changed,
        value.text,
      );
      return { ...value, text };
    },
  );
}

type Text = Extract<Value, { kind: "text" }>;

/** `again`: a value in place of the text, in which more is to be replaced. */
function mapValues(
  entries: readonly Entry[],
  replace: (value: Text) => Value | { readonly again: Value },
): readonly Entry[] {
  let count = 0;
  const valueAt = (value: Value, depth: number): Value => {
    if (++count > maxValues)
      throw new YmlError(value.at, `has more than ${maxValues} values with its macros`);
    if (depth > maxDepth) throw new YmlError(value.at, `is nested deeper than ${maxDepth} with its macros`);
    switch (value.kind) {
      case "list":
        return { ...value, items: value.items.map((item) => valueAt(item, depth + 1)) };
      case "map":
        return { ...value, entries: entriesAt(value.entries, depth + 1) };
      case "text": {
        const replaced = replace(value);
        return "again" in replaced ? valueAt(replaced.again, depth + 1) : replaced;
      }
    }
  };
  const entriesAt = (all: readonly Entry[], depth: number) =>
    all.map((entry) => ({ ...entry, value: valueAt(entry.value, depth) }));
  return entriesAt(entries, 0);
}
