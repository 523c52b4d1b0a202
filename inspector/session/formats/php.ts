// session.serialize_handler=php, PHP's default: `name|value` for each variable, with nothing between or
// around them.

import type { Bytes, PhpSession, PhpValue } from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import { readWanted, type Wanted } from "../wanted.ts";
import { openWanted, readVariable } from "./text-wanted.ts";

/**
 * The session that PHP's `php` handler wrote as these bytes; no bytes are an empty session. Slots of
 * references are numbered across all variables, and a name given twice keeps its first place and its last
 * value, as in PHP.
 * @throws UnreadableSessionError unless every byte belongs to a session that PHP writes and reads
 * Source: PS_SERIALIZER_DECODE_FUNC(php) in php-src ext/session/session.c.
 */
export function decodePhp(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  return readWanted(bytes, wanted, readVariables);
}

const bar = 0x7c;

function readVariables(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  const reader = openWanted(bytes, wanted);
  const variables = new Map<Bytes, PhpValue>();
  while (reader.position < bytes.length) {
    const start = reader.position;
    let end = start;
    while (end < bytes.length && bytes[end] !== bar) end++;
    if (end === bytes.length) throw new UnreadableSessionError("truncated", end);
    reader.position = end + 1;
    readVariable(reader, variables, start, end, wanted);
  }
  return { variables };
}
