// The credentials at hand: loaded before they are needed, renewed before they end, and never waited for where it
// can be helped.

import type { Log } from "../log.ts";
import { type Credentials, CredentialsFault, longestLoadMs } from "./credentials.ts";

/** Loads credentials anew; nothing where this place is not configured. Throws CredentialsFault. */
export type Load = () => Promise<Credentials | undefined>;

export interface CredentialSourceOptions {
  readonly load: Load;
  /** In milliseconds since the epoch, as the credentials' own end is. */
  readonly nowMs: () => number;
  readonly random: () => number;
  readonly log: Log;
}

/** AWS hands out new ones some five minutes before the end; asking all at one moment is spread over one of them. */
export const renewBeforeEndMs = 5 * 60_000;
const spreadMs = 60_000;
/** After a load that failed: the first wait, doubled up to the longest. */
const firstWaitMs = 1_000;
const longestWaitMs = 30_000;
/** The longest time that a timer of Node's can be set to. */
const longestTimerMs = 2 ** 31 - 1;

export class CredentialSource {
  readonly #options: CredentialSourceOptions;
  #current: Credentials | undefined;
  #loading: Promise<Credentials> | undefined;
  #fault: CredentialsFault | undefined;
  #notBeforeMs = 0;
  #waitMs = firstWaitMs;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CredentialSourceOptions) {
    this.#options = options;
  }

  /** Gives credentials that have not ended. Waits for a load only if there are none. Throws CredentialsFault. */
  async current(): Promise<Credentials> {
    if (this.#current !== undefined && this.#leftMs(this.#current) > 0) return this.#current;
    return this.#load();
  }

  /** Loads them anew, for AWS refused these. Gives whether there are others now. Throws nothing. */
  async renew(): Promise<boolean> {
    const refused = this.#current;
    try {
      const { accessKeyId, sessionToken } = await this.#load();
      return accessKeyId !== refused?.accessKeyId || sessionToken !== refused.sessionToken;
    } catch {
      return false;
    }
  }

  /** One load at a time, and none right after one that failed or one that was asked for by a refusal. */
  #load(): Promise<Credentials> {
    if (this.#loading !== undefined) return this.#loading;
    if (this.#options.nowMs() < this.#notBeforeMs) {
      if (this.#fault !== undefined) return Promise.reject(this.#fault);
      if (this.#current !== undefined) return Promise.resolve(this.#current);
    }
    this.#loading = withinTime(this.#options.load()).then(
      (loaded) => this.#loaded(loaded),
      (fault) => this.#failed(fault),
    );
    return this.#loading;
  }

  #loaded(loaded: Credentials | undefined): Credentials {
    if (loaded === undefined) return this.#failed(new CredentialsFault("none in any of AWS's usual places"));
    if (this.#leftMs(loaded) <= 0) return this.#failed(new CredentialsFault("those at hand have ended"));
    this.#loading = undefined;
    this.#fault = undefined;
    this.#current = loaded;
    this.#waitMs = firstWaitMs;
    this.#notBeforeMs = this.#options.nowMs() + firstWaitMs;
    const leftMs = this.#leftMs(loaded);
    if (leftMs !== Number.POSITIVE_INFINITY) {
      const spread = this.#options.random() * Math.min(spreadMs, leftMs / 10);
      this.#loadAfter(Math.max(firstWaitMs, leftMs - renewBeforeEndMs - spread));
    }
    return loaded;
  }

  #failed(error: unknown): never {
    const fault = error instanceof CredentialsFault ? error : new CredentialsFault(nameOf(error));
    this.#loading = undefined;
    this.#fault = fault;
    this.#notBeforeMs = this.#options.nowMs() + this.#waitMs;
    this.#options.log("error", "credentials", () => ({ detail: fault.detail }));
    // Those at hand serve on meanwhile; where there are none, the next login tries again as soon as it may.
    if (this.#current !== undefined) this.#loadAfter(this.#waitMs);
    this.#waitMs = Math.min(2 * this.#waitMs, longestWaitMs);
    throw fault;
  }

  #loadAfter(waitMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        // A fault is logged where it arises, and the next login hears of it.
        this.#load().catch(() => {});
      },
      Math.min(waitMs, longestTimerMs),
    );
    // Nothing but a login needs credentials.
    this.#timer.unref();
  }

  #leftMs({ expiration }: Credentials): number {
    return expiration === undefined ? Number.POSITIVE_INFINITY : expiration.getTime() - this.#options.nowMs();
  }
}

function nameOf(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  return code ?? name ?? "unknown";
}

function withinTime<Value>(work: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new CredentialsFault(`no answer within ${longestLoadMs}ms`)),
      longestLoadMs,
    );
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
