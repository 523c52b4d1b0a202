// What a server sends is bounded before a library collects it, and what a library throws while it reads is a fault of
// the server's, not the end of this process.

import type { EventEmitter } from "node:events";
import { maxSessionBytes } from "../../inspector/session/limits.ts";
import { StoreError } from "../../inspector/session-store.ts";

/** For greetings, errors, and what describes the columns. */
const baseBytes = 65_536;

/** bytea takes two characters a byte, and some columns may be a session together: what is above is another's fault. */
const bytesOfKey = 4 * maxSessionBytes;

/** How many bytes may still come. */
export class Received {
  #left = baseBytes;
  #questions = 0;

  /** More may come, until `answered` is called. */
  asked(keys: number): void {
    this.#questions++;
    this.#left += baseBytes + keys * bytesOfKey;
  }

  answered(): void {
    this.#questions--;
    if (this.#questions === 0) this.#left = baseBytes;
  }

  /** Returns whether so many more were to come. */
  take(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }
}

/** Puts itself between a stream and all that listen to its data. Calls `onFault` for what is too much, or is thrown. */
export function guard(stream: EventEmitter, received: Received, onFault: (error: StoreError) => void): void {
  const listeners = stream.rawListeners("data");
  stream.removeAllListeners("data");
  let isOver = false;
  const end = (error: StoreError) => {
    isOver = true;
    onFault(error);
  };
  stream.on("data", (chunk: Buffer) => {
    if (isOver) return;
    if (!received.take(chunk.length)) {
      return end(new StoreError("store-unreachable", { detail: "value-too-long" }));
    }
    try {
      for (const listener of listeners) Reflect.apply(listener, stream, [chunk]);
    } catch (error) {
      end(new StoreError("store-unreachable", { detail: "bad-reply", cause: error }));
    }
  });
}
