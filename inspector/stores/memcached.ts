// Sessions in memcached: one get, of the node that PHP asks.
//
// Where there are further copies, the next one is asked when a node does not answer. A node that answers "not here"
// has answered, as it has for PHP: libmemcached goes on only past nodes that it cannot reach (get.cc,
// replication_binary_mget()), and pecl-memcache up to 8.0 takes a miss for an empty session. 8.2 would go on there,
// yet writes all copies anew with the next page that it serves. So a session that was lost, or ended while another
// of its nodes was away, is never found again here before PHP has found it.

import { Client, Server } from "memjs";
import type { Node, Placement } from "../placement.ts";
import { type SessionStore, type StoredValue, StoreError } from "../session-store.ts";
import { within } from "./deadline.ts";

/** memcached's own limit for a key, in bytes: what is longer was never stored. */
const maxKeyBytes = 250;

export interface MemcachedStoreOptions {
  readonly nodes: readonly Node[];
  /** Of sessions on these nodes. */
  readonly placement: Placement;
  readonly keyPrefix: string;
  /** For one getData in all, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * memjs may leave a promise unsettled, and a client that saw a stall or half an answer never recovers. So every
 * get has a deadline of its own, and after any error the client is thrown away. A node is asked twice: the first
 * get after a restart of the node, or after this process was frozen for a while, finds its connection dead.
 */
export class MemcachedStore implements SessionStore {
  readonly #nodes: readonly Node[];
  readonly #keyPrefix: string;
  readonly #timeoutMs: number;
  readonly #placement: Placement;
  readonly #clients = new Map<Node, Client>();

  constructor({ nodes, placement, keyPrefix, timeoutMs }: MemcachedStoreOptions) {
    this.#nodes = nodes;
    this.#placement = placement;
    this.#keyPrefix = keyPrefix;
    this.#timeoutMs = timeoutMs;
  }

  async getData(sessionId: string): Promise<StoredValue | null> {
    const key = this.#keyPrefix + sessionId;
    if (Buffer.byteLength(key) > maxKeyBytes) return null;
    const holders = this.#placement(sessionId, key).map((index) => this.#nodes[index] as Node);
    const endsAt = performance.now() + this.#timeoutMs;
    let fault: unknown;
    for (const [i, node] of holders.entries()) {
      try {
        // A node that hangs leaves to those behind it their share of the time.
        return await this.#getTwice(node, key, (endsAt - performance.now()) / (holders.length - i));
      } catch (error) {
        fault = error;
      }
    }
    throw fault;
  }

  close(): void {
    for (const [node, client] of this.#clients) this.#discard(node, client);
  }

  async #getTwice(node: Node, key: string, withinMs: number): Promise<StoredValue | null> {
    const endsAt = performance.now() + withinMs;
    try {
      return await this.#get(node, key, withinMs / 2);
    } catch {
      return await this.#get(node, key, endsAt - performance.now());
    }
  }

  async #get(node: Node, key: string, withinMs: number): Promise<StoredValue | null> {
    const client = this.#clientOf(node);
    try {
      const { value, flags } = await within(withinMs, client.get(key));
      return value && { bytes: value, flags: flags?.readUInt32BE() ?? 0 };
    } catch (error) {
      this.#discard(node, client);
      throw error instanceof StoreError ? error : new StoreError("store-unreachable");
    }
  }

  #clientOf(node: Node): Client {
    let client = this.#clients.get(node);
    if (client === undefined) {
      // memjs's own time-outs are set past ours, its own tries and its log are turned off.
      const timeout = (2 * this.#timeoutMs) / 1000;
      const server = new Server(node.host, node.port, "", "", { timeout, conntimeout: timeout });
      client = new Client([server], { retries: 1, logger: { log() {} } });
      this.#clients.set(node, client);
    }
    return client;
  }

  /** Ends the connection and fails at once whatever else waits on it, so that this too goes to a new client. */
  #discard(node: Node, client: Client): void {
    if (this.#clients.get(node) === client) this.#clients.delete(node);
    for (const server of client.servers) server.error(new StoreError("store-unreachable"));
  }
}
