// The plainest expressions, names joined by dots, evaluated without the JMESPath library: it takes longer to walk
// such a path than to decode a small session, and nearly every site's expressions are of this kind.
//
//   plain-path = name *( "." name )
//   name       = unquoted / quoted
//   unquoted   = ( ALPHA / "_" ) *( ALPHA / DIGIT / "_" )
//   quoted     = DQUOTE 1*( any character but DQUOTE, "\" and controls ) DQUOTE
//
// Source: JMESPath's grammar, "identifier" and "sub-expression" (jmespath.org/specification.html).

import type { Document } from "./php/document.ts";

export type PlainPath = readonly string[];

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what the grammar excludes
const name = /[A-Za-z_][A-Za-z0-9_]*|"[^"\\\u0000-\u001f]+"/;
const path = new RegExp(`^(?:${name.source})(?:\\.(?:${name.source}))*$`, "u");
const names = new RegExp(name.source, "gu");

/** Gives the names of a plain path in their order, or undefined for any other expression. */
export function plainPathOf(expression: string): PlainPath | undefined {
  if (!path.test(expression)) return undefined;
  return expression.match(names)?.map((found) => (found.startsWith('"') ? found.slice(1, -1) : found));
}

/** Gives what stands there in the document, or null where nothing does. */
export function valueAt(document: Document, plainPath: PlainPath): Document {
  let value = document;
  for (const key of plainPath) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    if (!Object.hasOwn(value, key)) return null;
    value = value[key] as Document;
  }
  return value;
}
