// How many requests to the API are in flight, and which question is next when more are asked: the lines take turns,
// so a line with thousands of questions delays another line's question by one request at most.

/** Unless given. With thousands of TLS handshakes at one moment, none would end in time. */
export const maxInFlight = 256;

/** A question waits no longer than leaves it this many times the usual time of a request. */
const reserve = 1.25;
/** And no longer than leaves it this long, in milliseconds. */
const leastMs = 50;
/** After an outage the usual time is that of the outage: this part of a question's time is reserved at most. */
const mostReserved = 0.75;

/** `expired`: the question's time was over first. `gone`: its caller no longer waits for an answer. */
export type Turn = "granted" | "expired" | "gone";

interface Waiting {
  readonly settle: (turn: Turn) => void;
  isSettled: boolean;
  next: Waiting | undefined;
}

interface Queue {
  first: Waiting | undefined;
  last: Waiting;
}

/** Returns how long a question with `leftMs` milliseconds waits for a slot, where requests take `usualMs` lately. */
export function longestWaitMs(usualMs: number, leftMs: number): number {
  const reservedMs = Math.min(reserve * usualMs, mostReserved * leftMs);
  return leftMs - Math.max(reservedMs, leastMs);
}

/** Returns how long a request takes lately after one more, in milliseconds: each new one weighs a sixteenth. */
export function usualAfter(usualMs: number, tookMs: number): number {
  return usualMs + (tookMs - usualMs) / 16;
}

/** Who asks. */
export interface Caller {
  /** Is aborted when nobody waits for the answer any more. */
  readonly gone: AbortSignal;
  /** The line in which its questions wait. It is the signal itself, unless callers share a line. */
  readonly line: object;
}

export class RequestSlots {
  readonly #count: number;
  #free: number;
  /** How long a request takes lately, in milliseconds. */
  #usualMs = 0;
  #waiting = 0;
  /** The lines with waiting questions. The first one has the next turn. */
  readonly #queues = new Map<object, Queue>();

  /** @param count how many requests may be in flight */
  constructor(count = maxInFlight) {
    this.#count = count;
    this.#free = count;
  }

  /** How many requests are in flight. */
  get inFlight(): number {
    return this.#count - this.#free;
  }

  /** How many questions wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Takes a slot if one is free. Each `true` and each granted turn must be followed by one `release`. */
  tryTake(): boolean {
    if (this.#free === 0) return false;
    this.#free--;
    return true;
  }

  /**
   * Waits for a slot as long as a question with `leftMs` milliseconds can: a turn without enough time left for the
   * request would be lost to the questions behind it. Call it only after `tryTake` has returned false.
   */
  wait({ gone, line }: Caller, leftMs: number): Promise<Turn> {
    if (gone.aborted) return Promise.resolve("gone");
    this.#waiting++;
    const withinMs = longestWaitMs(this.#usualMs, leftMs);
    return new Promise((resolve) => {
      const settle = (turn: Turn) => {
        if (waiting.isSettled) return;
        waiting.isSettled = true;
        this.#waiting--;
        clearTimeout(timer);
        gone.removeEventListener("abort", onGone);
        resolve(turn);
      };
      const onGone = () => settle("gone");
      const waiting: Waiting = { settle, isSettled: false, next: undefined };
      const timer = setTimeout(settle, withinMs, "expired" satisfies Turn);
      this.#enqueue(line, waiting);
      // The same function for all of a line that ends with its caller, so a signal has it once.
      if (line === gone) gone.addEventListener("abort", this.#forget);
      else gone.addEventListener("abort", onGone);
    });
  }

  /** Hands the slot to the next question. `tookMs`: how long the question took that had it. */
  release(tookMs?: number): void {
    if (tookMs !== undefined) this.#usualMs = usualAfter(this.#usualMs, tookMs);
    for (const [line, queue] of this.#queues) {
      this.#queues.delete(line);
      while (queue.first?.isSettled) queue.first = queue.first.next;
      if (queue.first === undefined) continue;
      const { settle, next } = queue.first;
      queue.first = next;
      // Deleted and set again, this line is the last one.
      if (next !== undefined) this.#queues.set(line, queue);
      settle("granted");
      return;
    }
    this.#free++;
  }

  #enqueue(line: object, waiting: Waiting): void {
    const queue = this.#queues.get(line);
    if (queue === undefined) {
      this.#queues.set(line, { first: waiting, last: waiting });
    } else {
      queue.last.next = waiting;
      queue.last = waiting;
    }
  }

  readonly #forget = ({ target }: Event): void => {
    const caller = target as AbortSignal;
    let waiting = this.#queues.get(caller)?.first;
    this.#queues.delete(caller);
    for (; waiting !== undefined; waiting = waiting.next) waiting.settle("gone");
  };
}
