// session.serialize_handler=php_serialize: the whole session as one array, as serialize() writes it.

import type { IsWanted, PhpSession, PhpValue } from "./model.ts";
import { readSessionArray, readWanted, type TextReader } from "./text-values.ts";
import { UnreadableSessionError } from "./unreadable.ts";

/**
 * The session that PHP's `php_serialize` handler wrote as these bytes; no bytes are an empty session: so is a
 * new one stored until its first request ends. Variables named by an int are kept, as in PHP.
 * @throws UnreadableSessionError unless every byte belongs to a session that PHP writes; PHP itself also takes
 * bytes behind the array
 * Source: PS_SERIALIZER_DECODE_FUNC(php_serialize) in php-src ext/session/session.c.
 */
export function decodePhpSerialize(bytes: Uint8Array, isWanted?: IsWanted): PhpSession {
  return readWanted(bytes, isWanted, readSession);
}

function readSession(reader: TextReader, isWanted?: IsWanted): PhpSession {
  const variables = new Map<string, PhpValue>();
  if (reader.text === "") return { variables };
  const session = readSessionArray(reader, isWanted);
  if (reader.position < reader.text.length) throw new UnreadableSessionError("malformed", reader.position);
  for (const [key, value] of session.entries) variables.set(String(key), value);
  return { variables };
}
