// What is to happen, in the order of time. An event is four small numbers in typed arrays: half of a storm's time goes into
// these, and objects or numbers that hold several fields would take twice as long.

import FlatQueue from "flatqueue";

const firstCapacity = 1 << 16;

export class Events {
  readonly #queue = new FlatQueue<number>();
  /** Of each event that is in the queue: what it is, whom it is about, and more. */
  #kind = new Uint8Array(firstCapacity);
  #about = new Int32Array(firstCapacity);
  #login = new Uint8Array(firstCapacity);
  #more = new Uint8Array(firstCapacity);
  /** Places that are free again. */
  readonly #free: number[] = [];
  #used = 0;

  // The event that was taken last.
  kind = 0;
  about = 0;
  login = 0;
  more = 0;

  get nextMs(): number {
    return this.#queue.peekValue() ?? Number.POSITIVE_INFINITY;
  }

  push(atMs: number, kind: number, about: number, login: number, more: number): void {
    const at = this.#free.pop() ?? this.#add();
    this.#kind[at] = kind;
    this.#about[at] = about;
    this.#login[at] = login;
    this.#more[at] = more;
    this.#queue.push(at, atMs);
  }

  /** Takes the next one: its fields are those of this object until the next call. */
  take(): void {
    const at = this.#queue.pop() as number;
    this.kind = this.#kind[at] as number;
    this.about = this.#about[at] as number;
    this.login = this.#login[at] as number;
    this.more = this.#more[at] as number;
    this.#free.push(at);
  }

  #add(): number {
    if (this.#used === this.#kind.length) {
      const larger = <T extends Uint8Array | Int32Array>(array: T, copy: T): T => {
        copy.set(array);
        return copy;
      };
      const capacity = 2 * this.#used;
      this.#kind = larger(this.#kind, new Uint8Array(capacity));
      this.#about = larger(this.#about, new Int32Array(capacity));
      this.#login = larger(this.#login, new Uint8Array(capacity));
      this.#more = larger(this.#more, new Uint8Array(capacity));
    }
    return this.#used++;
  }
}
