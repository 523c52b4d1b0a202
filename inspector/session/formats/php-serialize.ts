// session.serialize_handler=php_serialize: the whole session as one array, as serialize() writes it.

import { type Bytes, PhpArray, type PhpSession, type PhpValue } from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import type { Wanted } from "../wanted.ts";
import { refuseForeign } from "./foreign.ts";
import { beginText } from "./text.ts";
import { beginBuild, buildPlanned, planSession } from "./text-build.ts";

/**
 * The session that PHP's `php_serialize` handler wrote as these bytes; no bytes are an empty session: so is a
 * new one stored until its first request ends. Variables named by an int are kept, as in PHP.
 * @throws UnreadableSessionError unless every byte belongs to a session that PHP writes; PHP itself also takes
 * bytes behind the array
 * Source: PS_SERIALIZER_DECODE_FUNC(php_serialize) in php-src ext/session/session.c.
 */
export function decodePhpSerialize(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  refuseForeign(bytes, "serialized");
  const variables = new Map<Bytes, PhpValue>();
  if (bytes.length === 0) return { variables };
  beginText(bytes);
  beginBuild(bytes.length, wanted);
  const array = new PhpArray();
  const behind = planSession(array, wanted);
  if (behind < bytes.length) throw new UnreadableSessionError("malformed", behind);
  buildPlanned((position) => position);
  for (const [key, value] of array.entries) variables.set(String(key), value);
  return { variables };
}
