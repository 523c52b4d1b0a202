// Sessions on nodes of memcached or Redis: which nodes are asked, in which order, and for how long. How a node is asked
// is its client's: memcached-plain.ts, memcached-tls.ts or redis.ts.
//
// Where there are further copies, the next one is asked when a node does not answer. A node that answers "not here"
// has answered, as it has for PHP: libmemcached goes on only past nodes that it cannot reach (get.cc,
// replication_binary_mget()), and pecl-memcache up to 8.0 takes a miss for an empty session. 8.2 would go on there,
// yet writes all copies anew with the next page that it serves. So a session that was lost, or ended while another
// of its nodes was away, is never found again here before PHP has found it.

import { type SessionStore, type StoredValue, StoreError } from "../inspector/session-store.ts";
import { within } from "./deadline.ts";
import type { Node, Placement } from "./placement/placement.ts";

/** In bytes: what is longer was never stored. */
const maxMemcachedKeyBytes = 250;

/** A connection to one node, made when it is first asked. It is of no more use once a call failed or end() was called. */
export interface NodeClient {
  /**
   * Gives the value of each key, null where there is none: one write, however many keys. May never settle, and throws
   * what it likes, StoreError where it knows the fault.
   */
  getEach(keys: readonly string[]): Promise<(StoredValue | null)[]>;
  /** Ends the connection, and fails at once whatever waits on it. */
  end(): void;
}

export interface NodeStoreOptions {
  readonly nodes: readonly Node[];
  readonly connect: (node: Node) => NodeClient;
  /** Of sessions on these nodes. */
  readonly placement: Placement;
  readonly keyPrefix: string;
  /** The longest key that can have been stored: memcached's own limit unless given. */
  readonly maxKeyBytes?: number;
  /** For one getData or getMany in all, in milliseconds. */
  readonly timeoutMs: number;
}

interface Lookup {
  readonly sessionId: string;
  readonly key: string;
  /** The nodes that have a copy, as indices, in the order in which they are asked. */
  readonly holders: readonly number[];
}

type Found = Map<string, StoredValue | null>;

/**
 * Every get has a deadline of its own, and after any error the client is thrown away. A node is asked twice: the
 * first get after a restart of the node, or after this process was frozen for a while, finds its connection dead.
 */
export class NodeStore implements SessionStore {
  readonly #nodes: readonly Node[];
  readonly #keyPrefix: string;
  readonly #maxKeyBytes: number;
  readonly #timeoutMs: number;
  readonly #placement: Placement;
  readonly #connect: (node: Node) => NodeClient;
  readonly #clients = new Map<Node, NodeClient>();

  constructor(options: NodeStoreOptions) {
    this.#nodes = options.nodes;
    this.#connect = options.connect;
    this.#placement = options.placement;
    this.#keyPrefix = options.keyPrefix;
    this.#maxKeyBytes = options.maxKeyBytes ?? maxMemcachedKeyBytes;
    this.#timeoutMs = options.timeoutMs;
  }

  // A login asks for one session: it needs none of the lists by which many are shared out among the nodes.
  async getData(sessionId: string): Promise<StoredValue | null> {
    const lookup = this.#lookupOf(sessionId);
    if (lookup === undefined) return null;
    const found: Found = new Map();
    await this.#findOn(lookup.holders[0] as number, [lookup], 0, performance.now() + this.#timeoutMs, found);
    return found.get(sessionId) ?? null;
  }

  async getMany(sessionIds: readonly string[]): Promise<ReadonlyMap<string, StoredValue | null>> {
    const found: Found = new Map();
    const lookups: Lookup[] = [];
    for (const sessionId of new Set(sessionIds)) {
      const lookup = this.#lookupOf(sessionId);
      if (lookup === undefined) found.set(sessionId, null);
      else lookups.push(lookup);
    }
    await this.#find(lookups, 0, performance.now() + this.#timeoutMs, found);
    return found;
  }

  close(): void {
    for (const [node, client] of this.#clients) this.#discard(node, client);
  }

  /** Gives nothing for a session whose key is longer than any that can have been stored. */
  #lookupOf(sessionId: string): Lookup | undefined {
    const key = this.#keyPrefix + sessionId;
    if (Buffer.byteLength(key) > this.#maxKeyBytes) return undefined;
    return { sessionId, key, holders: this.#placement(sessionId, key) };
  }

  /** Asks the nodes that hold this copy, 0 for the first. */
  async #find(lookups: readonly Lookup[], copy: number, endsAt: number, found: Found): Promise<void> {
    const groups = [...groupByHolder(lookups, copy)];
    await Promise.all(groups.map(([index, ofNode]) => this.#findOn(index, ofNode, copy, endsAt, found)));
  }

  /** Asks the node that holds this copy of all these; where it fails, those of the next copy. */
  async #findOn(
    index: number,
    lookups: readonly Lookup[],
    copy: number,
    endsAt: number,
    found: Found,
  ): Promise<void> {
    const copiesLeft = Math.min(...lookups.map(({ holders }) => holders.length)) - copy;
    // A node that hangs leaves to those behind it their share of the time.
    const withinMs = (endsAt - performance.now()) / copiesLeft;
    const keys = lookups.map(({ key }) => key);
    try {
      const values = await this.#getTwice(this.#nodes[index] as Node, keys, withinMs);
      for (const [i, { sessionId }] of lookups.entries()) found.set(sessionId, values[i] ?? null);
    } catch (fault) {
      if (copiesLeft === 1) throw fault;
      await this.#find(lookups, copy + 1, endsAt, found);
    }
  }

  async #getTwice(node: Node, keys: readonly string[], withinMs: number): Promise<(StoredValue | null)[]> {
    const endsAt = performance.now() + withinMs;
    try {
      return await this.#get(node, keys, withinMs / 2);
    } catch {
      return await this.#get(node, keys, endsAt - performance.now());
    }
  }

  async #get(node: Node, keys: readonly string[], withinMs: number): Promise<(StoredValue | null)[]> {
    const client = this.#clientOf(node);
    try {
      return await within(withinMs, client.getEach(keys));
    } catch (error) {
      this.#discard(node, client);
      throw error instanceof StoreError ? error : new StoreError("store-unreachable");
    }
  }

  #clientOf(node: Node): NodeClient {
    let client = this.#clients.get(node);
    if (client === undefined) {
      client = this.#connect(node);
      this.#clients.set(node, client);
    }
    return client;
  }

  /** Whatever else waits on this client fails at once, so that it too goes to a new one. */
  #discard(node: Node, client: NodeClient): void {
    if (this.#clients.get(node) === client) this.#clients.delete(node);
    client.end();
  }
}

/** Gives the lookups of each node that holds this copy of them, by the node's index. */
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
