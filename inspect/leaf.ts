// The values of a document that hold no others, as the inspect tool prints them: shown, or masked.
//
//   document             shown                     masked
//   null                 null                      null
//   true, false          as it is                  boolean
//   number, int, float   as document.ts has it     number
//   text                 "..."                     string(5)          ; bytes of UTF-8, as PHP counts
//   other bytes          {"$base64":"..."}         bytes(5)
//   enum                 {"$enum":"Role::Admin"}   enum(Role)

import type { Document, DocumentObject } from "../inspector/session/document.ts";

/** Whether the value is one of the table above; false for arrays and objects. */
export function isLeaf(document: Document): document is Exclude<Document, Document[]> {
  if (typeof document !== "object" || document === null) return true;
  return marks.some((mark) => mark in document);
}

const marks = ["$int", "$float", "$base64", "$enum"] as const;

/** Returns the value as JSON. */
export function showLeaf(leaf: Document): string {
  if (typeof leaf === "string") return quoted(leaf);
  if (typeof leaf !== "object" || leaf === null) return Object.is(leaf, -0) ? "-0" : String(leaf);
  const members = Object.entries(leaf).map(([mark, value]) => `${quoted(mark)}:${showLeaf(value)}`);
  return `{${members.join()}}`;
}

/** Returns the kind of the value and its length, and nothing else of it. */
export function maskLeaf(leaf: Document): string {
  if (leaf === null) return "null";
  if (typeof leaf === "string") return `string(${Buffer.byteLength(leaf)})`;
  if (typeof leaf !== "object") return typeof leaf;
  const { $base64, $enum } = leaf as DocumentObject;
  if (typeof $base64 === "string") return `bytes(${Buffer.byteLength($base64, "base64")})`;
  if ($enum === undefined) return "number";
  if (typeof $enum !== "string") return "enum";
  // PHP's names of classes can hold bytes that are control characters.
  return `enum(${quoted($enum.slice(0, $enum.indexOf("::"))).slice(1, -1)})`;
}

/** Returns the size of a value in characters. Masked text counts, too: its length has to be found. */
export function sizeOfLeaf(leaf: Document): number {
  if (typeof leaf === "string") return leaf.length;
  return typeof leaf === "object" && leaf !== null && "$base64" in leaf ? String(leaf.$base64).length : 1;
}

// Control characters, invisible ones, and those that change the direction of a line: the content of a session must not
// control the terminal.
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Returns the text as a JSON string, which is also a quoted identifier of JMESPath. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(unprintable, (character) =>
    Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
      .map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`)
      .join(""),
  );
}
