// A ring of points, which consistent hashing places keys by.

export interface Point {
  readonly value: number;
  readonly node: number;
}

/** Returns the points in their order on the ring. */
export function sortPoints(points: readonly Point[]): readonly Point[] {
  return [...points].sort((a, b) => a.value - b.value || a.node - b.node);
}

/** Returns the node of the first point at or after this hash; after the last point the ring begins again. */
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
