// The bytes of a session in a binary format, taken from the front: the handlers igbinary and msgpack are built
// on it. Numbers are big-endian in both.

import { maxDepth, maxSessionBytes, maxValues } from "./limits.ts";
import type { Bytes } from "./model.ts";
import { UnreadableSessionError } from "./unreadable.ts";

/** Where a decoder is in the session. Made by `openBinary`. */
export interface BinaryReader {
  /** The whole session, one char a byte: strings are slices of it, not copies made one by one. */
  readonly text: Bytes;
  readonly view: DataView;
  position: number;
  depth: number;
  values: number;
}

/** How many bytes a length, a count, an index or an integer takes, short of eight. */
export type Width = 1 | 2 | 4;

/**
 * A reader at the start of the bytes.
 * @throws UnreadableSessionError if there are more than `maxSessionBytes`
 */
export function openBinary(bytes: Uint8Array): BinaryReader {
  if (bytes.length > maxSessionBytes) throw new UnreadableSessionError("too-large", maxSessionBytes);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { text, view, position: 0, depth: 0, values: 0 };
}

/** The place of the next `length` bytes, and leaves the position behind them. Throws UnreadableSessionError. */
export function skip(reader: BinaryReader, length: number): number {
  const start = reader.position;
  if (length > reader.text.length - start) throw new UnreadableSessionError("truncated", reader.text.length);
  reader.position = start + length;
  return start;
}

export function readByte(reader: BinaryReader): number {
  return reader.view.getUint8(skip(reader, 1));
}

/**
 * Neither format's writer takes more bytes for a number than it needs: a number below `least` would have had a
 * shorter form, and is refused.
 */
export function readUnsigned(reader: BinaryReader, width: Width, least: number): number {
  const start = skip(reader, width);
  const number =
    width === 1
      ? reader.view.getUint8(start)
      : width === 2
        ? reader.view.getUint16(start)
        : reader.view.getUint32(start);
  if (number < least) throw new UnreadableSessionError("malformed", start);
  return number;
}

export function readFloat64(reader: BinaryReader): number {
  return reader.view.getFloat64(skip(reader, 8));
}

export function readBytes(reader: BinaryReader, length: number): Bytes {
  const start = skip(reader, length);
  return reader.text.slice(start, start + length);
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
  if (count * minItemBytes > reader.text.length - reader.position) {
    throw new UnreadableSessionError("truncated", reader.text.length);
  }
  reader.depth++;
  if (reader.depth > maxDepth) throw new UnreadableSessionError("too-deep", reader.position);
}
