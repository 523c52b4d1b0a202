// session.serialize_handler=php_binary: for each variable a byte that says how long its name is, the name, and
// the value as text.
//
//   session  = { variable } ;
//   variable = length { byte } value ;   (* length: 0 to 127, one byte; value: see text-values.ts *)

import type { Bytes, PhpSession, PhpValue } from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import { readWanted, type Wanted } from "../wanted.ts";
import { openWanted, readVariable } from "./text-wanted.ts";

/** PHP drops variables with longer names. It ignores the bit above when it reads, and never writes it. */
const maxNameBytes = 127;

/**
 * The session that PHP's `php_binary` handler wrote as these bytes; no bytes are an empty session. Slots of
 * references are numbered across all variables, and a name given twice keeps its first place and its last
 * value, as in PHP.
 * @throws UnreadableSessionError unless every byte belongs to a session that PHP writes and reads
 * Source: PS_SERIALIZER_DECODE_FUNC(php_binary) in php-src ext/session/session.c.
 */
export function decodePhpBinary(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  return readWanted(bytes, wanted, readVariables);
}

function readVariables(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  const reader = openWanted(bytes, wanted);
  const variables = new Map<Bytes, PhpValue>();
  while (reader.position < bytes.length) {
    const length = bytes[reader.position] as number;
    if (length > maxNameBytes) throw new UnreadableSessionError("malformed", reader.position);
    const start = reader.position + 1;
    // The name must be followed by a value.
    if (start + length >= bytes.length) throw new UnreadableSessionError("truncated", bytes.length);
    reader.position = start + length;
    readVariable(reader, variables, start, start + length, wanted);
  }
  return { variables };
}
