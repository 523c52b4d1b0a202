// What every session store does: give the bytes that PHP wrote for one session id.

export interface SessionStore {
  /**
   * Gives the bytes of the session, or null where there is none. The caller has checked the session id
   * (session-id.ts). Settles within the store's own time limit. Throws StoreError, and nothing else.
   */
  getData(sessionId: string): Promise<Uint8Array | null>;
  /** Ends connections and timers. */
  close(): void;
}

/** The store could not say whether there is such a session. The message names the store's trouble, never a key. */
export class StoreError extends Error {
  readonly fault: "store-unreachable" | "store-timeout";

  constructor(fault: "store-unreachable" | "store-timeout") {
    super(fault);
    this.name = "StoreError";
    this.fault = fault;
  }
}
