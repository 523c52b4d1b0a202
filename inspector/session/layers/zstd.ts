// Zstandard frames as PHP's clients write them: ZSTD_compress() says in the frame's header how long the content is.
// phpredis takes no other frame.
//
//   frame  = %x28.B5.2F.FD descriptor [ window ] [ dictionary ] [ content-size ] blocks
//   descriptor: bits 7-6 the size of content-size (0, 2, 4 or 8 bytes; 1 instead of 0 with bit 5), bit 5 no window,
//   bits 1-0 the size of dictionary (0, 1, 2 or 4 bytes)
//
// Source: RFC 8878, 3.1.1; phpredis library.c, redis_uncompress().

import { UnreadableSessionError } from "../unreadable.ts";
import { type Decompress, decompress, zlib } from "./deflated.ts";
import { badCompression, checkMadeBytes } from "./made-bytes.ts";

const magic = 0xfd2fb528;

/**
 * The content of one frame.
 * @throws UnreadableSessionError, `zstd-unsupported` if this Node.js is older than 22.15
 */
export function decompressZstd(bytes: Uint8Array): Uint8Array {
  const length = contentSize(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  checkMadeBytes(bytes.length, length);
  const { zstdDecompressSync } = zlib() as { readonly zstdDecompressSync?: Decompress };
  if (zstdDecompressSync === undefined) throw new UnreadableSessionError("zstd-unsupported", 0);
  const original = decompress(zstdDecompressSync, bytes);
  if (original.length !== length) throw badCompression();
  return original;
}

function contentSize(bytes: Buffer): number {
  try {
    if (bytes.readUInt32LE(0) !== magic) throw badCompression();
    const descriptor = bytes.readUInt8(4);
    const isSingleSegment = (descriptor & 0x20) !== 0;
    const at = 5 + (isSingleSegment ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] as number);
    switch (descriptor >> 6) {
      case 0:
        if (!isSingleSegment) throw badCompression();
        return bytes.readUInt8(at);
      case 1:
        return bytes.readUInt16LE(at) + 256;
      case 2:
        return bytes.readUInt32LE(at);
      default:
        return Number(bytes.readBigUInt64LE(at));
    }
  } catch {
    throw badCompression();
  }
}
