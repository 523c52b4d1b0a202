// What LZF, LZ4 and FastLZ have in common: a match copies what was written before, and may run into what it writes.

/** Below this many bytes a loop is faster. */
const longMatch = 32;

/** Copies `size` bytes from `start` to `to`, which lies after it, and returns where they end. All lie in `output`. */
export function copyMatch(output: Uint8Array, start: number, to: number, size: number): number {
  if (size >= longMatch && to - start >= size) output.copyWithin(to, start, start + size);
  else for (let i = 0; i < size; i++) output[to + i] = output[start + i] as number;
  return to + size;
}
