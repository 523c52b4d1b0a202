// What every session store does: give what PHP stored for one session id.

import type { StoreFault } from "./verdict.ts";

/** A value as it lies in the store; stored-value.ts gives the session in it. */
export interface StoredValue {
  readonly bytes: Uint8Array;
  /** What memcached keeps beside each value for its clients; 0 in a store that knows no flags. */
  readonly flags: number;
}

export interface SessionStore {
  /**
   * Gives the stored value of the session, or null where there is none. The caller has checked the session id
   * (session-id.ts). Settles within the store's own time limit. Throws StoreError, and nothing else.
   */
  getData(sessionId: string): Promise<StoredValue | null>;
  /**
   * Gives the same for many sessions, each looked up once: an entry for every id asked, null where there is no such
   * session. All or nothing: throws StoreError where it cannot tell of one of them. One time limit over all.
   */
  getMany(sessionIds: readonly string[]): Promise<ReadonlyMap<string, StoredValue | null>>;
  /** Ends connections and timers. */
  close(): void;
}

/**
 * Says more of a fault: a code of the system's or of the store's own protocol, or one of the words of this list. Never
 * a text that a server chose.
 */
export type StoreDetail =
  /** Such as ECONNREFUSED, ENOTFOUND, CERT_HAS_EXPIRED or WRONGTYPE. */
  | Uppercase<string>
  | "others can write to the directory: add ?uid=N to SESSION_STORE, N being the uid that PHP runs as";

/** The store could not say whether there is such a session. The message names the store's trouble, never a key. */
export class StoreError extends Error {
  readonly fault: StoreFault;
  readonly detail: StoreDetail | undefined;

  /** @param cause is for a debugger alone: it is never logged, as it can hold a key */
  constructor(fault: StoreFault, { detail, cause }: { detail?: StoreDetail; cause?: unknown } = {}) {
    super(fault, cause === undefined ? undefined : { cause });
    this.name = "StoreError";
    this.fault = fault;
    this.detail = detail;
  }
}
