// The verdict: is THIS user logged in on the site with THIS session? And of many sessions: is somebody, with each? Of many
// connections that are open, login-watch.ts asks the same.

import type { IsUserPolicy } from "../protocol/login-answer.ts";
import type { LoginRequest } from "../protocol/login-request.ts";
import { kindOfPassword, phpSessionId } from "../protocol/password.ts";
import { escapeLocalpart, localpartOfUserName } from "./localpart.ts";
import type { PhpSession } from "./session/model.ts";
import { sessionBytesOf } from "./session/stored-value.ts";
import { UnreadableSessionError } from "./session/unreadable.ts";
import type { Wanted } from "./session/wanted.ts";
import { type SessionStore, type StoredValue, type StoredValues, StoreError } from "./session-store.ts";
import type { OpenTickets } from "./ticket.ts";
import {
  allowed,
  type RefusalReason,
  refused,
  type SessionsVerdict,
  type Unavailable,
  unavailable,
  type Verdict,
} from "./verdict.ts";
import { type WhoExpressions, wantedBy, whoIsLoggedIn } from "./who.ts";

export interface SessionInspectorOptions {
  readonly store: SessionStore;
  /** The shape of the site's session ids: PHP's own unless told. What has another is not looked up. */
  readonly sessionId?: RegExp;
  /** A stored value -> the session's bytes: what a client alone does unless told. Throws UnreadableSessionError. */
  readonly unwrap?: (stored: StoredValue) => Uint8Array;
  /** The site's session.serialize_handler: bytes -> session. Throws UnreadableSessionError. */
  readonly decode: (bytes: Uint8Array, wanted?: Wanted) => PhpSession;
  readonly expressions: WhoExpressions;
  /** The virtual hosts whose users are this site's, prepared as ejabberd does it (lower case). */
  readonly servedHosts: ReadonlySet<string>;
  readonly isUserPolicy: IsUserPolicy;
  /** Whether the site has names that differ in case only: ejabberd would take these for one user. */
  readonly namesDifferByCase: boolean;
  /** Where passwords may be tickets. */
  readonly tickets?: {
    readonly open: OpenTickets;
    /** Whether a plain session id is refused. */
    readonly areRequired: boolean;
  };
  /** The time, in milliseconds since 1970: what expressions say of a session's age is measured by it. */
  readonly nowMs: () => number;
}

/** The localpart of who is logged in with a session, or why nobody is. */
export type SessionUser =
  | { readonly localpart: string; readonly hosts?: readonly string[] }
  | { readonly reason: RefusalReason; readonly detail?: string };

export class SessionInspector {
  readonly #options: SessionInspectorOptions;
  readonly #wanted: Wanted | undefined;

  constructor(options: SessionInspectorOptions) {
    this.#options = options;
    this.#wanted = wantedBy(options.expressions);
  }

  /** Returns the verdict on one request. Every path that proves nothing ends in a refusal. */
  async inspect(request: LoginRequest): Promise<Verdict> {
    const { store, servedHosts, isUserPolicy } = this.#options;
    if (!servedHosts.has(request.server)) return refused("host-not-served");
    if (request.op === "isuser") return isUserPolicy === "all" ? allowed : refused("isuser-policy");
    const opened = this.sessionIdOf(request.password, request.server, this.#options.nowMs() / 1000);
    if ("outcome" in opened) return opened;
    const found = await reach(store.getData(opened.sessionId));
    if ("outcome" in found) return found;
    return verdictOn(this.userOf(found.answer), request);
  }

  /**
   * Returns for each session id, in this order, whether somebody is logged in with it: what a login asks of the
   * session, without the comparison with a user. All or nothing: with one node of the store away, a "no" for its
   * sessions would log people out of whatever relies on the answer.
   */
  async inspectSessions(ids: readonly string[]): Promise<SessionsVerdict> {
    const asked = new Set(ids.filter((id) => this.#isSessionId(id)));
    const { stored, fault } = await this.look([...asked]);
    if (fault !== undefined) return fault;
    const live = new Set<string>();
    for (const id of asked) {
      if ("localpart" in this.userOf(stored.get(id) ?? null)) live.add(id);
    }
    return { outcome: "answered", authenticated: ids.map((id) => live.has(id)) };
  }

  /** Returns what is stored of these sessions, and where some have no entry, why. */
  async look(
    sessionIds: readonly string[],
    limitMs?: number,
  ): Promise<{ readonly stored: StoredValues["stored"]; readonly fault?: Unavailable }> {
    const found = await reach(this.#options.store.getMany(sessionIds, limitMs));
    if ("outcome" in found) return { stored: new Map(), fault: found };
    const { stored, faults } = found.answer;
    const [error] = faults;
    if (error !== undefined) return { stored, fault: unavailable(error.fault, error.detail) };
    if (!sessionIds.every((id) => stored.has(id))) {
      throw new Error("a store left out a session without a fault");
    }
    return { stored };
  }

  /**
   * Returns the session id that a password is, or that the ticket holds which it is, or why there is none. `nowSeconds`:
   * since 1970; undefined where the ticket's own end does not matter.
   */
  sessionIdOf(
    password: string,
    host: string,
    nowSeconds: number | undefined,
  ): { readonly sessionId: string } | Verdict {
    const { tickets } = this.#options;
    const kind = kindOfPassword(password);
    if (kind === undefined) return refused("malformed-session-id");
    if (kind === "session-id") {
      if (!this.#isSessionId(password)) return refused("malformed-session-id");
      return tickets?.areRequired === true ? refused("ticket-required") : { sessionId: password };
    }
    if (tickets === undefined) return refused("malformed-session-id", "tickets-off");
    const opened = tickets.open(password, { host, nowSeconds });
    if ("problem" in opened) return refused(opened.problem);
    return this.#isSessionId(opened.sessionId) ? opened : refused("malformed-session-id");
  }

  #isSessionId(text: string): boolean {
    return (this.#options.sessionId ?? phpSessionId).test(text);
  }

  /** Returns who is logged in with what is stored, or why nobody is. Throws what is a fault of ours. */
  userOf(stored: StoredValue | null): SessionUser {
    if (stored === null) return { reason: "no-session" };
    const { unwrap = sessionBytesOf, decode, expressions, namesDifferByCase, nowMs } = this.#options;
    let session: PhpSession;
    try {
      session = decode(unwrap(stored), this.#wanted);
    } catch (error) {
      if (error instanceof UnreadableSessionError)
        return { reason: "unreadable-session", detail: error.code };
      throw error;
    }
    const who = whoIsLoggedIn(session, expressions, nowMs() / 1000, this.#wanted);
    if ("reason" in who) return who;
    const { userName, hosts } = who;
    const prepared = localpartOfUserName(userName);
    if ("problem" in prepared) return { reason: "doubtful-user-name", detail: prepared.problem };
    if (namesDifferByCase && prepared.localpart !== escapeLocalpart(userName)) {
      return { reason: "doubtful-user-name", detail: "not-lower-case" };
    }
    return { ...prepared, ...(hosts && { hosts }) };
  }
}

/** Returns the verdict on a login. `user`: the JID's localpart, `server` its domainpart, as ejabberd has prepared them. */
export function verdictOn(
  found: SessionUser,
  { user, server }: { readonly user: string; readonly server: string },
): Verdict {
  if ("reason" in found) return refused(found.reason, found.detail);
  // A live session is not enough: it must be the session of the user who logs in.
  if (found.localpart !== user) return refused("other-user");
  return found.hosts === undefined || found.hosts.includes(server) ? allowed : refused("host-not-allowed");
}

/** Returns what the store answers, or that it is unavailable and why. Throws a fault of ours on. */
async function reach<T>(answer: Promise<T>): Promise<{ readonly answer: T } | Unavailable> {
  try {
    return { answer: await answer };
  } catch (error) {
    if (error instanceof StoreError) return unavailable(error.fault, error.detail);
    throw error;
  }
}
