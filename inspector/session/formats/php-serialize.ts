// session.serialize_handler=php_serialize: the whole session as one array, as serialize() writes it.

import type { Bytes, PhpSession, PhpValue } from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import { readWanted, type Wanted } from "../wanted.ts";
import { refuseForeign } from "./foreign.ts";
import { readSessionArray } from "./text-values.ts";
import { openWanted, readWantedArray } from "./text-wanted.ts";

/**
 * The session that PHP's `php_serialize` handler wrote as these bytes; no bytes are an empty session: so is a
 * new one stored until its first request ends. Variables named by an int are kept, as in PHP.
 * @throws UnreadableSessionError unless every byte belongs to a session that PHP writes; PHP itself also takes
 * bytes behind the array
 * Source: PS_SERIALIZER_DECODE_FUNC(php_serialize) in php-src ext/session/session.c.
 */
export function decodePhpSerialize(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  refuseForeign(bytes, "serialized");
  return readWanted(bytes, wanted, readSession);
}

function readSession(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  const variables = new Map<Bytes, PhpValue>();
  if (bytes.length === 0) return { variables };
  const reader = openWanted(bytes, wanted);
  const { entries } = wanted === undefined ? readSessionArray(reader) : readWantedArray(reader, wanted);
  if (reader.position < bytes.length) throw new UnreadableSessionError("malformed", reader.position);
  for (const [key, value] of entries) variables.set(String(key), value);
  return { variables };
}
