// Sessions in a store whose address has to be discovered, and may change. It is discovered once, then refreshed from
// time to time and after a failure. If a refresh fails, the old address stays.
//
// A process that is frozen between two calls, as Lambda's is, gets little of its work done in between. So calls start a
// refresh in the background. Two kinds of call wait for it: one that failed anyway, and one that finds the place stale,
// because a frozen process would never finish a background refresh.

import {
  type SessionStore,
  type StoredValue,
  type StoredValues,
  StoreError,
} from "../inspector/session-store.ts";

export interface DiscoveredStoreOptions<Place> {
  /**
   * Returns where the store is now: plain data. Ends with the signal, at once.
   * @throws StoreError "discovery-failed" where it cannot be found; any other error is a fault of ours
   */
  readonly find: (signal: AbortSignal) => Promise<Place>;
  /** Opens the store there. Is called once for each place that differs from the one before. */
  readonly open: (place: Place) => Promise<SessionStore>;
  readonly limits: DiscoveryLimits;
  readonly nowMs: () => number;
}

/** All in milliseconds. */
export interface DiscoveryLimits {
  /** For one refresh with all its attempts. A call may take this long beyond the time limit of the store. */
  readonly findTimeoutMs: number;
  /** A call starts a refresh where the last one is older than this. */
  readonly refreshAfterMs: number;
  /** The same for a call that failed. */
  readonly refreshAfterFailureMs: number;
  /** The call that starts a refresh waits for it where the place was last found longer ago than this. */
  readonly waitAfterMs: number;
}

interface Opened {
  /** The place as JSON, to compare. */
  readonly place: string;
  readonly store: SessionStore;
  calls: number;
  /** Another place was found since: it is closed by the last call that uses it. */
  isLeft: boolean;
}

/** A store that answers as the one that was found does, and with the fault "discovery-failed" while none was. */
export class DiscoveredStore<Place> implements SessionStore {
  readonly #options: DiscoveredStoreOptions<Place>;
  readonly #closed = new AbortController();
  #current: Opened | undefined;
  /** Why the last refresh found nothing. */
  #problem: unknown;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #foundAtMs = Number.NEGATIVE_INFINITY;
  #refreshing: Promise<void> | undefined;

  constructor(options: DiscoveredStoreOptions<Place>) {
    this.#options = options;
  }

  getData(sessionId: string): Promise<StoredValue | null> {
    return this.#ask(
      (store) => store.getData(sessionId),
      () => true,
    );
  }

  async getMany(sessionIds: readonly string[], limitMs?: number): Promise<StoredValues> {
    try {
      return await this.#ask(
        (store) => store.getMany(sessionIds, limitMs),
        ({ faults }) => faults.length === 0,
      );
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return { stored: new Map(), faults: [error] };
    }
  }

  /** Looks for the store, or waits for the refresh that is in flight. Throws nothing: the next call does. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  close(): void {
    this.#closed.abort();
    if (this.#current !== undefined) leave(this.#current);
    this.#current = undefined;
  }

  async #ask<T>(question: (store: SessionStore) => Promise<T>, isWhole: (answer: T) => boolean): Promise<T> {
    const { limits, nowMs } = this.#options;
    if (this.#current === undefined) await this.refresh();
    const current = this.#current;
    if (current === undefined) throw this.#problem ?? new StoreError("discovery-failed");
    const askedAtMs = nowMs();
    const isStale = askedAtMs - this.#foundAtMs >= limits.waitAfterMs;
    const refreshing = askedAtMs - this.#lookedAtMs >= limits.refreshAfterMs ? this.refresh() : undefined;
    current.calls++;
    try {
      const answer = await question(current.store);
      if (isStale) await refreshing;
      if (!isWhole(answer)) await this.#refreshAfterFailure();
      return answer;
    } catch (error) {
      await this.#refreshAfterFailure();
      throw error;
    } finally {
      current.calls--;
      closeIfDone(current);
    }
  }

  async #refreshAfterFailure(): Promise<void> {
    const { limits, nowMs } = this.#options;
    if (nowMs() - this.#lookedAtMs >= limits.refreshAfterFailureMs) await this.refresh();
  }

  async #refresh(): Promise<void> {
    const { find, open, limits, nowMs } = this.#options;
    this.#lookedAtMs = nowMs();
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), limits.findTimeoutMs);
    const closed = this.#closed.signal;
    try {
      const found = await find(AbortSignal.any([limit.signal, closed]));
      const place = JSON.stringify(found);
      const before = this.#current;
      if (before?.place !== place) {
        const store = await open(found);
        if (closed.aborted) return store.close();
        this.#current = { place, store, calls: 0, isLeft: false };
        if (before !== undefined) leave(before);
      }
      this.#foundAtMs = nowMs();
    } catch (error) {
      // What was found before, if anything, stays.
      this.#problem = error;
    } finally {
      clearTimeout(timer);
    }
  }
}

function leave(opened: Opened): void {
  opened.isLeft = true;
  closeIfDone(opened);
}

function closeIfDone({ isLeft, calls, store }: Opened): void {
  if (isLeft && calls === 0) store.close();
}
