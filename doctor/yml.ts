// Bytes -> ejabberd.yml's values, each with the line that it stands on.

import type { Place } from "./finding.ts";
import { type Node, parseYaml } from "./yaml/parser.ts";
import { formOf, maxAtomBytes, type ScalarForm } from "./yaml/scalar.ts";
import { YamlError } from "./yaml/scanner.ts";

export type Value = { readonly at: Place } & (
  | { readonly kind: "text"; readonly text: string; readonly form: ScalarForm }
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
export class YmlError extends Error {
  readonly at: Place;

  constructor(at: Place, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "YmlError";
    this.at = at;
  }
}

/** Debian's own file has 6800. */
export const maxYmlBytes = 1_048_576;

/**
 * Returns the entries of the file's one map as written: macros are not replaced.
 *
 * @throws YmlError
 */
export function parseYml(file: string, bytes: Uint8Array): readonly Entry[] {
  const placeOf = (line: number): Place => ({ file, line: line + 1 });
  if (bytes.length > maxYmlBytes) throw new YmlError(placeOf(0), `has more than ${maxYmlBytes} bytes`);
  let documents: readonly Node[];
  try {
    documents = parseYaml(bytes);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw new YmlError(placeOf(error.line), `ejabberd cannot read this YAML: ${error.message}`, {
      cause: error,
    });
  }
  const valueAt = (node: Node): Value => {
    const at = placeOf(node.line);
    switch (node.kind) {
      case "list":
        return { kind: "list", at, items: node.items.map(valueAt) };
      case "map":
        return { kind: "map", at, entries: node.pairs.map(entryOf) };
      case "alias":
        return { kind: "text", at, text: node.text, form: "binary" };
      case "scalar": {
        const form = formOf(node.text, node.style);
        if (form === "atom" && Buffer.byteLength(node.text) > maxAtomBytes) {
          throw new YmlError(
            at,
            `ejabberd cannot read this YAML: a word of more than ${maxAtomBytes} bytes without double quotes`,
          );
        }
        return { kind: "text", at, text: node.text, form };
      }
    }
  };
  const entryOf = ([key, value]: readonly [Node, Node]): Entry => {
    const name = valueAt(key);
    if (name.kind !== "text") throw new YmlError(name.at, "the name of an option is no word");
    return { name: name.text, at: name.at, value: valueAt(value) };
  };
  const [root, second] = documents;
  if (second !== undefined) throw new YmlError(placeOf(second.line), "a second document begins here");
  if (root === undefined) return [];
  const value = valueAt(root);
  if (value.kind === "map") return value.entries;
  if (value.kind === "list" && value.items.length === 0) return [];
  throw new YmlError(value.at, "the file is no map of options");
}

/** Returns the text of a scalar; undefined for another value or for none. */
export function textOf(value: Value | undefined): string | undefined {
  return value?.kind === "text" ? value.text : undefined;
}

/** Returns the texts of a list of scalars, or of one scalar in its place. */
export function textsOf(value: Value | undefined): readonly { text: string; at: Place }[] {
  const items = value?.kind === "list" ? value.items : value === undefined ? [] : [value];
  return items.flatMap((item) => (item.kind === "text" ? [{ text: item.text, at: item.at }] : []));
}

const truths: ReadonlyMap<string, boolean> = new Map([
  ...["true", "on", "yes", "y"].map((text) => [text, true] as const),
  ...["false", "off", "no", "n"].map((text) => [text, false] as const),
]);

/** Returns what ejabberd's words for true and false mean, which it knows in lower case only; undefined for others. */
export function booleanOf(value: Value | undefined): boolean | undefined {
  return truths.get(textOf(value) ?? "");
}

/** Returns the whole number that a value is; undefined for another value, and so for a number in quotes. */
export function integerOf(value: Value | undefined): number | undefined {
  return value?.kind === "text" && value.form === "integer" ? Number(value.text) : undefined;
}

/** Returns the entry of this name in a map; the last one if there are several. */
export function entryOf(value: Value | undefined, name: string): Entry | undefined {
  return value?.kind === "map" ? value.entries.findLast((entry) => entry.name === name) : undefined;
}
