// The hashes that PHP's memcached clients place keys by: from a text's bytes to unsigned 32-bit numbers.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

export type Hash = (text: string) => number;

/** Jenkins' one-at-a-time, libmemcached's default. */
export function oneAtATime(text: string): number {
  let hash = 0;
  for (const byte of Buffer.from(text)) {
    hash = (hash + byte) | 0;
    hash = (hash + (hash << 10)) | 0;
    hash ^= hash >>> 6;
  }
  hash = (hash + (hash << 3)) | 0;
  hash ^= hash >>> 11;
  hash = (hash + (hash << 15)) | 0;
  return hash >>> 0;
}

/** The four little-endian words of MD5. Few placements need it, and node:crypto takes long to load: it is loaded here. */
export function md5Words(text: string): readonly [number, number, number, number] {
  const { createHash }: typeof import("node:crypto") = require("node:crypto");
  const digest = createHash("md5").update(text).digest();
  return [digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8), digest.readUInt32LE(12)];
}

/** libmemcached's MD5 of a key: the first of its words. */
export function md5(text: string): number {
  return md5Words(text)[0];
}

const crc32Table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  return rest;
});

/** CRC-32 as zlib and PHP have it. */
export function crc32(text: string): number {
  let hash = ~0;
  for (const byte of Buffer.from(text)) {
    hash = (crc32Table[(hash ^ byte) & 0xff] ?? 0) ^ (hash >>> 8);
  }
  return ~hash >>> 0;
}

/** FNV-1a of 32 bits. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
