// A finding's edit, made as its words say: by the line, for files that are written in lines and not in braces.

import assert from "node:assert/strict";
import type { Edit } from "../../doctor/finding.ts";

/** Returns the text of a file with the edit made. */
export function applyEdit(text: string, edit: Edit): string {
  if (edit.kind === "append") return `${text.replace(/\n*$/, "\n")}${edit.lines.join("\n")}\n`;
  const lines = text.split("\n");
  const first = edit.at.line - 1;
  const line = lines[first] ?? "";
  assert.doesNotMatch(line, /^\s*-?\s*\{/, "an entry in braces");
  // "- name: value": the name, not the dash, is where the entry begins.
  const [prefix = ""] = /^\s*(?:- +)?/.exec(line) ?? [];
  const indented = (all: readonly string[]) =>
    all.map((one, i) => (i === 0 ? prefix : " ".repeat(prefix.length)) + one);
  if (edit.kind === "add") {
    lines.splice(first + 1, 0, ...edit.lines.map((one) => " ".repeat(prefix.length) + one));
    return lines.join("\n");
  }
  let end = first + 1;
  const isWithin = (one: string) => {
    const [indent = ""] = /^ */.exec(one) ?? [];
    // A list may stand at the column of its name.
    return (
      one.trim() === "" ||
      indent.length > prefix.length ||
      (indent.length === prefix.length && /^ *- /.test(one))
    );
  };
  while (end < lines.length && isWithin(lines[end] ?? "")) end++;
  lines.splice(first, end - first, ...(edit.kind === "replace" ? indented(edit.lines) : []));
  return lines.join("\n");
}
