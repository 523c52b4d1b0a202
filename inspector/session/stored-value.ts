// A value as PHP's memcached clients store it -> the bytes of the session.
//
// PHP's own save handlers store the session as it is, flags 0, but for pecl-memcache's above 20000 bytes.
// Frameworks keep the session, one string to them, through a client class, and the class compresses.
//
//   \Memcached (php-memcached)                  flags, 32 bits
//     0-3    type                               0 string, 1 long, 2 double, 3 bool, 4 serialized,
//                                               5 igbinary, 6 json, 7 msgpack
//     4      compressed                         then the value is: the original's length as four bytes, little
//                                               endian; payload
//     5-7    by zlib (5), FastLZ (6), Zstandard (7)
//     8-15   none                               16-31: the application's own, see below
//
//   \Memcache and its save handler (pecl-memcache)
//     0      serialized
//     1      compressed: a zlib stream and nothing else
//     8-10   type: 0x100 bool, 0x300 long, 0x700 double
//
// The flags do not say which client set them, and need not: a session is a string. \Memcached gives every
// string type 0, whatever its serializer, and so sets 0, 0x30, 0x50 or 0x90 and nothing else; pecl-memcache
// sets 0 or 2. No number of one set has another meaning in the other. So what a flag means is looked up in a
// table, not guessed, and all other flags are refused: among them those of values that are no strings
// (\Memcached's type 7, pecl's numbers and booleans). The bytes of such a value must never reach the handler of a session: its
// content would be read by the grammar of another format, and a user chooses parts of it.
//
// Two kinds of what a client serialized are read:
//  - some clients set type 4 and a serialized STRING: it was serialized a second time. That alone is undone;
//  - a framework that keeps the session as an array (MediaWiki) leaves its serializing to the client: these are the
//    bytes of the handler php_serialize (type 4; pecl's flag 1, which is that of MediaWiki's own client, too) or
//    igbinary (type 5), if the operator says that it is this one.
//
// Source: php-memcached 3 php_memcached.c (MEMC_VAL_*, s_compress_value, s_uncompress_value); pecl-memcache 8
// src/memcache_pool.h (MMC_SERIALIZED, MMC_COMPRESSED), memcache_pool.c (mmc_compress).

import type { StoredValue } from "../session-store.ts";
import { unwrapString } from "./formats/serialized.ts";
import { inflateZlib } from "./layers/deflated.ts";
import { decompressFastLz } from "./layers/fastlz.ts";
import { badCompression, checkMadeBytes, checkWrappedBytes } from "./layers/made-bytes.ts";
import { decompressZstd } from "./layers/zstd.ts";
import { UnreadableSessionError } from "./unreadable.ts";

const typeMask = 0x0f;
const serialized = 4;
const igbinary = 5;
const applicationMask = 0xffff0000;
const peclSerialized = 1;
const peclCompressed = 2;
const lengthBytes = 4;
const letterA = 0x61;

/** From the flags without their type: what returns the original of this payload, which must have this length. */
const decompressors: ReadonlyMap<number, (payload: Uint8Array, length: number) => Uint8Array | undefined> =
  new Map([
    [0x30, inflateZlib],
    [0x50, decompressFastLz],
    [0x90, decompressZstd],
  ]);

/** The type of an array's flags whose bytes are those of this session.serialize_handler. */
const typesOfArrays: Readonly<Record<string, number>> = { php_serialize: serialized, igbinary };

/**
 * Returns what the client stored: the session's bytes, or what stands around them.
 * @param handler the site's serialize handler, where nothing stands around the session
 * @throws UnreadableSessionError for what the store doubts, for unknown flags, for a damaged value, and for a session above the limit,
 * which is not decompressed any further than that
 */
export function sessionBytesOf({ bytes, flags, unreadable }: StoredValue, handler?: string): Uint8Array {
  if (unreadable !== undefined) throw new UnreadableSessionError(unreadable, 0);
  if (flags === 0) return bytes;
  checkWrappedBytes(bytes);
  if (flags === peclCompressed) return inflateZlib(bytes);
  if (flags === peclSerialized) return arrayOf(serialized, bytes, handler);
  if (flags === peclSerialized + peclCompressed) return arrayOf(serialized, inflateZlib(bytes), handler);
  // Bits of the application's own say nothing of the bytes: a session handler sets none.
  if ((flags & applicationMask) !== 0) throw new UnreadableSessionError("unknown-flags", 0);
  const type = flags & typeMask;
  const compression = flags - type;
  const decompress = decompressors.get(compression);
  const isKnownType = type === 0 || type === serialized || type === igbinary;
  if (!isKnownType || (compression !== 0 && decompress === undefined)) {
    throw new UnreadableSessionError("unknown-flags", 0);
  }
  const value = decompress === undefined ? bytes : uncompressed(bytes, decompress);
  if (type === 0) return value;
  return type === serialized && value[0] !== letterA ? unwrapString(value) : arrayOf(type, value, handler);
}

function arrayOf(type: number, bytes: Uint8Array, handler: string | undefined): Uint8Array {
  if (handler === undefined || typesOfArrays[handler] !== type) {
    throw new UnreadableSessionError("array-of-client", 0);
  }
  return bytes;
}

function uncompressed(
  bytes: Uint8Array,
  decompress: (payload: Uint8Array, length: number) => Uint8Array | undefined,
): Uint8Array {
  if (bytes.length < lengthBytes) throw new UnreadableSessionError("truncated", bytes.length);
  const length = new DataView(bytes.buffer, bytes.byteOffset, lengthBytes).getUint32(0, true);
  const payload = bytes.subarray(lengthBytes);
  checkMadeBytes(payload.length, length);
  const original = decompress(payload, length);
  if (original?.length !== length) throw badCompression();
  return original;
}
