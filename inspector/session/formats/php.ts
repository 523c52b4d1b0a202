// session.serialize_handler=php, PHP's default: `name|value` for each variable, with nothing between or
// around them.

import type { PhpSession } from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import type { Wanted } from "../wanted.ts";
import { refuseForeign } from "./foreign.ts";
import { decodeVariables, isValueStart, type NameAt } from "./variables.ts";

/**
 * The session that PHP's `php` handler wrote as these bytes; no bytes are an empty session. Slots of
 * references are numbered across all variables, and a name given twice keeps its first place and its last
 * value, as in PHP.
 * @throws UnreadableSessionError unless every byte belongs to a session that PHP writes and reads
 * Source: PS_SERIALIZER_DECODE_FUNC(php) in php-src ext/session/session.c.
 */
export function decodePhp(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  refuseForeign(bytes);
  if (isCounted(bytes)) throw new UnreadableSessionError("looks-like-php_binary", 0);
  return decodeVariables(bytes, wanted, nameAt);
}

const bar = 0x7c;

const nameAt: NameAt = (bytes, start) => {
  let end = start;
  while (end < bytes.length && bytes[end] !== bar) end++;
  if (end === bytes.length) throw new UnreadableSessionError("truncated", end);
  return { start, end, valueStart: end + 1 };
};

const space = 0x20;

/** Whether the first name is php_binary's: a byte that says how long it is, which is a character, and a value. */
function isCounted(bytes: Uint8Array): boolean {
  const length = bytes[0] as number;
  const end = 1 + length;
  return length >= space && isValueStart(bytes, end) && !bytes.subarray(0, end).includes(bar);
}
