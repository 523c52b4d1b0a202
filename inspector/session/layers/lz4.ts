// An LZ4 block, and the two headers that PHP's clients put before it.
//
//   phpredis  = crc8 length block        ; crc8 (polynomial %x31, from %xFF) of the four bytes of `length`
//   pecl-lz4  = length block             ; length: the content's, four bytes, little endian
//   block     = { literals match } literals
//   literals  = token { more } *OCTET    ; token: bits 7-4 how many (15: `more` is added)
//   match     = offset { more }          ; bits 3-0 of the same token: the length less 4 (15: `more` is added)
//
// `more` goes on while its bytes are 255. A match copies what was written `offset` (two bytes, little endian) bytes
// ago, and may run into what it writes itself. The last five bytes of a block are literals.
//
// Source: lz4 1.9 doc/lz4_Block_format.md, lib/lz4.c LZ4_decompress_safe(); phpredis library.c, redis_compress(); pecl
// lz4 lz4.c, php_lz4_compress().

import { copyMatch } from "./copy-match.ts";
import { badCompression, checkMadeBytes } from "./made-bytes.ts";

const crcBytes = 1;
const lengthBytes = 4;
const minMatch = 4;
const lastLiterals = 5;
/** LZ4_decompress_safe() takes literals that end as near to an end as these for the last ones. */
const nearEndOfContent = 12;
const nearEndOfBlock = 8;

/** The content of what phpredis compressed. Throws UnreadableSessionError. */
export function decompressPhpredisLz4(bytes: Uint8Array): Uint8Array {
  if (
    bytes.length < crcBytes + lengthBytes ||
    bytes[0] !== crc8(bytes.subarray(crcBytes, crcBytes + lengthBytes))
  ) {
    throw badCompression();
  }
  return decompressSized(bytes.subarray(crcBytes));
}

/** The content of what lz4_compress() of pecl's lz4 made. Throws UnreadableSessionError. */
export function decompressPeclLz4(bytes: Uint8Array): Uint8Array {
  if (bytes.length < lengthBytes) throw badCompression();
  return decompressSized(bytes);
}

function decompressSized(bytes: Uint8Array): Uint8Array {
  const length = new DataView(bytes.buffer, bytes.byteOffset, lengthBytes).getUint32(0, true);
  checkMadeBytes(bytes.length, length);
  const content = decompressLz4Block(bytes.subarray(lengthBytes), length);
  if (content === undefined) throw badCompression();
  return content;
}

/**
 * Returns the `length` bytes that this block holds, or undefined if it holds more or fewer, or is no block. Takes time
 * linear in the block and `length`, and reads and writes nothing outside of them.
 */
function decompressLz4Block(block: Uint8Array, length: number): Uint8Array | undefined {
  const output = new Uint8Array(length);
  let from = 0;
  let to = 0;

  /** Returns a length of which the token has this much; NaN past the block's end: every check below fails on that. */
  const withMore = (inToken: number) => {
    let size = inToken;
    if (inToken === 15) {
      let more: number;
      do {
        more = block[from++] ?? Number.NaN;
        size += more;
      } while (more === 255);
    }
    return size;
  };

  for (;;) {
    const token = block[from++];
    if (token === undefined) return undefined;
    const literals = withMore(token >> 4);
    // Written so that NaN fails, too.
    if (!(from + literals <= block.length && to + literals <= length)) return undefined;
    output.set(block.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    if (from === block.length) return to === length ? output : undefined;
    if (from > block.length - nearEndOfBlock || to > length - nearEndOfContent) return undefined;
    const offset = (block[from] as number) | ((block[from + 1] as number) << 8);
    if (offset === 0 || offset > to) return undefined;
    from += 2;
    const size = withMore(token & 15) + minMatch;
    if (!(to + size <= length - lastLiterals)) return undefined;
    to = copyMatch(output, to - offset, to, size);
  }
}

function crc8(bytes: Uint8Array): number {
  let crc = 0xff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80 ? ((crc << 1) ^ 0x31) & 0xff : (crc << 1) & 0xff;
  }
  return crc;
}
