// One string, and nothing else, as igbinary_serialize() and msgpack_pack() write it: what phpredis does with a session
// that a framework hands it as a string, where its option `serializer` says so.
//
//   igbinary = %x00.00.00.01-02 ( %x0D / %x11 1OCTET / %x12 2OCTET / %x13 4OCTET ) *OCTET   ; %x0D: the empty one
//   msgpack  = ( %xA0-BF / %xD9 1OCTET / %xDA 2OCTET / %xDB 4OCTET ) *OCTET
//
// Lengths are big endian. Source: igbinary 3 src/php7/igbinary.c; the msgpack specification, "str format family".

import { UnreadableSessionError } from "../unreadable.ts";

const igbinaryHeaderBytes = 4;

/** The string's bytes. Throws UnreadableSessionError for any other value. */
export function unwrapIgbinaryString(bytes: Uint8Array): Uint8Array {
  const isHeader = bytes[0] === 0 && bytes[1] === 0 && bytes[2] === 0 && (bytes[3] === 1 || bytes[3] === 2);
  if (!isHeader) throw malformed(0);
  const type = bytes[igbinaryHeaderBytes];
  const body = bytes.subarray(igbinaryHeaderBytes + 1);
  if (type === 0x0d) return counted(body, 0, 0);
  if (type === 0x11) return counted(body, 1);
  if (type === 0x12) return counted(body, 2);
  if (type === 0x13) return counted(body, 4);
  throw malformed(igbinaryHeaderBytes);
}

/** The string's bytes. Throws UnreadableSessionError for any other value. */
export function unwrapMsgpackString(bytes: Uint8Array): Uint8Array {
  const type = bytes[0] ?? 0;
  const body = bytes.subarray(1);
  if (type >= 0xa0 && type <= 0xbf) return counted(body, 0, type & 0x1f);
  if (type === 0xd9) return counted(body, 1);
  if (type === 0xda) return counted(body, 2);
  if (type === 0xdb) return counted(body, 4);
  throw malformed(0);
}

/** Returns the text after its length, a number of this many bytes. Throws if the text is shorter or longer. */
function counted(body: Uint8Array, lengthBytes: 0 | 1 | 2 | 4, known = 0): Uint8Array {
  if (body.length < lengthBytes) throw new UnreadableSessionError("truncated", body.length);
  let length = known;
  for (const byte of body.subarray(0, lengthBytes)) length = length * 256 + byte;
  const text = body.subarray(lengthBytes);
  if (text.length !== length)
    throw new UnreadableSessionError(text.length < length ? "truncated" : "malformed", length);
  return text;
}

function malformed(offset: number): UnreadableSessionError {
  return new UnreadableSessionError("malformed", offset);
}
