// Questions about connections that are open -> requests to POST /logins. Frames hold some hundred logins and a request a
// thousand, so frames that come within a moment are merged. The watch has requests, connections and a queue of its own,
// so it never holds up a login. What cannot be asked is unknown.

import { MAX_LOGINS } from "../protocol/limits.ts";
import { parseLoginsAnswer } from "../protocol/logins-answer.ts";
import type { Contract } from "./api.ts";
import type { Breaker } from "./breaker.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { unavailableBy } from "./outcome.ts";
import type { RequestSlots } from "./request-slots.ts";
import type { StillQuestion } from "./still.ts";

export interface LoginsQuestion {
  readonly server: string;
  /** The logins as JSON, separated by commas. */
  readonly logins: string;
  /** How many these are. */
  readonly count: number;
}

/** POST /logins: a character for each login. */
export const loginsContract: Contract<LoginsQuestion, string> = {
  write: ({ server, logins }, nonce) =>
    `{"server":${JSON.stringify(server)},"logins":[${logins}],"nonce":"${nonce}"}`,
  read: ({ status, body }, nonce, { count }) => parseLoginsAnswer(status, body, { nonce, count }),
};

/** Returns the URL of POST /logins, which lies beside the relay's own: /auth -> /logins. */
export function watchUrlOf(url: URL): URL {
  return new URL("logins", url);
}

export interface WatchOptions {
  /** Asks the API, within this many milliseconds. Returns a character for each login. Throws ApiError or DeadlineError. */
  readonly ask: (question: LoginsQuestion, leftMs: number) => Promise<string>;
  /** The watch's own. */
  readonly slots: Pick<RequestSlots, "tryTake" | "release">;
  readonly breaker: Pick<Breaker, "isOpen">;
  readonly metrics: Pick<Metrics, "watched">;
  readonly log: Log;
  /** A clock that only goes forward, in milliseconds. */
  readonly now: () => number;
}

/** Requests of the watch in flight at most. */
export const maxWatchRequests = 8;
/**
 * How long one question may take in all, in milliseconds: half of it is more than the function takes while a node of the
 * store hangs, so no second attempt is begun for that.
 */
export const watchMs = 12_000;
/** Frames that come within this many milliseconds are asked together. */
export const gatherMs = 20;
/** Logins that wait for their turn at most; those beyond are unknown at once. */
export const maxWaitingLogins = 65_536;
/** The same for one caller: it cannot fill the queue for the others. */
export const maxWaitingOfOne = 16_384;

/**
 * Resolves to a character for each login of the question, or to undefined where nothing is known and the caller has
 * gone. `caller` is the signal that is aborted when nobody waits for its answers any more. Never rejects.
 */
export type Still = (question: StillQuestion, caller: AbortSignal) => Promise<string | undefined>;

interface Waiting extends LoginsQuestion {
  readonly askedMs: number;
  /** `live`: a character for each login, or undefined where nothing is known. */
  readonly settle: (live?: string) => void;
}

interface Queue {
  readonly waiting: Waiting[];
  logins: number;
}

export function createStill({ ask, slots, breaker, metrics, log, now }: WatchOptions): Still {
  /** By caller. The first one has the next turn. */
  const queues = new Map<AbortSignal, Queue>();
  let waitingLogins = 0;
  let gathering: NodeJS.Timeout | undefined;

  const logUnknown = (reason: string, detail: string, logins: number) =>
    log("warn", "watch-unknown", () => ({ reason, detail, logins }));

  /** Takes what one request can hold, of one host. A caller that had its turn stands at the end of the line. */
  const takeNext = (): Waiting[] => {
    const taken: Waiting[] = [];
    let count = 0;
    for (const [caller, queue] of [...queues]) {
      const had = queue.waiting.length;
      for (let one = queue.waiting[0]; one !== undefined; one = queue.waiting[0]) {
        // A request needs time, too: one that is begun late would fail and hold up those behind it.
        const isLate = now() - one.askedMs > watchMs / 2;
        const isOver = isLate || caller.aborted;
        const fits = count + one.count <= MAX_LOGINS;
        if (!isOver && !(fits && one.server === (taken[0] ?? one).server)) break;
        queue.waiting.shift();
        queue.logins -= one.count;
        waitingLogins -= one.count;
        if (isOver) {
          if (isLate) logUnknown("queue-deadline", `${watchMs / 2}ms`, one.count);
          one.settle();
          continue;
        }
        count += one.count;
        taken.push(one);
      }
      const left = queue.waiting.length;
      if (left === had) continue;
      queues.delete(caller);
      if (left > 0) queues.set(caller, queue);
    }
    return taken;
  };

  const request = async () => {
    const taken = takeNext();
    const [first] = taken;
    const count = taken.reduce((sum, one) => sum + one.count, 0);
    let live: string | undefined;
    try {
      if (first === undefined || breaker.isOpen) return;
      const leftMs = watchMs - (now() - Math.min(...taken.map(({ askedMs }) => askedMs)));
      live = await ask(
        { server: first.server, logins: taken.map(({ logins }) => logins).join(), count },
        leftMs,
      );
    } catch (fault) {
      const { code, detail } = unavailableBy(fault);
      logUnknown(code, detail, count);
    } finally {
      slots.release();
      let at = 0;
      for (const one of taken) {
        one.settle(live?.slice(at, at + one.count));
        at += one.count;
      }
      // While frames are gathered, what waits is asked with them.
      if (gathering === undefined) drain();
    }
  };
  const drain = () => {
    while (waitingLogins > 0 && slots.tryTake()) void request();
  };

  return ({ server, logins }, caller) =>
    new Promise((resolve) => {
      const sendable = logins.filter((login) => login !== undefined);
      const { length: count } = sendable;
      const settle = (live?: string) => {
        if (live === undefined && caller.aborted) return resolve(live);
        let at = 0;
        const answer = logins.map((login) => (login && live ? live[at++] : "?")).join("");
        metrics.watched(answer);
        resolve(answer);
      };
      if (count === 0 || breaker.isOpen || caller.aborted) return settle();
      const queue = queues.get(caller) ?? { waiting: [], logins: 0 };
      if (waitingLogins + count > maxWaitingLogins || queue.logins + count > maxWaitingOfOne) {
        logUnknown("queue-full", "", count);
        return settle();
      }
      queues.set(caller, queue);
      queue.waiting.push({ server, logins: sendable.join(), count, askedMs: now(), settle });
      queue.logins += count;
      waitingLogins += count;
      if (waitingLogins >= MAX_LOGINS && slots.tryTake()) void request();
      gathering ??= setTimeout(() => {
        gathering = undefined;
        drain();
      }, gatherMs);
    });
}
