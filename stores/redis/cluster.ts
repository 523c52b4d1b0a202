// Which servers of a Redis Cluster may be asked: a server that says "MOVED" must not be able to send the site's password
// and its users' session ids wherever it likes.

import { isIP } from "node:net";
import type { Node } from "../placement/placement.ts";

const hostName = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/**
 * Returns whether a cluster of these servers may name this host: one of theirs, or one of the domain that one of their
 * names lies in. A domain has two labels at least: "cache.internal" and "cache" stand for themselves alone.
 */
export function isOfCluster(host: string, configured: readonly Node[]): boolean {
  const named = host.toLowerCase();
  return configured.some((node) => {
    const name = node.host.toLowerCase();
    if (name === named) return true;
    if (isIP(name) !== 0 || !hostName.test(named)) return false;
    const [, ...domain] = name.split(".");
    return domain.length >= 2 && named.endsWith(`.${domain.join(".")}`);
  });
}
