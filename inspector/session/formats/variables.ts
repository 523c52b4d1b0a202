// What the handlers php and php_binary share: a session is its variables, one behind the other, each a name and a value
// as text. They differ in how a name stands there.
//
// The names are the site's, so they are text in UTF-8. One that is not shows that the bytes are not what they are taken
// for: LZF begins with a control byte. And the first name shows the sessions of another text handler, whose users'
// texts could be read as variables: in it stands the beginning of their first value.

// biome-ignore lint/correctness/noNodejsModules: a pure function of bytes, which JavaScript itself lacks
import { isUtf8 } from "node:buffer";
import type { Bytes, PhpSession, PhpValue } from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import { readWanted, type Wanted } from "../wanted.ts";
import { colon, semicolon, upperN } from "./text-bytes.ts";
import { openWanted, readVariable } from "./text-wanted.ts";

/** Where a name and the value behind it stand in a session. */
interface Name {
  readonly start: number;
  readonly end: number;
  readonly valueStart: number;
}

/**
 * Returns the name that begins at this position, which is before the end of the bytes.
 * @throws UnreadableSessionError where none does
 */
export type NameAt = (bytes: Uint8Array, position: number) => Name;

/** The session whose names are found by `nameAt`. Throws UnreadableSessionError. */
export function decodeVariables(bytes: Uint8Array, wanted: Wanted | undefined, nameAt: NameAt): PhpSession {
  return readWanted(bytes, wanted, (all, some) => readVariables(all, some, nameAt));
}

/** Whether a value can begin here, by its first two bytes. */
export function isValueStart(bytes: Uint8Array, position: number): boolean {
  const type = bytes[position] as number;
  return types.has(type) && bytes[position + 1] === (type === upperN ? semicolon : colon);
}

const types: ReadonlySet<number> = new Set(Buffer.from("NbidsaOCERr"));

function readVariables(bytes: Uint8Array, wanted: Wanted | undefined, nameAt: NameAt): PhpSession {
  const reader = openWanted(bytes, wanted);
  const variables = new Map<Bytes, PhpValue>();
  while (reader.position < bytes.length) {
    const { start, end, valueStart } = nameAt(bytes, reader.position);
    checkName(bytes, start, end);
    reader.position = valueStart;
    readVariable(reader, variables, start, end, wanted);
  }
  return { variables };
}

const space = 0x20;
const del = 0x7f;

function checkName(bytes: Uint8Array, start: number, end: number): void {
  let isAscii = true;
  for (let place = start; place < end; place++) {
    const byte = bytes[place] as number;
    if (byte < space || byte === del) throw new UnreadableSessionError("binary-name", start);
    if (byte > del) isAscii = false;
  }
  if (!isAscii && !isUtf8(bytes.subarray(start, end))) throw new UnreadableSessionError("binary-name", start);
}
