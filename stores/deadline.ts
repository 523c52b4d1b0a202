// The time limit that every call of a store has.

import { StoreError } from "../inspector/session-store.ts";

/** Gives what the work gives. Throws what it throws, or StoreError "store-timeout" after so many milliseconds. */
export async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new StoreError("store-timeout")), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
