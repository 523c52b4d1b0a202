// Sessions on nodes of memcached or Redis: which nodes are asked, in which order, and for how long. How a node is asked
// is its client's: memcached/plain.ts, memcached/tls.ts or redis/redis-client.ts.
//
// Where there are further copies, the next one is asked when a node does not answer. A node that answers "not here"
// has answered, as it has for PHP: libmemcached goes on only past nodes that it cannot reach (get.cc,
// replication_binary_mget()), and pecl-memcache up to 8.0 takes a miss for an empty session. 8.2 would go on there,
// yet writes all copies again with the next page that it serves. So a session that was lost, or ended while another
// of its nodes was away, is never found again here before PHP has found it.

import {
  type SessionStore,
  type StoredValue,
  type StoredValues,
  StoreError,
} from "../inspector/session-store.ts";
import { shorterOf, within } from "./deadline.ts";
import type { Node, Placement } from "./placement/placement.ts";
import type { KeyOf } from "./session-key.ts";
import { connectionClosed } from "./socket-faults.ts";

/** In bytes: a longer key was never stored. */
const maxMemcachedKeyBytes = 250;

/** A connection to one node, opened when it is first asked. It cannot be used again after a failed call or end(). */
export interface NodeClient {
  /** Whether it cannot be used again: the node may have closed it while it was idle. It is not asked then. */
  readonly isOver: boolean;
  /**
   * Returns the value of each key, null where there is none: one write, however many keys. May never settle.
   * @throws StoreError where the node or the way to it failed; any other error is a fault of ours
   */
  getEach(keys: readonly string[]): Promise<(StoredValue | null)[]>;
  /** Ends the connection, and fails at once, with this error, whatever waits on it. */
  end(reason: Error): void;
}

export interface NodeStoreOptions {
  readonly nodes: readonly Node[];
  readonly connect: (node: Node) => NodeClient;
  /** Of sessions on these nodes. */
  readonly placement: Placement;
  readonly keyOf: KeyOf;
  /** The longest key that can have been stored: memcached's own limit unless given. */
  readonly maxKeyBytes?: number;
  /** For one getData or getMany in all, in milliseconds. */
  readonly timeoutMs: number;
  /** A clock that never goes back, in milliseconds. */
  readonly nowMs: () => number;
}

interface Lookup {
  readonly sessionId: string;
  readonly key: string;
  /** The nodes that have a copy, as indices, in the order in which they are asked. */
  readonly holders: readonly number[];
}

/** What was found so far, and why there is no more. */
interface Found {
  readonly stored: Map<string, StoredValue | null>;
  readonly faults: StoreError[];
}

/**
 * Every get has a deadline of its own, and after any error the client is thrown away. A node is asked twice: the
 * first get after a restart of the node, or after this process was frozen for a while, finds its connection dead.
 */
export class NodeStore implements SessionStore {
  readonly #options: NodeStoreOptions;
  readonly #clients = new Map<Node, NodeClient>();
  #isClosed = false;

  constructor(options: NodeStoreOptions) {
    this.#options = options;
  }

  // A login asks for one session: it needs none of the lists by which many are shared out among the nodes.
  async getData(sessionId: string): Promise<StoredValue | null> {
    const lookup = this.#lookupOf(sessionId);
    if (lookup === undefined) return null;
    const found: Found = { stored: new Map(), faults: [] };
    await this.#findOn(lookup.holders[0] as number, [lookup], 0, this.#endsAtMs(), found);
    const stored = found.stored.get(sessionId);
    if (stored === undefined) throw found.faults[0];
    return stored;
  }

  async getMany(sessionIds: readonly string[], limitMs?: number): Promise<StoredValues> {
    const found: Found = { stored: new Map(), faults: [] };
    const lookups: Lookup[] = [];
    for (const sessionId of new Set(sessionIds)) {
      const lookup = this.#lookupOf(sessionId);
      if (lookup === undefined) found.stored.set(sessionId, null);
      else lookups.push(lookup);
    }
    await this.#find(lookups, 0, this.#endsAtMs(limitMs), found);
    return found;
  }

  close(): void {
    this.#isClosed = true;
    for (const [node, client] of this.#clients) this.#discard(node, client, connectionClosed());
  }

  #endsAtMs(limitMs?: number): number {
    return this.#options.nowMs() + shorterOf(this.#options, limitMs);
  }

  /** Returns nothing for a session whose key is longer than any that can have been stored. */
  #lookupOf(sessionId: string): Lookup | undefined {
    const { keyOf, maxKeyBytes = maxMemcachedKeyBytes, placement } = this.#options;
    const key = keyOf(sessionId);
    if (Buffer.byteLength(key) > maxKeyBytes) return undefined;
    return { sessionId, key, holders: placement(sessionId, key) };
  }

  /** Asks the nodes that hold this copy, 0 for the first. */
  async #find(lookups: readonly Lookup[], copy: number, endsAtMs: number, found: Found): Promise<void> {
    const groups = [...groupByHolder(lookups, copy)];
    await Promise.all(groups.map(([index, ofNode]) => this.#findOn(index, ofNode, copy, endsAtMs, found)));
  }

  /** Asks the node that holds this copy of all these; where it fails, those of the next copy. */
  async #findOn(
    index: number,
    lookups: readonly Lookup[],
    copy: number,
    endsAtMs: number,
    found: Found,
  ): Promise<void> {
    const copiesLeft = Math.min(...lookups.map(({ holders }) => holders.length)) - copy;
    // A node that hangs must leave the nodes after it their share of the time.
    const withinMs = (endsAtMs - this.#options.nowMs()) / copiesLeft;
    const keys = lookups.map(({ key }) => key);
    try {
      const values = await this.#getTwice(this.#options.nodes[index] as Node, keys, withinMs);
      for (const [i, { sessionId }] of lookups.entries()) found.stored.set(sessionId, values[i] ?? null);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (copiesLeft === 1) found.faults.push(error);
      else await this.#find(lookups, copy + 1, endsAtMs, found);
    }
  }

  async #getTwice(node: Node, keys: readonly string[], withinMs: number): Promise<(StoredValue | null)[]> {
    const { nowMs } = this.#options;
    const endsAtMs = nowMs() + withinMs;
    try {
      return await this.#get(node, keys, withinMs / 2);
    } catch (error) {
      if (!(error instanceof StoreError) || this.#isClosed) throw error;
      return await this.#get(node, keys, endsAtMs - nowMs());
    }
  }

  async #get(node: Node, keys: readonly string[], withinMs: number): Promise<(StoredValue | null)[]> {
    const client = this.#clientOf(node);
    try {
      return await within(withinMs, client.getEach(keys));
    } catch (error) {
      this.#discard(node, client, error as Error);
      throw error;
    }
  }

  #clientOf(node: Node): NodeClient {
    const known = this.#clients.get(node);
    if (known !== undefined && !known.isOver) return known;
    const client = this.#options.connect(node);
    this.#clients.set(node, client);
    return client;
  }

  /** Whatever else waits on this client fails at once, for the same reason, so that it too goes to a new one. */
  #discard(node: Node, client: NodeClient, reason: Error): void {
    if (this.#clients.get(node) === client) this.#clients.delete(node);
    client.end(reason);
  }
}

/** Returns the lookups of each node that holds this copy of them, by the node's index. */
function groupByHolder(lookups: readonly Lookup[], copy: number): ReadonlyMap<number, readonly Lookup[]> {
  const groups = new Map<number, Lookup[]>();
  for (const lookup of lookups) {
    const index = lookup.holders[copy] as number;
    const group = groups.get(index);
    if (group === undefined) groups.set(index, [lookup]);
    else group.push(lookup);
  }
  return groups;
}
