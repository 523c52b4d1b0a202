// What every session store does: it returns what PHP stored for a session id.

import type { StoreFault } from "./verdict.ts";

/** A value as it lies in the store; stored-value.ts finds the session in it. */
export interface StoredValue {
  readonly bytes: Uint8Array;
  /** What memcached keeps beside each value for its clients; 0 in a store that knows no flags. */
  readonly flags: number;
  /** Why these bytes may not be those that PHP wrote for this session. */
  readonly unreadable?: "uncertain-charset" | "several-rows";
}

/** What a store can tell of many sessions. */
export interface StoredValues {
  /** An entry for every session that the store can tell of: null where there is no such session. */
  readonly stored: ReadonlyMap<string, StoredValue | null>;
  /** Why sessions have no entry, in the order in which it was found out; empty where all have one. */
  readonly faults: readonly StoreError[];
}

export interface SessionStore {
  /**
   * Returns the stored value of the session, or null where there is none. The caller has checked the session id
   * (session-id.ts). Settles within the store's own time limit.
   * @throws StoreError where the store cannot tell; any other error is a fault of ours
   */
  getData(sessionId: string): Promise<StoredValue | null>;
  /**
   * Returns the same for many sessions, each looked up once: with one node of several away, the sessions of the others.
   * One time limit over all: the store's own, or `limitMs` milliseconds if that is less.
   */
  getMany(sessionIds: readonly string[], limitMs?: number): Promise<StoredValues>;
  /** Ends connections and timers. */
  close(): void;
}

/** What a store of an operator's own is made with: custom/NAME.ts. */
export interface OwnStoreOptions {
  /** What stands behind the "?" of SESSION_STORE. */
  readonly settings: Readonly<Record<string, string>>;
  /** Returns SESSION_STORE_PASSWORD, or undefined where it is not set. */
  readonly password: () => string | undefined;
  /** For one call in all, in milliseconds: what has not answered by then is not waited for. */
  readonly timeoutMs: number;
}

/** The bytes as they lie in the store, with memcached's flags where it has any; null where there is no such key. */
export type OwnStoreValue = Uint8Array | StoredValue | null;

/**
 * What a store of an operator's own does. Its key is the session id with SESSION_KEY_PREFIX before it, or what
 * SESSION_KEY makes of it. The signal is aborted when the time is over. Whatever it throws is a fault of the store's.
 */
export interface OwnStore {
  getData(key: string, signal: AbortSignal): Promise<OwnStoreValue>;
  /** Returns an entry for every key. Without it getData is called for each. */
  getMany?(keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, OwnStoreValue>>;
  /** Ends connections and timers. */
  close?(): void;
}

/** What custom/NAME.ts exports as its default. */
export type OwnStoreClass = new (options: OwnStoreOptions) => OwnStore;

/**
 * Says more of a fault: a code of the system's or of the store's own protocol, or one of the words of this list. Never
 * a text that a server chose.
 */
export type StoreDetail =
  /** The system's, TLS's and Redis' codes, such as ECONNREFUSED, ENOTFOUND, CERT_HAS_EXPIRED and WRONGTYPE. */
  | Uppercase<string>
  /** The server ended the connection before it had answered. */
  | "connection-closed"
  /** Not in the protocol that the store speaks, or not to this question. */
  | "bad-reply"
  /** The server has no TLS, or asks for the password without. */
  | "no-tls"
  /** The node has as many connections as it may have. */
  | "too-many-connections"
  /** A value far beyond the longest session. */
  | "value-too-long"
  /** Errors of memcached, DynamoDB and SQL servers. */
  | "authentication-required"
  | "unknown-command"
  | "out-of-memory"
  | "busy"
  | "throttled"
  | "access-denied"
  | "no-credentials"
  | "table-not-found"
  | "column-not-found"
  | "wrong-key"
  | "unknown-status"
  /** Why a cluster was not found: stores/elasticache.ts. */
  | "cluster-not-found"
  | "nodes-unknown"
  | "engine-unsupported"
  | "api-timeout"
  | "api-unreachable"
  | "api-error"
  /** The kind of an error that a store of the operator's own threw: stores/own-store.ts. */
  | `${string}Error`
  /** What such a store returned that is no answer. */
  | "not-bytes"
  | "key-left-out"
  /** What an operator has to change. */
  | "others can write to the directory: add ?uid=N to SESSION_STORE, N being the uid that PHP runs as"
  | "the server is one of a cluster: add ?cluster=true to SESSION_STORE"
  | "the cluster named a host that is not in SESSION_STORE, nor in the domain of one that is"
  | "the key is a hash: set SESSION_FIELD"
  | "the key is no hash: SESSION_FIELD must not be set"
  | "the column of expires= holds no time"
  | "the column of expires= holds times without a zone: add &zone= to SESSION_STORE"
  | "the column of lifetime= holds no seconds";

/** The store could not say whether there is such a session. The message names the store's trouble, never a key. */
export class StoreError extends Error {
  readonly fault: StoreFault;
  readonly detail: StoreDetail | undefined;

  /** @param options.cause is for a debugger alone: it is never logged, as it can hold a key */
  constructor(fault: StoreFault, options: { detail?: StoreDetail; cause?: unknown } = {}) {
    super(fault, "cause" in options ? { cause: options.cause } : undefined);
    this.name = "StoreError";
    this.fault = fault;
    this.detail = options.detail;
  }
}
