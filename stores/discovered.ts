// Sessions in a store whose place has to be found, and may change: found once, looked for again from time to time and
// after a failure, and kept where it cannot be found again.
//
// A process that is frozen between two calls, as Lambda's is, gets little of its work done in between. So looking again
// is begun by a call and waited for by none, but by two kinds: a call that failed has nothing to lose by it; and a call
// that finds the place long unproven, because each look before was cut short, waits so that one comes to its end.

import { type SessionStore, type StoredValue, StoreError } from "../inspector/session-store.ts";

export interface DiscoveredStoreOptions<Place> {
  /** Gives where the store is now: plain data. Ends with the signal, at once, and may throw what it likes. */
  readonly find: (signal: AbortSignal) => Promise<Place>;
  /** Opens the store there. Is called once for each place that differs from the one before. */
  readonly open: (place: Place) => Promise<SessionStore>;
  readonly limits: DiscoveryLimits;
  readonly nowMs: () => number;
}

/** All in milliseconds. */
export interface DiscoveryLimits {
  /** For one look, all tries of it: this long may a call take beyond the time limit of the store that was found. */
  readonly findTimeoutMs: number;
  /** A call looks again where the last look is older than this. */
  readonly refreshAfterMs: number;
  /** The same for a call that failed. */
  readonly refreshAfterFailureMs: number;
  /** The call that looks again waits for it where the place was last found longer ago than this. */
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

/** Gives what the store that was found gives. Throws what it throws, or StoreError "discovery-failed". */
export class DiscoveredStore<Place> implements SessionStore {
  readonly #options: DiscoveredStoreOptions<Place>;
  readonly #closed = new AbortController();
  #current: Opened | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #foundAtMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;

  constructor(options: DiscoveredStoreOptions<Place>) {
    this.#options = options;
  }

  getData(sessionId: string): Promise<StoredValue | null> {
    return this.#ask((store) => store.getData(sessionId));
  }

  getMany(sessionIds: readonly string[]): Promise<ReadonlyMap<string, StoredValue | null>> {
    return this.#ask((store) => store.getMany(sessionIds));
  }

  /** Looks for the store, or waits for the look that is under way. Throws nothing. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  close(): void {
    this.#closed.abort();
    if (this.#current !== undefined) leave(this.#current);
    this.#current = undefined;
  }

  async #ask<T>(question: (store: SessionStore) => Promise<T>): Promise<T> {
    const { limits, nowMs } = this.#options;
    if (this.#current === undefined) await this.look();
    const current = this.#current;
    if (current === undefined) throw new StoreError("discovery-failed");
    const askedAtMs = nowMs();
    const isLong = askedAtMs - this.#foundAtMs >= limits.waitAfterMs;
    const looking = askedAtMs - this.#lookedAtMs >= limits.refreshAfterMs ? this.look() : undefined;
    current.calls++;
    try {
      const given = await question(current.store);
      if (isLong) await looking;
      return given;
    } catch (error) {
      if (nowMs() - this.#lookedAtMs >= limits.refreshAfterFailureMs) await this.look();
      throw error;
    } finally {
      current.calls--;
      closeIfDone(current);
    }
  }

  async #look(): Promise<void> {
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
    } catch {
      // What was found before, if anything, stays. find() has said what was wrong.
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
