// session.serialize_handler=php, PHP's default: `name|value` for each variable, with nothing between or
// around them.

import type { Budget } from "../budget.ts";
import type { PhpSession } from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import type { Wanted } from "../wanted.ts";
import { refuseForeign } from "./foreign.ts";
import { input, sessionEnd } from "./text.ts";
import { checkName, decodeVariables, isPlain, isValueStart, type NameForm, space } from "./variables.ts";

/**
 * The session that PHP's `php` handler wrote as these bytes; no bytes are an empty session. Slots of
 * references are numbered across all variables, and a name given twice keeps its first place and its last
 * value, as in PHP.
 * @throws UnreadableSessionError unless every byte belongs to a session that PHP writes and reads
 * Source: PS_SERIALIZER_DECODE_FUNC(php) in php-src ext/session/session.c.
 */
export function decodePhp(bytes: Uint8Array, wanted?: Wanted, budget?: Budget): PhpSession {
  refuseForeign(bytes);
  if (isCounted(bytes)) throw new UnreadableSessionError("looks-like-php_binary", 0);
  return decodeVariables(bytes, wanted, form, budget);
}

const bar = 0x7c;

function startOfValue(start: number): number {
  let end = start;
  while (isPlain(input[end] as number) && input[end] !== bar) end++;
  if (input[end] === bar) return end + 1;
  const found = input.subarray(start, sessionEnd()).indexOf(bar);
  if (found < 0) throw new UnreadableSessionError("truncated", sessionEnd());
  checkName(start, start + found);
  return start + found + 1;
}

const form: NameForm = { bytesBefore: 0, bytesBehind: 1, startOfValue };

/** Whether the first name is php_binary's: a byte that says how long it is, which is a character, and a value. */
function isCounted(bytes: Uint8Array): boolean {
  const length = bytes[0] as number;
  const end = 1 + length;
  return length >= space && isValueStart(bytes, end) && !bytes.subarray(0, end).includes(bar);
}
