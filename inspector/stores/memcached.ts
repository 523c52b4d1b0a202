// Sessions in memcached, as PHP's memcached save handler puts them: one get, of the node that holds the key.

import { Client, Server } from "memjs";
import { ketamaPlacement, type Node } from "../placement.ts";
import { type SessionStore, StoreError } from "../session-store.ts";
import { within } from "./deadline.ts";

/** memcached's own limit for a key, in bytes: what is longer was never stored. */
const maxKeyBytes = 250;

export interface MemcachedStoreOptions {
  /** Named and ordered as in PHP's session.save_path: placement depends on both. At least one. */
  readonly nodes: readonly Node[];
  readonly keyPrefix: string;
  /** For one getData in all, in milliseconds. */
  readonly timeoutMs: number;
}

/**
 * memjs may leave a promise unsettled, and a client that saw a stall or half an answer never recovers. So every
 * get has a deadline of its own, and after any error the client is thrown away. A get is tried twice: the first
 * one after a restart of the node, or after this process was frozen for a while, finds its connection dead.
 */
export class MemcachedStore implements SessionStore {
  readonly #nodes: readonly Node[];
  readonly #keyPrefix: string;
  readonly #timeoutMs: number;
  readonly #nodeIndexOf: (sessionId: string) => number;
  readonly #clients = new Map<Node, Client>();

  constructor({ nodes, keyPrefix, timeoutMs }: MemcachedStoreOptions) {
    this.#nodes = nodes;
    this.#keyPrefix = keyPrefix;
    this.#timeoutMs = timeoutMs;
    this.#nodeIndexOf = ketamaPlacement(nodes);
  }

  async getData(sessionId: string): Promise<Uint8Array | null> {
    const key = this.#keyPrefix + sessionId;
    if (Buffer.byteLength(key) > maxKeyBytes) return null;
    const node = this.#nodes[this.#nodeIndexOf(sessionId)] as Node;
    const endsAt = performance.now() + this.#timeoutMs;
    try {
      return await this.#get(node, key, this.#timeoutMs / 2);
    } catch {
      return await this.#get(node, key, endsAt - performance.now());
    }
  }

  close(): void {
    for (const [node, client] of this.#clients) this.#discard(node, client);
  }

  async #get(node: Node, key: string, withinMs: number): Promise<Uint8Array | null> {
    const client = this.#clientOf(node);
    try {
      return (await within(withinMs, client.get(key))).value;
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
