// Lambda: environments that serve one request at a time, and how fast there can be more of them.
// Source: "Lambda function scaling", AWS Lambda Developer Guide: 1,000 environments in ten seconds for each function, and
// ten requests a second for each of the concurrent executions that the account may have.

import { TokenBucket } from "./token-bucket.ts";

const requestsPerSecondAndEnvironment = 10;

export interface LambdaOptions {
  readonly concurrency: number;
  readonly addedPer10s: number;
  readonly warm: number;
  readonly coldMs: number;
}

export class Lambda {
  readonly #concurrency: number;
  readonly #coldMs: number;
  readonly #added: TokenBucket;
  readonly #requests: TokenBucket;
  #idle: number;
  #environments: number;

  constructor({ concurrency, addedPer10s, warm, coldMs }: LambdaOptions) {
    this.#concurrency = concurrency;
    this.#coldMs = coldMs;
    this.#added = new TokenBucket({ perSecond: addedPer10s / 10, burst: addedPer10s });
    const perSecond = concurrency * requestsPerSecondAndEnvironment;
    this.#requests = new TokenBucket({ perSecond, burst: perSecond });
    this.#environments = Math.min(warm, concurrency);
    this.#idle = this.#environments;
  }

  /** How many there are, busy and idle. None ends: a storm is shorter than the life of an idle one. */
  get environments(): number {
    return this.#environments;
  }

  /** Begins a request. Returns how long it waits for its environment, or undefined if it is throttled. */
  begin(nowMs: number): number | undefined {
    if (!this.#requests.take(nowMs)) return undefined;
    if (this.#idle > 0) {
      this.#idle--;
      return 0;
    }
    if (this.#environments >= this.#concurrency || !this.#added.take(nowMs)) return undefined;
    this.#environments++;
    return this.#coldMs;
  }

  /** Ends a request that has begun. */
  end(): void {
    this.#idle++;
  }
}
