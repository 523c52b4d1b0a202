// Which of several memcached nodes holds a session: the placement of PHP's memcached save handler by default.
//
// libmemcached's MEMCACHED_DISTRIBUTION_CONSISTENT with its default hash, Jenkins' one-at-a-time, for points and
// keys alike: 100 points a node, OAAT("host:port-i") for i = 0 to 99, "host-i" where the port is 11211. Sorted by
// (point, node); a key belongs to the first point at or behind its own hash, or to the first of all. Node names
// are hashed as the operator wrote them, so they must stand here as they stand in PHP's session.save_path. The
// save handler hashes the session id alone, without the key's prefix. Weights play no part.
//
// Source: libmemcached 1.1 src/libmemcached/hosts.cc, update_continuum(); php-memcached 3 php_memcached_session.c.

export interface Node {
  readonly host: string;
  readonly port: number;
}

const pointsPerNode = 100;
const defaultPort = 11211;

/** Gives Jenkins' one-at-a-time hash of the text's bytes, as an unsigned 32-bit number. */
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

/** Gives a function from a session id to the index of its node. There must be one node at least. */
export function ketamaPlacement(nodes: readonly Node[]): (sessionId: string) => number {
  if (nodes.length === 1) return () => 0;
  const points = nodes.flatMap(({ host, port }, node) => {
    const label = port === defaultPort ? host : `${host}:${port}`;
    return Array.from({ length: pointsPerNode }, (_, i) => ({ value: oneAtATime(`${label}-${i}`), node }));
  });
  points.sort((a, b) => a.value - b.value || a.node - b.node);
  return (sessionId) => {
    const hash = oneAtATime(sessionId);
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((points[middle]?.value ?? 0) < hash) low = middle + 1;
      else high = middle;
    }
    return (points[low] ?? points[0])?.node ?? 0;
  };
}
