// How long the API's answers took lately: what a second try beside a slow first one is timed by.

const windowLogins = 1_000;
/** Sorting for every login would cost more than it tells. */
const loginsBetweenLooks = 100;

/** The 99th percentile of the last 1000 answers, in milliseconds; looked at anew every 100. */
export class RecentLatency {
  readonly #tookMs = new Float64Array(windowLogins);
  #count = 0;
  #p99Ms: number | undefined;

  /** Gives nothing before the first 100 answers. */
  get p99Ms(): number | undefined {
    return this.#p99Ms;
  }

  add(tookMs: number): void {
    this.#tookMs[this.#count++ % windowLogins] = tookMs;
    if (this.#count % loginsBetweenLooks !== 0) return;
    const sorted = this.#tookMs.slice(0, Math.min(this.#count, windowLogins)).sort();
    this.#p99Ms = sorted[Math.ceil(sorted.length * 0.99) - 1];
  }
}
