// What is known of many connections that are open: does the session that each was opened with still let its user in?

import { MAX_SESSIONS } from "../protocol/limits.ts";
import type { LoginsRequest, WatchedLogin } from "../protocol/logins-request.ts";
import { JudgingTime } from "./judging-time.ts";
import { type SessionInspector, type SessionUser, verdictOn } from "./session-inspector.ts";
import type { StoredValue } from "./session-store.ts";
import {
  type LoginsVerdict,
  refused,
  type Unavailable,
  unavailable,
  type Watched,
  watchedBy,
} from "./verdict.ts";

/**
 * In milliseconds, for all look-ups of one question about connections. Each has its share: a node that hangs holds up
 * its own sessions, and the question still has its answer in time.
 */
const lookUpsMs = 5_000;

export interface LoginWatchOptions {
  readonly inspector: SessionInspector;
  /** The virtual hosts whose users are this site's. */
  readonly servedHosts: ReadonlySet<string>;
  /** The time, in milliseconds. */
  readonly nowMs: () => number;
}

/**
 * Returns for each login what is known of a connection that was opened with it, in this order: what a login would be
 * answered now, but for the end of its ticket. With one node of the store away, the logins of the others are known.
 */
export async function inspectLogins(
  { inspector, servedHosts, nowMs }: LoginWatchOptions,
  { server, logins }: LoginsRequest,
): Promise<LoginsVerdict> {
  const isServed = servedHosts.has(server);
  const watched: Watched[] = [];
  /** Where in the question each session stands: none is looked up twice, or decoded twice. */
  const placesOf = new Map<string, number[]>();
  for (const [at, [, password]] of logins.entries()) {
    const opened = isServed ? inspector.sessionIdOf(password, server, undefined) : refused("host-not-served");
    if ("outcome" in opened) {
      watched[at] = watchedBy(opened);
      continue;
    }
    const places = placesOf.get(opened.sessionId);
    if (places === undefined) placesOf.set(opened.sessionId, [at]);
    else places.push(at);
  }
  const time = new JudgingTime(nowMs);
  const ids = [...placesOf.keys()];
  const limitMs = lookUpsMs / Math.ceil(ids.length / MAX_SESSIONS);
  for (let from = 0; from < ids.length; from += MAX_SESSIONS) {
    const asked = ids.slice(from, from + MAX_SESSIONS);
    const { stored, fault } = await inspector.look(asked, limitMs);
    for (const id of asked) {
      const places = placesOf.get(id) ?? [];
      const [firstUser] = logins[places[0] ?? 0] as WatchedLogin;
      const value = stored.get(id);
      // A session that has gone takes no time: nobody's costly sessions stand in the way of a logout.
      const known =
        value === undefined
          ? fault
          : value === null
            ? inspector.userOf(null)
            : time.spend(firstUser, () => knownBy(inspector, value));
      for (const at of places) {
        const [user] = logins[at] as WatchedLogin;
        watched[at] =
          known === undefined
            ? { outcome: "unknown", code: "no-time-left" }
            : watchedBy("outcome" in known ? known : verdictOn(known, { user, server }));
      }
    }
  }
  return { outcome: "answered", watched };
}

/** What fails by a fault of ours must not spoil the answers on the other sessions. */
function knownBy(inspector: SessionInspector, stored: StoredValue): SessionUser | Unavailable {
  try {
    return inspector.userOf(stored);
  } catch (error) {
    return unavailable("internal-error", error instanceof Error ? error.name : "unknown");
  }
}
