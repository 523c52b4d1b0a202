// A ring of points, which consistent hashing places keys by.

export interface Point {
  readonly value: number;
  readonly node: number;
}

/** Gives the points in their order on the ring. */
export function sortPoints(points: readonly Point[]): readonly Point[] {
  return [...points].sort((a, b) => a.value - b.value || a.node - b.node);
}

/** Gives the node of the first point at or behind this hash, or of the first of all: the ring is closed. */
export function nodeBehind(points: readonly Point[], hash: number): number {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((points[middle]?.value ?? 0) < hash) low = middle + 1;
    else high = middle;
  }
  return (points[low] ?? points[0])?.node ?? 0;
}
