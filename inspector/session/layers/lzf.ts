// LZF, as liblzf writes it: decompression alone.
//
//   stream    = { literals / match }
//   literals  = %x00-1F 1*32OCTET        ; n: n+1 bytes follow, and are copied
//   match     = first [ length ] low     ; first: bits 7-5 the length less 2 (7: `length` is added), bits 4-0 the
//                                        ; high bits of the distance less 1, whose low bits are `low`
//
// A match copies bytes that were written at this distance, and may run into what it writes itself. The stream does not
// say how long its content is.
//
// Source: liblzf 3.6, lzf_d.c.

import { copyMatch } from "./copy-match.ts";
import { badCompression, checkMadeBytes } from "./made-bytes.ts";

const maxLiterals = 32;
const longMatch = 7;

/**
 * The content of a stream.
 * @throws UnreadableSessionError `bad-compression` unless it is whole, and for more content than it may make
 */
export function decompressLzf(stream: Uint8Array): Uint8Array {
  const output = new Uint8Array(lengthOf(stream));
  let from = 0;
  let to = 0;
  while (from < stream.length) {
    const first = stream[from++] as number;
    if (first < maxLiterals) {
      const end = from + first + 1;
      output.set(stream.subarray(from, end), to);
      to += first + 1;
      from = end;
      continue;
    }
    let size = (first >> 5) + 2;
    if (first >> 5 === longMatch) size += stream[from++] as number;
    const start = to - (((first & 31) << 8) | (stream[from++] as number)) - 1;
    if (start < 0) throw badCompression();
    to = copyMatch(output, start, to, size);
  }
  return output;
}

/** Checks that every instruction is whole, so that the content is made once and at its size. */
function lengthOf(stream: Uint8Array): number {
  let length = 0;
  let from = 0;
  while (from < stream.length) {
    const first = stream[from++] as number;
    if (first < maxLiterals) {
      from += first + 1;
      length += first + 1;
    } else {
      length += (first >> 5) + 2;
      if (first >> 5 === longMatch) length += stream[from++] ?? 0;
      from++;
    }
  }
  if (from !== stream.length) throw badCompression();
  checkMadeBytes(stream.length, length);
  return length;
}
