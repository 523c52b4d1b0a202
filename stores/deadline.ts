// The time limit that every call of a store has.

import { StoreError } from "../inspector/session-store.ts";

/** Returns the time limit of one call, in milliseconds: the store's own, or the caller's if that is less. */
export function shorterOf({ timeoutMs }: { readonly timeoutMs: number }, limitMs = timeoutMs): number {
  return Math.min(timeoutMs, limitMs);
}

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

/** As `within`, of work that stops at this signal: it is given once the call has settled. */
export async function stoppedWithin<T>(
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  try {
    return await within(limitMs, work(controller.signal));
  } finally {
    controller.abort();
  }
}
