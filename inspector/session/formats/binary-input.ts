// What igbinary.ts and msgpack.ts share: the bytes that both of them go over, and numbers in these. Both formats write
// numbers big-endian, and each in as few bytes as it fits into.

import { maxSessionBytes, maxSteps } from "../limits.ts";
import type { Bytes } from "../model.ts";
import { type UnreadableCode, UnreadableSessionError } from "../unreadable.ts";

/** A number of a type, and a number of 8 bytes behind it, can reach so far beyond the end. */
const slackBytes = 32;

/**
 * A copy of the session. No look at a byte asks first whether it is there: behind the session stands a byte that
 * neither format allows anywhere, and who jumps over a text compares with the end. One for all sessions, as none is
 * begun while another is read.
 */
export const session = Buffer.alloc(maxSessionBytes + slackBytes);
export const view = new DataView(session.buffer, session.byteOffset, session.length);

let end = 0;
let steps = 0;

/** Begins with these bytes. Throws UnreadableSessionError. */
export function load(bytes: Uint8Array, byteBehind: number): void {
  if (bytes.length > maxSessionBytes) throw new UnreadableSessionError("too-large", maxSessionBytes);
  session.set(bytes);
  end = bytes.length;
  session[end] = byteBehind;
  steps = 0;
}

/**
 * To be called before a loop over so many bytes that can be met again and again: two bytes can stand for a long text.
 * Throws UnreadableSessionError.
 */
export function spend(count: number): void {
  steps += count;
  if (steps > maxSteps) throw new UnreadableSessionError("too-costly", end);
}

/** Behind a text of this length. Throws UnreadableSessionError. */
export function behindText(start: number, length: number): number {
  if (length > end - start) throw malformed(end);
  return start + length;
}

/** What stands there does not belong there. */
export function malformed(position: number): UnreadableSessionError {
  return fail("malformed", position);
}

/** Whatever is behind the end of the session is missing and nothing else. */
export function fail(code: UnreadableCode, position: number): UnreadableSessionError {
  return position < end
    ? new UnreadableSessionError(code, position)
    : new UnreadableSessionError("truncated", end);
}

/** A length, a count or an index in 1, 2 or 4 bytes. Throws UnreadableSessionError for 2^31 and more. */
export function sizeIn(position: number, width: number): number {
  if (width === 1) return session[position] as number;
  const size = width === 2 ? view.getUint16(position) : view.getInt32(position);
  if (size < 0) throw malformed(end);
  return size;
}

/** Shorter texts are made here sooner than by Node, which is in C++. */
const longText = 13;

/** One char a byte. */
export function textAt(start: number, length: number): Bytes {
  if (length >= longText) return session.toString("latin1", start, start + length);
  const bytes = session;
  const char = String.fromCharCode;
  let text = "";
  let place = start;
  for (; place + 4 <= start + length; place += 4) {
    text += char(
      bytes[place] as number,
      bytes[place + 1] as number,
      bytes[place + 2] as number,
      bytes[place + 3] as number,
    );
  }
  for (; place < start + length; place++) text += char(bytes[place] as number);
  return text;
}
