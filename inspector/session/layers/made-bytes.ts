// How much decompression may make of a few bytes. Users can put into their sessions what compresses best, and anybody
// who can write to the store can put there anything at all.

import { maxSessionBytes, maxWrappedBytes } from "../limits.ts";
import { UnreadableSessionError } from "../unreadable.ts";

/** Real sessions compress to a third or a tenth; long runs of one byte to less, which small ones may. */
const maxRatio = 256;
const alwaysAllowedBytes = 65_536;

/** The most that this many compressed bytes may become. */
export function maxBytesFrom(compressedBytes: number): number {
  return Math.min(maxSessionBytes, Math.max(alwaysAllowedBytes, maxRatio * compressedBytes));
}

/** @throws UnreadableSessionError if this many compressed bytes may not become as many as that. */
export function checkMadeBytes(compressedBytes: number, madeBytes: number): void {
  if (madeBytes > maxSessionBytes) throw new UnreadableSessionError("too-large", maxSessionBytes);
  if (madeBytes > maxBytesFrom(compressedBytes)) throw tooMuchFrom(compressedBytes);
}

/** The error for what would become more than `maxBytesFrom` allows. */
export function tooMuchFrom(compressedBytes: number): UnreadableSessionError {
  const allowed = maxBytesFrom(compressedBytes);
  return new UnreadableSessionError(allowed === maxSessionBytes ? "too-large" : "too-compressed", allowed);
}

/** @throws UnreadableSessionError `too-large` for more than a session takes with all that stands around it */
export function checkWrappedBytes({ length }: Uint8Array): void {
  if (length > maxWrappedBytes) throw new UnreadableSessionError("too-large", maxWrappedBytes);
}

export function badCompression(): UnreadableSessionError {
  return new UnreadableSessionError("bad-compression", 0);
}
