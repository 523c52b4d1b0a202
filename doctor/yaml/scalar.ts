// What fast_yaml makes of a scalar: ejabberd's validators tell `"5222"`, a string, from `5222`, a number.
//
// Source: processone/fast_yaml, c_src/fast_yaml.c, make_scalar() with plain_as_atom; strtol(3), strtod(3).

import type { ScalarStyle } from "./scanner.ts";

/** `atom`: a bare or single-quoted word. `binary`: a string. */
export type ScalarForm = "atom" | "binary" | "integer" | "float";

/** In octets. fast_yaml reads no file that has a longer atom. */
export const maxAtomBytes = 255;

const integer = /^[+-]?\d+$/;
/** Only what begins with digits or with the point is tried as a float. */
const float = /^(?:[+-]?\d+\.\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Returns the form of a scalar with this text. An alias is a binary, too. */
export function formOf(text: string, style: ScalarStyle): ScalarForm {
  if (style === "single") return "atom";
  if (style === "double") return "binary";
  if (integer.test(text)) return "integer";
  if (float.test(text)) return "float";
  return style === "plain" && text !== "" ? "atom" : "binary";
}
