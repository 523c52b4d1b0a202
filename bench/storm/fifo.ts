// A queue of numbers, first in, first out.

export class Fifo {
  #items: number[] = [];
  #at = 0;

  get isEmpty(): boolean {
    return this.#at === this.#items.length;
  }

  push(item: number): void {
    this.#items.push(item);
  }

  /** Returns the oldest item; undefined where the queue is empty. */
  shift(): number | undefined {
    if (this.isEmpty) return undefined;
    const item = this.#items[this.#at++];
    if (this.#at > 1024 && this.#at * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#at);
      this.#at = 0;
    }
    return item;
  }
}
