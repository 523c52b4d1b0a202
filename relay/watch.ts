// Questions about connections that are open -> requests to POST /logins. Frames hold some hundred logins and a request a
// thousand, so frames that come within a moment are merged. The watch has requests, connections and a queue of its own,
// so it never holds up a login. What cannot be asked is unknown.

import { MAX_LOGINS, MAX_LOGINS_REQUEST_BYTES } from "../protocol/limits.ts";
import { parseLoginsAnswer } from "../protocol/logins-answer.ts";
import type { Contract } from "./api.ts";
import type { Breaker } from "./breaker.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { unavailableBy } from "./outcome.ts";
import type { RequestSlots } from "./request-slots.ts";
import type { StillQuestion } from "./still.ts";

/** Logins of one request, each as JSON. */
export interface LoginsQuestion {
  readonly server: string;
  readonly logins: readonly string[];
}

/** POST /logins: a character for each login. */
export const loginsContract: Contract<LoginsQuestion, string> = {
  write: ({ server, logins }, nonce) =>
    `{"server":${JSON.stringify(server)},"logins":[${logins}],"nonce":"${nonce}"}`,
  read: ({ status, body }, nonce, { logins }) =>
    parseLoginsAnswer(status, body, { nonce, count: logins.length }),
};

export interface WatchOptions {
  /** Asks the API, within this many milliseconds. Returns a character for each login. Throws ApiError or DeadlineError. */
  readonly ask: (question: LoginsQuestion, leftMs: number) => Promise<string>;
  /** The watch's own. */
  readonly slots: Pick<RequestSlots, "tryTake" | "release">;
  /** How long one question may take in all, in milliseconds. */
  readonly deadlineMs: number;
  readonly breaker: Pick<Breaker, "isOpen">;
  readonly metrics: Pick<Metrics, "watched">;
  readonly log: Log;
  /** A clock that only goes forward, in milliseconds. */
  readonly now: () => number;
}

/** In bytes, of the logins of one request: the rest is room for the host and the nonce. */
const maxBodyBytes = MAX_LOGINS_REQUEST_BYTES - 4_096;
/** Requests of the watch in flight at most. */
export const maxWatchRequests = 8;
/** Frames that come within this many milliseconds are asked together. */
export const gatherMs = 20;
/** Logins that wait for their turn at most; those beyond are unknown at once. */
export const maxWaitingLogins = 65_536;
/** The same for one caller: it cannot fill the queue for the others. */
export const maxWaitingOfOne = 16_384;

/**
 * Resolves to a character for each login of the question, or to undefined once the caller has gone. `caller` is the
 * signal that is aborted when nobody waits for its answers any more. Never rejects.
 */
export type Still = (question: StillQuestion, caller: AbortSignal) => Promise<string | undefined>;

interface Waiting {
  readonly server: string;
  /** Each login as JSON. */
  readonly logins: readonly string[];
  readonly bytes: number;
  readonly askedMs: number;
  /** `live`: a character for each login, or undefined where nothing is known. */
  readonly settle: (live: string | undefined) => void;
  readonly forget: () => void;
}

interface Queue {
  readonly waiting: Waiting[];
  logins: number;
}

export function createStill({ ask, slots, deadlineMs, breaker, metrics, log, now }: WatchOptions): Still {
  /** By caller. The first one has the next turn. */
  const queues = new Map<AbortSignal, Queue>();
  let waitingLogins = 0;
  let gathering: NodeJS.Timeout | undefined;

  const unknown = (code: string, detail: string, logins: number) =>
    log("warn", "watch-unknown", () => ({ reason: code, detail, logins }));

  const remove = (queue: Queue, count: number) => {
    const removed = queue.waiting.splice(0, count);
    for (const { logins } of removed) {
      queue.logins -= logins.length;
      waitingLogins -= logins.length;
    }
    return removed;
  };
  const forget = ({ target }: Event) => {
    const queue = queues.get(target as AbortSignal);
    queues.delete(target as AbortSignal);
    if (queue === undefined) return;
    for (const one of remove(queue, queue.waiting.length)) one.forget();
  };

  /** Takes what one request can hold, of one host. A caller that had its turn stands at the end of the line. */
  const takeNext = (): Waiting[] => {
    const taken: Waiting[] = [];
    let logins = 0;
    let bytes = 0;
    for (const [caller, queue] of [...queues]) {
      // A request needs time, too: one that is begun late would fail and hold up those behind it.
      const late = queue.waiting.findIndex(({ askedMs }) => now() - askedMs < deadlineMs / 2);
      for (const one of remove(queue, late < 0 ? queue.waiting.length : late)) {
        unknown("queue-deadline", `${deadlineMs / 2}ms`, one.logins.length);
        one.settle(undefined);
      }
      let count = 0;
      for (const one of queue.waiting) {
        const fits = logins + one.logins.length <= MAX_LOGINS && bytes + one.bytes <= maxBodyBytes;
        if (!fits || one.server !== (taken[0] ?? one).server) break;
        logins += one.logins.length;
        bytes += one.bytes;
        taken.push(one);
        count++;
      }
      remove(queue, count);
      if (count === 0 && queue.waiting.length > 0) continue;
      queues.delete(caller);
      if (queue.waiting.length > 0) queues.set(caller, queue);
    }
    return taken;
  };

  const request = async (taken: readonly Waiting[]) => {
    const logins = taken.flatMap((one) => one.logins);
    let live: string | undefined;
    try {
      const [first] = taken;
      if (first === undefined || breaker.isOpen) return;
      const waitedMs = now() - Math.min(...taken.map(({ askedMs }) => askedMs));
      live = await ask({ server: first.server, logins }, deadlineMs - waitedMs);
    } catch (fault) {
      const { code, detail } = unavailableBy(fault);
      unknown(code, detail, logins.length);
    } finally {
      slots.release();
      let at = 0;
      for (const one of taken) {
        one.settle(live?.slice(at, at + one.logins.length));
        at += one.logins.length;
      }
      // While frames are gathered, what waits is asked with them.
      if (gathering === undefined) drain();
    }
  };
  const drain = () => {
    while (waitingLogins > 0 && slots.tryTake()) void request(takeNext());
  };

  return ({ server, logins }, caller) => {
    const sendable = logins.filter((login) => login !== undefined);
    const count = sendable.length;
    const queue = queues.get(caller) ?? { waiting: [], logins: 0 };
    return new Promise((resolve) => {
      const settle = (live: string | undefined) => {
        let at = 0;
        const answer = logins.map((login) => (login === undefined ? "?" : (live?.[at++] ?? "?"))).join("");
        metrics.watched(answer);
        resolve(answer);
      };
      if (caller.aborted) return resolve(undefined);
      if (count === 0 || breaker.isOpen) return settle(undefined);
      if (waitingLogins + count > maxWaitingLogins || queue.logins + count > maxWaitingOfOne) {
        unknown("queue-full", `${waitingLogins}`, count);
        return settle(undefined);
      }
      const bytes = sendable.reduce((sum, login) => sum + Buffer.byteLength(login) + 1, 0);
      const forgetOne = () => resolve(undefined);
      queue.waiting.push({ server, logins: sendable, bytes, askedMs: now(), settle, forget: forgetOne });
      queue.logins += count;
      waitingLogins += count;
      queues.set(caller, queue);
      // The same function each time, so a signal has it once.
      caller.addEventListener("abort", forget);
      if (waitingLogins >= MAX_LOGINS && slots.tryTake()) void request(takeNext());
      gathering ??= setTimeout(() => {
        gathering = undefined;
        drain();
      }, gatherMs);
    });
  };
}
