// What zlib's compressions hold: PHP's gzencode(), gzcompress() and gzdeflate(), and what memcached's clients compress.
// PHP ignores bytes after the end of a stream; here they make it unreadable.

// biome-ignore lint/correctness/noNodejsModules: for node:zlib below
import { createRequire } from "node:module";
import type * as Zlib from "node:zlib";
import { badCompression, maxBytesFrom, tooMuchFrom } from "./made-bytes.ts";

/** node:zlib takes milliseconds to load, and most sites' sessions are not compressed: it is loaded when one is. */
const require = createRequire(import.meta.url);
// biome-ignore lint/correctness/noNodejsModules: pure functions of bytes, which JavaScript itself lacks
export const zlib = (): typeof Zlib => require("node:zlib");

/** The bytes of a zlib stream (RFC 1950). Throws UnreadableSessionError. */
export function inflateZlib(bytes: Uint8Array): Uint8Array {
  return decompress(zlib().inflateSync, bytes);
}

/** The bytes of a raw deflate stream (RFC 1951). Throws UnreadableSessionError. */
export function inflateRaw(bytes: Uint8Array): Uint8Array {
  return decompress(zlib().inflateRawSync, bytes);
}

const lengthBytes = 4;

/** The bytes of a gzip file (RFC 1952) of one member: of several, PHP reads the first. Throws UnreadableSessionError. */
export function inflateGzip(bytes: Uint8Array): Uint8Array {
  const original = decompress(zlib().gunzipSync, bytes);
  const length = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32LE(
    bytes.length - lengthBytes,
  );
  if (length !== original.length) throw badCompression();
  return original;
}

/** A function of node:zlib. */
export type Decompress = (bytes: Uint8Array, options: Zlib.ZlibOptions) => Uint8Array;

/** What such a function returns with `info`, which its types lack. */
interface Decompressed {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

/** The whole input's original. A few bytes can stand for gigabytes: no more is made than they may become. */
export function decompress(by: Decompress, bytes: Uint8Array): Uint8Array {
  let made: Decompressed;
  try {
    const options = { maxOutputLength: maxBytesFrom(bytes.length), info: true };
    made = by(bytes, options) as unknown as Decompressed;
  } catch (error) {
    const isTooLarge = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    throw isTooLarge ? tooMuchFrom(bytes.length) : badCompression();
  }
  if (made.engine.bytesWritten !== bytes.length) throw badCompression();
  return made.buffer;
}
