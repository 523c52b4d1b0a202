// A program's processor: work waits for the work before it.

export class Processor {
  readonly #cores: number;
  #freeAtMs = 0;

  constructor(cores: number) {
    this.#cores = cores;
  }

  /** Returns how long work that comes now waits for its turn. */
  backlogMs(nowMs: number): number {
    return Math.max(0, this.#freeAtMs - nowMs);
  }

  /** Takes work of so much processor's time. Returns when it is done. */
  take(nowMs: number, cpuMs: number): number {
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + cpuMs / this.#cores;
    return this.#freeAtMs;
  }
}
