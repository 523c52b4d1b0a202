// Text -> ejabberd.yml's values, each with the line that it stands on, macros put in.
//
// ejabberd reads each plain or quoted scalar as text and makes of it what the option wants, so all scalars are text
// here, too. `define_macro: {NAME: value}` at the top level puts `value` wherever a scalar is NAME; later releases do
// the same with `@NAME@` within a scalar, where `value` is one, and know `define_keyword` for it.
//
// Source: ejabberd's guide, "Configuration File Format", "Macros in Configuration File"; processone/yconf.

import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { Place } from "./finding.ts";

export type Value = { readonly at: Place } & (
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly Value[] }
  | { readonly kind: "map"; readonly entries: readonly Entry[] }
);

export interface Entry {
  readonly name: string;
  /** Where the name stands. */
  readonly at: Place;
  readonly value: Value;
}

/** ejabberd would not read the file either, or it is larger than such a file can be. */
export class YmlFault extends Error {
  readonly at: Place;

  constructor(at: Place, message: string) {
    super(message);
    this.name = "YmlFault";
    this.at = at;
  }
}

/** In bytes: Debian's own has 6800. */
export const maxYmlBytes = 1_048_576;
/** Aliases and macros can make much of little text. */
const maxValues = 100_000;
export const maxDepth = 64;

/** Gives the entries of the file's one map, as written: macros are not put in. Throws YmlFault. */
export function parseYml(file: string, text: string): readonly Entry[] {
  if (Buffer.byteLength(text) > maxYmlBytes) {
    throw new YmlFault({ file, line: 1 }, `has more than ${maxYmlBytes} bytes`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: "failsafe",
    lineCounter: lines,
    uniqueKeys: false,
    logLevel: "silent",
  });
  const lineAt = (offset: number) => ({ file, line: Math.max(1, lines.linePos(offset).line) });
  const [error] = document.errors;
  // The library's own words repeat pieces of the file, where passwords of databases stand.
  if (error !== undefined) throw new YmlFault(lineAt(error.pos[0]), `is no YAML here (${error.code})`);
  let count = 0;

  const valueAt = (node: Node | null | undefined, parent: Place, depth: number): Value => {
    const at = node?.range ? lineAt(node.range[0]) : parent;
    if (++count > maxValues) throw new YmlFault(at, `has more than ${maxValues} values`);
    if (depth > maxDepth) throw new YmlFault(at, `is nested deeper than ${maxDepth}`);
    if (isAlias(node)) return valueAt(node.resolve(document), at, depth + 1);
    if (isSeq(node)) {
      return { kind: "list", at, items: node.items.map((item) => valueAt(item as Node, at, depth + 1)) };
    }
    if (isMap(node)) {
      const entries = node.items.map((pair): Entry => {
        const name = valueAt(pair.key as Node, at, depth + 1);
        const value = valueAt(pair.value as Node | null, name.at, depth + 1);
        return { name: name.kind === "text" ? name.text : "", at: name.at, value };
      });
      return { kind: "map", at, entries };
    }
    return { kind: "text", at, text: isScalar(node) ? String(node.value ?? "") : "" };
  };

  const root = valueAt(document.contents, { file, line: 1 }, 0);
  if (root.kind === "map") return root.entries;
  if (root.kind === "text" && root.text === "") return [];
  throw new YmlFault(root.at, "is no map of options");
}

/** Gives the macros that these entries define. */
export function macrosOf(entries: readonly Entry[]): ReadonlyMap<string, Value> {
  const macros = new Map<string, Value>();
  for (const { name, value } of entries) {
    if (name !== "define_macro" && name !== "define_keyword") continue;
    for (const map of value.kind === "list" ? value.items : [value]) {
      if (map.kind === "map") for (const macro of map.entries) macros.set(macro.name, macro.value);
    }
  }
  return macros;
}

/** Gives the entries with macros put in; a value is then where its macro is defined. Throws YmlFault. */
export function putMacrosIn(entries: readonly Entry[], macros: ReadonlyMap<string, Value>): readonly Entry[] {
  let count = 0;
  const within = (text: string) =>
    text.replace(/@([A-Z][A-Z0-9_]*)@/g, (whole, name) => {
      const macro = macros.get(name);
      return macro?.kind === "text" ? macro.text : whole;
    });
  const valueAt = (value: Value, depth: number): Value => {
    if (++count > maxValues)
      throw new YmlFault(value.at, `has more than ${maxValues} values with its macros`);
    if (depth > maxDepth) throw new YmlFault(value.at, `is nested deeper than ${maxDepth} with its macros`);
    switch (value.kind) {
      case "list":
        return { ...value, items: value.items.map((item) => valueAt(item, depth + 1)) };
      case "map":
        return { ...value, entries: entriesOf(value.entries, depth + 1) };
      case "text": {
        const macro = macros.get(value.text);
        return macro === undefined ? { ...value, text: within(value.text) } : valueAt(macro, depth + 1);
      }
    }
  };
  const entriesOf = (all: readonly Entry[], depth: number) =>
    all.map((entry) => ({ ...entry, value: valueAt(entry.value, depth) }));
  return entriesOf(
    entries.filter(({ name }) => name !== "define_macro" && name !== "define_keyword"),
    0,
  );
}

/** Gives the text of a scalar, and nothing for another value or for none. */
export function textOf(value: Value | undefined): string | undefined {
  return value?.kind === "text" ? value.text : undefined;
}

/** Gives the texts of a list of scalars, or of one scalar in its place. */
export function textsOf(value: Value | undefined): readonly { text: string; at: Place }[] {
  const items = value?.kind === "list" ? value.items : value === undefined ? [] : [value];
  return items.flatMap(({ at, ...item }) => (item.kind === "text" ? [{ text: item.text, at }] : []));
}

/** ejabberd's words for true and false; nothing for another text. */
export function booleanOf(value: Value | undefined): boolean | undefined {
  const text = textOf(value)?.toLowerCase() ?? "";
  if (["true", "on", "yes", "y"].includes(text)) return true;
  return ["false", "off", "no", "n"].includes(text) ? false : undefined;
}

/** Gives the entry of this name in a map; the last one where there are several. */
export function entryOf(value: Value | undefined, name: string): Entry | undefined {
  return value?.kind === "map" ? value.entries.findLast((entry) => entry.name === name) : undefined;
}
