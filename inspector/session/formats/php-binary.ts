// session.serialize_handler=php_binary: for each variable a byte that says how long its name is, the name, and
// the value as text.
//
//   session  = { variable } ;
//   variable = length { byte } value ;   (* length: 0 to 127, one byte; value: see text.ts *)

import type { PhpSession } from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import type { Wanted } from "../wanted.ts";
import { refuseForeign } from "./foreign.ts";
import { input, sessionEnd } from "./text.ts";
import { checkName, decodeVariables, isPlain, isValueStart, type NameForm, space } from "./variables.ts";

/**
 * The session that PHP's `php_binary` handler wrote as these bytes; no bytes are an empty session. Slots of
 * references are numbered across all variables, and a name given twice keeps its first place and its last
 * value, as in PHP.
 * @throws UnreadableSessionError unless every byte belongs to a session that PHP writes and reads
 * Source: PS_SERIALIZER_DECODE_FUNC(php_binary) in php-src ext/session/session.c.
 */
export function decodePhpBinary(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  refuseForeign(bytes);
  if (isBarred(bytes)) throw new UnreadableSessionError("looks-like-php", 0);
  return decodeVariables(bytes, wanted, form);
}

/** PHP drops variables with longer names. It ignores the bit above when it reads, and never writes it. */
const maxNameBytes = 127;

function startOfValue(position: number): number {
  const length = input[position] as number;
  if (length > maxNameBytes) throw new UnreadableSessionError("malformed", position);
  const start = position + 1;
  const end = start + length;
  // The name must be followed by a value.
  if (end >= sessionEnd()) throw new UnreadableSessionError("truncated", sessionEnd());
  let plain = start;
  while (plain < end && isPlain(input[plain] as number)) plain++;
  if (plain < end) checkName(start, end);
  return end;
}

const form: NameForm = { bytesBefore: 1, bytesBehind: 0, startOfValue };

const bar = 0x7c;

/** Whether the first name is that of `php`: a bar ends it, and a value follows. */
function isBarred(bytes: Uint8Array): boolean {
  const length = bytes[0] as number;
  if (length < space) return false;
  const end = bytes.subarray(0, 1 + length).indexOf(bar);
  return end >= 0 && isValueStart(bytes, end + 1);
}
