// The bytes of a session in a binary format, taken from the front: the handlers igbinary and msgpack are built
// on it. Numbers are big-endian in both.

import { maxDepth, maxValues } from "../limits.ts";
import { type Bytes, latin1 } from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";

/** Where a decoder is in the session. */
export interface BinaryReader {
  readonly bytes: Uint8Array;
  /** The same, one char a byte, once it is needed: strings are slices of it, not copies made one by one. */
  text: Bytes | undefined;
  position: number;
  depth: number;
  values: number;
}

/** How many bytes a length, a count, an index or an integer takes, short of eight. */
export type Width = 1 | 2 | 4;

/** All bytes, one char a byte. */
export function textOf(reader: BinaryReader): Bytes {
  reader.text ??= latin1(reader.bytes);
  return reader.text;
}

/** For numbers of eight bytes, floats and what is signed. */
export function viewOf({ bytes }: BinaryReader): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The place of the next `length` bytes, and leaves the position behind them. Throws UnreadableSessionError. */
export function skip(reader: BinaryReader, length: number): number {
  const start = reader.position;
  const end = reader.bytes.length;
  if (length > end - start) throw new UnreadableSessionError("truncated", end);
  reader.position = start + length;
  return start;
}

export function readByte(reader: BinaryReader): number {
  return reader.bytes[skip(reader, 1)] as number;
}

/**
 * Neither format's writer takes more bytes for a number than it needs: a number below `least` would have had a
 * shorter form, and is refused.
 */
export function readUnsigned(reader: BinaryReader, width: Width, least: number): number {
  const start = skip(reader, width);
  let number = 0;
  for (let place = start; place < start + width; place++) {
    number = number * 256 + (reader.bytes[place] as number);
  }
  if (number < least) throw new UnreadableSessionError("malformed", start);
  return number;
}

export function readFloat64(reader: BinaryReader): number {
  return viewOf(reader).getFloat64(skip(reader, 8));
}

export function readBytes(reader: BinaryReader, length: number): Bytes {
  const start = skip(reader, length);
  return textOf(reader).slice(start, start + length);
}

/** One value more. Throws UnreadableSessionError. */
export function countValue(reader: BinaryReader): void {
  reader.values++;
  if (reader.values > maxValues) throw new UnreadableSessionError("too-many-values", reader.position);
}

/**
 * Goes one level deeper, into `count` items of at least `minItemBytes` each. What goes in must come out by
 * `reader.depth--`.
 */
export function enter(reader: BinaryReader, count: number, minItemBytes: number): void {
  if (count * minItemBytes > reader.bytes.length - reader.position) {
    throw new UnreadableSessionError("truncated", reader.bytes.length);
  }
  reader.depth++;
  if (reader.depth > maxDepth) throw new UnreadableSessionError("too-deep", reader.position);
}
