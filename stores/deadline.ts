// The time limit that every call of a store has.

import { StoreError } from "../inspector/session-store.ts";

/**
 * Returns what the work returns.
 * @throws StoreError "store-timeout" after that many milliseconds; before that, what the work throws
 */
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
