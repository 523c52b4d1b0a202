// The current credentials: loaded before they are needed and renewed before they expire, so that logins do not wait.

import type { Log } from "../log.ts";
import { type Credentials, CredentialsError } from "./credentials.ts";

/** Loads credentials: undefined if no provider is configured. @throws CredentialsError */
export type Load = () => Promise<Credentials | undefined>;

export interface CredentialSourceOptions {
  readonly load: Load;
  /** In milliseconds since the epoch, as the credentials' own end is. */
  readonly nowMs: () => number;
  /** A clock that only goes forward, in milliseconds: a date that is set back prolongs no wait. */
  readonly clockMs: () => number;
  readonly random: () => number;
  readonly log: Log;
}

/** AWS hands out new ones some five minutes before the end. The reloads are spread over one minute. */
export const renewBeforeEndMs = 5 * 60_000;
const spreadMs = 60_000;
/**
 * If a reload returns the same expiring credentials, retry after this many milliseconds, or after half of their remaining
 * lifetime if that is less.
 */
const againMs = 30_000;
/** The wait after a load that failed or returned the same credentials: doubled each time, up to the longest. */
export const firstWaitMs = 1_000;
export const longestWaitMs = 30_000;
/** In milliseconds: above the time limits of each provider. */
export const longestLoadMs = 20_000;
/** In milliseconds: what is refused so soon after a change may have been signed before it. */
const justChangedMs = 5_000;
/** In milliseconds: the longest delay of a timer in Node. */
const longestTimerMs = 2 ** 31 - 1;

export class CredentialSource {
  readonly #options: CredentialSourceOptions;
  #current: Credentials | undefined;
  #loading: Promise<Credentials> | undefined;
  #fault: CredentialsError | undefined;
  #notBeforeMs = 0;
  #waitMs = firstWaitMs;
  #changedAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CredentialSourceOptions) {
    this.#options = options;
  }

  /** Resolves to credentials that have not expired. Waits for a load only if there are none. @throws CredentialsError */
  async current(): Promise<Credentials> {
    return this.#usable() ?? this.#loadAgain();
  }

  /** Reloads them, because AWS refused these. Resolves to whether there are others now. Throws nothing. */
  async renew(): Promise<boolean> {
    if (this.#options.clockMs() - this.#changedAtMs < justChangedMs) return true;
    const refused = this.#current;
    try {
      return isOther(await this.#loadAgain(), refused);
    } catch {
      return false;
    }
  }

  /** Does not load again right after a load that failed or returned the same credentials. */
  #loadAgain(): Promise<Credentials> {
    if (this.#loading === undefined && this.#options.clockMs() < this.#notBeforeMs) {
      const usable = this.#usable();
      if (usable !== undefined) return Promise.resolve(usable);
      if (this.#fault !== undefined) return Promise.reject(this.#asOfNow(this.#fault));
    }
    return this.#load();
  }

  /** One load at a time. */
  #load(): Promise<Credentials> {
    this.#loading ??= withinTime(this.#options.load()).then(
      (loaded) => this.#loaded(loaded),
      (fault) => this.#failed(fault),
    );
    return this.#loading;
  }

  #loaded(loaded: Credentials | undefined): Credentials {
    if (loaded === undefined) {
      return this.#failed(new CredentialsError("credentials-missing", "none in any of AWS's usual places"));
    }
    const leftMs = this.#leftMs(loaded);
    if (leftMs <= 0) {
      return this.#failed(new CredentialsError("credentials-expired", "those that were loaded have ended"));
    }
    if (isOther(loaded, this.#current)) {
      if (this.#current !== undefined) this.#changedAtMs = this.#options.clockMs();
      this.#waitMs = firstWaitMs;
    }
    this.#loading = undefined;
    this.#fault = undefined;
    this.#current = loaded;
    this.#waitLonger();
    if (leftMs !== Number.POSITIVE_INFINITY) {
      const spread = this.#options.random() * Math.min(spreadMs, leftMs / 10);
      this.#loadAfter(Math.max(Math.min(againMs, leftMs / 2), leftMs - renewBeforeEndMs - spread));
    }
    return loaded;
  }

  #failed(error: unknown): never {
    this.#fault =
      error instanceof CredentialsError
        ? error
        : new CredentialsError("credentials-unreadable", nameOf(error));
    this.#loading = undefined;
    const fault = this.#asOfNow(this.#fault);
    this.#options.log("error", fault.code, () => ({ detail: fault.detail }));
    // The current ones stay in use. If there are none, the next login loads again as soon as it may.
    if (this.#usable() !== undefined) this.#loadAfter(this.#waitMs);
    this.#waitLonger();
    throw fault;
  }

  #asOfNow(fault: CredentialsError): CredentialsError {
    if (this.#current === undefined || this.#usable() !== undefined) return fault;
    return new CredentialsError("credentials-expired", `no others: ${fault.detail}`);
  }

  #waitLonger(): void {
    this.#notBeforeMs = this.#options.clockMs() + this.#waitMs;
    this.#waitMs = Math.min(2 * this.#waitMs, longestWaitMs);
  }

  #loadAfter(waitMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        // A fault is logged where it arises, and a login hears of it once these have ended.
        this.#load().catch(() => {});
      },
      Math.min(waitMs, longestTimerMs),
    );
    // A relay that has ended needs none.
    this.#timer.unref();
  }

  #usable(): Credentials | undefined {
    return this.#current !== undefined && this.#leftMs(this.#current) > 0 ? this.#current : undefined;
  }

  #leftMs({ expiration }: Credentials): number {
    return expiration === undefined ? Number.POSITIVE_INFINITY : expiration.getTime() - this.#options.nowMs();
  }
}

function isOther(one: Credentials, two: Credentials | undefined): boolean {
  return (
    one.accessKeyId !== two?.accessKeyId ||
    one.secretAccessKey !== two.secretAccessKey ||
    one.sessionToken !== two.sessionToken
  );
}

function nameOf(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  return code ?? name ?? "unknown";
}

function withinTime<Value>(work: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () =>
        reject(new CredentialsError("credentials-unreadable", `nothing loaded within ${longestLoadMs}ms`)),
      longestLoadMs,
    );
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
