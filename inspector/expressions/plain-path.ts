// Names joined by dots, evaluated without the JMESPath library. Nearly every site's expressions are of this kind, and the
// library takes longer for them than decoding a small session does.
//
//   plain-path = name *( "." name )
//   name       = unquoted / quoted
//   unquoted   = ( ALPHA / "_" ) *( ALPHA / DIGIT / "_" )
//   quoted     = DQUOTE 1*( any character but DQUOTE, "\" and controls ) DQUOTE
//
// Names that document.ts writes differently than PHP are left to the library: those that begin with "$", hold "::" or
// look like an int. Every other name is PHP's own key or property, so it is looked up in the session itself.
//
// Source: JMESPath's grammar, "identifier" and "sub-expression" (jmespath.org/specification.html).

import { type Bytes, PhpArray, PhpObject, type PhpSession, type PhpValue } from "../session/model.ts";
import { propertyNamed } from "../session/property-names.ts";

/** Each name as PHP stores it: its bytes of UTF-8, one char a byte. */
export type PlainPath = readonly Bytes[];

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what the grammar excludes
const name = /[A-Za-z_][A-Za-z0-9_]*|"[^"\\\u0000-\u001f\p{Surrogate}]+"/u;
const path = new RegExp(`^(?:${name.source})(?:\\.(?:${name.source}))*$`, "u");
const names = new RegExp(name.source, "gu");
const standsForAnother = /^\$|::|^-?[0-9]+$/;

/** Returns the names of a plain path in their order, or undefined for any other expression. */
export function plainPathOf(expression: string): PlainPath | undefined {
  if (!path.test(expression)) return undefined;
  const found = (expression.match(names) ?? []).map((text) => text.replaceAll('"', ""));
  if (found.some((text) => standsForAnother.test(text))) return undefined;
  return found.map((text) => Buffer.from(text).toString("latin1"));
}

/**
 * Returns the value that the path leads to, or null.
 * @throws UncertainPropertyError
 */
export function valueAt(session: PhpSession, plainPath: PlainPath): PhpValue {
  let value = null as PhpValue;
  for (let depth = 0; depth < plainPath.length; depth++) {
    const key = plainPath[depth] as Bytes;
    if (depth === 0) value = session.variables.get(key) ?? null;
    else if (value instanceof PhpArray) value = value.entries.get(key) ?? null;
    else value = value instanceof PhpObject ? (propertyNamed(value, key)?.value ?? null) : null;
  }
  return value;
}
