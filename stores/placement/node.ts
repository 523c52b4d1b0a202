// One node of memcached or Redis, as the operator wrote it next to PHP's own list of nodes.

export interface Node {
  /** A name or an address; an IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
  /** 1 where the operator wrote none. */
  readonly weight: number;
}

/** Returns the first node of a text: of a session id, of a key, or of a key with something after it. */
export type FirstNode = (text: string) => number;

/** Returns the host as PHP's lists of nodes have it, and as their points are labelled: IPv6 in brackets. */
export function writtenHost({ host }: Node): string {
  return host.includes(":") ? `[${host}]` : host;
}
