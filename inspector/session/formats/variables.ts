// What the handlers php and php_binary share: a session is its variables, one behind the other, each a name and a value
// as text. They differ in how a name stands there.
//
// The names are the site's, so they are text in UTF-8. One that is not shows that the bytes are not what they are taken
// for: LZF begins with a control byte. And the first name shows the sessions of another text handler, whose users'
// texts could be read as variables: in it stands the beginning of their first value.

// biome-ignore lint/correctness/noNodejsModules: a pure function of bytes, which JavaScript itself lacks
import { isUtf8 } from "node:buffer";
import type { Budget } from "../budget.ts";
import type { Bytes, PhpSession, PhpValue } from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import { type Wanted, wantedAt } from "../wanted.ts";
import { beginText, checkValue, input } from "./text.ts";
import { beginBuild, buildPlanned, planValue, textAt } from "./text-build.ts";
import { colon, semicolon, upperN } from "./text-bytes.ts";

/** How a name stands before its value. */
export interface NameForm {
  readonly bytesBefore: number;
  readonly bytesBehind: number;
  /**
   * Returns where the value begins whose variable begins here, before the end of the session.
   * @throws UnreadableSessionError where no name stands before one
   */
  readonly startOfValue: (position: number) => number;
}

/**
 * The session whose names stand there in this form, or what is wanted of it. Slots of references are numbered across all
 * variables, and a name given twice keeps its first place and its last value, as in PHP.
 * @throws UnreadableSessionError
 */
export function decodeVariables(
  bytes: Uint8Array,
  wanted: Wanted | undefined,
  form: NameForm,
  budget?: Budget,
): PhpSession {
  beginText(bytes);
  beginBuild(bytes.length, wanted, budget);
  const variables = new Map<Bytes, PhpValue>();
  for (let position = 0; position < bytes.length; ) {
    const valueStart = form.startOfValue(position);
    const start = position + form.bytesBefore;
    const end = valueStart - form.bytesBehind;
    const found = wanted && wantedAt(wanted, input, start, end);
    if (wanted !== undefined && found === undefined) position = checkValue(valueStart, 0);
    else {
      const name = found?.name ?? textAt(start, end - start);
      position = planValue(valueStart, found?.inside, 0, variables, name);
    }
  }
  buildPlanned(form.startOfValue);
  return { variables };
}

/** Whether a value can begin here, by its first two bytes. */
export function isValueStart(bytes: Uint8Array, position: number): boolean {
  const type = bytes[position] as number;
  return types.has(type) && bytes[position + 1] === (type === upperN ? semicolon : colon);
}

const types: ReadonlySet<number> = new Set(Buffer.from("NbidsaOCERr"));

/** Whether this can be a byte of a name without a further look: a letter, a digit or a sign of ASCII. */
export function isPlain(byte: number): boolean {
  return byte >= space && byte < del;
}

export const space = 0x20;
const del = 0x7f;

/** Throws UnreadableSessionError for a name that is no text. */
export function checkName(start: number, end: number): void {
  const name = input.subarray(start, end);
  if (!isUtf8(name) || name.some((byte) => byte < space || byte === del)) {
    throw new UnreadableSessionError("binary-name", start);
  }
}
