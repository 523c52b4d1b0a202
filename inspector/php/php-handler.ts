// session.serialize_handler=php, PHP's default: `name|value` for each variable, with nothing between or
// around them.

import type { IsWanted, PhpSession, PhpValue } from "./model.ts";
import { readValue, readWanted, skipValue, type TextReader } from "./text-values.ts";
import { UnreadableSessionError } from "./unreadable.ts";

/**
 * The session that PHP's `php` handler wrote as these bytes; no bytes are an empty session. Slots of
 * references are numbered across all variables, and a name given twice keeps its first place and its last
 * value, as in PHP.
 * @throws UnreadableSessionError unless every byte belongs to a session that PHP writes and reads
 * Source: PS_SERIALIZER_DECODE_FUNC(php) in php-src ext/session/session.c.
 */
export function decodePhp(bytes: Uint8Array, isWanted?: IsWanted): PhpSession {
  return readWanted(bytes, isWanted, readVariables);
}

function readVariables(reader: TextReader, isWanted?: IsWanted): PhpSession {
  const variables = new Map<string, PhpValue>();
  while (reader.position < reader.text.length) {
    const separator = reader.text.indexOf("|", reader.position);
    if (separator < 0) throw new UnreadableSessionError("truncated", reader.text.length);
    const name = reader.text.slice(reader.position, separator);
    reader.position = separator + 1;
    if (isWanted === undefined || isWanted(name)) variables.set(name, readValue(reader));
    else skipValue(reader);
  }
  return { variables };
}
