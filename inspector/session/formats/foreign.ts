// What the bytes of a session look like where they are another format's: compressed or wrapped by something that nobody
// told us of. Stretches of a compressed session stay as they are, so its user could write a session into it that a
// text format reads.
//
//   gzip        1f 8b
//   zlib        78 ( 01 | 5e | 9c | da )
//   zstd        28 b5 2f fd
//   lz4         crc8 of the length, the length in 4 bytes (little endian), an LZ4 block: phpredis' own header
//   magento     ":" ( "gz" | "lz" | "l4" | "sn" | "zs" ) ":"    (* Cm_RedisSession *)
//   igbinary    00 00 00 ( 01 | 02 )
//   msgpack     a map, a list or a text that fits the bytes
//   serialized  ( "a" | "s" | "O" | "C" ) ":" digit { digit } ":" ( '"' | "{" )
//
// None of them is the beginning of a session that PHP writes as text for names in UTF-8 without control bytes, but for
// two: `x^` can begin a name, so it counts only before a stream that zlib can undo; and a msgpack text of 128 to 191
// bytes begins as a letter of two bytes does, so its length must be that of all that follows. LZF has no mark of its
// own, and begins with a control byte.
//
// Source: RFC 1950, 1952 and 8878; phpredis 6 library.c (crc8, REDIS_LZ4_HDR_SIZE); php-redis-session-abstract
// Handler.php (_decodeData); igbinary and msgpack: see igbinary.ts, msgpack.ts.

import { maxSessionBytes } from "../limits.ts";
import { type UnreadableCode, UnreadableSessionError } from "../unreadable.ts";
import { colon } from "./text-bytes.ts";

/** A format that is told by its beginning, where it is the one to be read. */
export type OwnMark = "igbinary" | "msgpack" | "serialized";

/**
 * Returns if nothing says that these bytes are another format's than `own`.
 * @throws UnreadableSessionError `looks-like-...`
 */
export function refuseForeign(bytes: Uint8Array, own?: OwnMark): void {
  const code = foreignFormat(bytes, own);
  if (code !== undefined) throw new UnreadableSessionError(code, 0);
}

function foreignFormat(bytes: Uint8Array, own: OwnMark | undefined): UnreadableCode | undefined {
  if (isLz4(bytes)) return "looks-like-lz4";
  if (own !== "serialized" && bytes[1] === colon && isSerialized(bytes)) return "looks-like-serialized";
  switch (bytes[0]) {
    case 0x1f:
      return bytes[1] === 0x8b ? "looks-like-gzip" : undefined;
    case 0x28:
      return bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd ? "looks-like-zstd" : undefined;
    case 0x78:
      return isZlib(bytes) ? "looks-like-zlib" : undefined;
    case 0x3a:
      return isMagento(bytes) ? "looks-like-magento" : undefined;
    case 0x00:
      return own !== "igbinary" && isIgbinary(bytes) ? "looks-like-igbinary" : undefined;
    default:
      return own !== "msgpack" && isMsgpack(bytes) ? "looks-like-msgpack" : undefined;
  }
}

const longestHead = 16;

function isSerialized(bytes: Uint8Array): boolean {
  return /^[asOC]:\d+:["{]/.test(String.fromCharCode(...bytes.subarray(0, longestHead)));
}

/** A byte of LZ4 can stand for so many at most. */
const maxLz4Ratio = 255;
const lz4HeaderBytes = 5;

/** A length that so few bytes can stand for has a small fifth byte, which no text has. */
function isLz4(bytes: Uint8Array): boolean {
  const highest = bytes[4];
  if (highest === undefined || highest >= (maxSessionBytes * maxLz4Ratio) >>> 24) return false;
  const length = new DataView(bytes.buffer, bytes.byteOffset, lz4HeaderBytes).getUint32(1, true);
  const isPossible = length > 0 && length <= (bytes.length - lz4HeaderBytes) * maxLz4Ratio;
  return isPossible && crc8(bytes.subarray(1, lz4HeaderBytes)) === bytes[0];
}

function crc8(bytes: Uint8Array): number {
  let crc = 0xff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x80) === 0 ? crc << 1 : ((crc << 1) ^ 0x31) & 0xff;
  }
  return crc;
}

function isZlib(bytes: Uint8Array): boolean {
  const flags = bytes[1];
  if (flags === 0x01 || flags === 0x9c || flags === 0xda) return true;
  if (flags !== 0x5e) return false;
  // Loaded for this alone, as it takes milliseconds. Node.js has this from 20.16 on.
  const zlib = process.getBuiltinModule?.("node:zlib");
  if (zlib === undefined) return true;
  try {
    zlib.inflateSync(bytes, { maxOutputLength: maxSessionBytes });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
  }
}

const magentoMarks: ReadonlySet<string> = new Set([":gz:", ":lz:", ":l4:", ":sn:", ":zs:"]);

function isMagento(bytes: Uint8Array): boolean {
  return magentoMarks.has(String.fromCharCode(...bytes.subarray(0, 4)));
}

function isIgbinary(bytes: Uint8Array): boolean {
  return bytes[1] === 0 && bytes[2] === 0 && (bytes[3] === 1 || bytes[3] === 2);
}

function isMsgpack(bytes: Uint8Array): boolean {
  const type = bytes[0] ?? 0;
  if (type < 0x80) return false;
  if (type < 0xa0) return true;
  if (type < 0xc0) return bytes.length === 1 + type - 0xa0;
  const width = msgpackWidths.get(type);
  if (width === undefined || bytes.length <= width) return false;
  const size = Buffer.from(bytes.subarray(1, 1 + width)).readUIntBE(0, width);
  const rest = bytes.length - 1 - width;
  return type <= 0xdb ? size === rest : size <= rest;
}

/** How many bytes the size takes, by the types of texts, lists and maps. */
const msgpackWidths: ReadonlyMap<number, number> = new Map([
  [0xd9, 1],
  [0xda, 2],
  [0xdb, 4],
  [0xdc, 2],
  [0xdd, 4],
  [0xde, 2],
  [0xdf, 4],
]);
