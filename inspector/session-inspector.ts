// The verdict: is THIS user logged in on the site with THIS session?

import type { LoginRequest } from "../protocol/login-request.ts";
import { localpartOfUserName } from "./localpart.ts";
import { toDocument } from "./php/document.ts";
import type { PhpSession } from "./php/model.ts";
import { UnreadableSessionError } from "./php/unreadable.ts";
import { isSessionId } from "./session-id.ts";
import { type SessionStore, type StoredValue, StoreError } from "./session-store.ts";
import { sessionBytesOf } from "./stored-value.ts";
import { allowed, refused, unavailable, type Verdict } from "./verdict.ts";
import { type WhoExpressions, whoIsLoggedIn } from "./who.ts";

/** What `isuser` is told: that every user exists, or that none does. */
export type IsUserPolicy = "all" | "none";

export interface SessionInspectorOptions {
  readonly store: SessionStore;
  /** The site's session.serialize_handler: bytes -> session. Throws UnreadableSessionError. */
  readonly decode: (bytes: Uint8Array) => PhpSession;
  readonly expressions: WhoExpressions;
  /** The virtual hosts whose users are this site's, prepared as ejabberd does it (lower case). */
  readonly servedHosts: ReadonlySet<string>;
  readonly isUserPolicy: IsUserPolicy;
  /** The time, in milliseconds since 1970: what expressions say of a session's age is measured by it. */
  readonly nowMs: () => number;
}

export class SessionInspector {
  readonly #options: SessionInspectorOptions;

  constructor(options: SessionInspectorOptions) {
    this.#options = options;
  }

  /** Gives the verdict on one request. Every path that proves nothing ends in a refusal. */
  async inspect(request: LoginRequest): Promise<Verdict> {
    const { store, servedHosts, isUserPolicy } = this.#options;
    if (!servedHosts.has(request.server)) return refused("host-not-served");
    if (request.op === "isuser") return isUserPolicy === "all" ? allowed : refused("isuser-policy");
    if (!isSessionId(request.password)) return refused("malformed-session-id");
    let stored: StoredValue | null;
    try {
      stored = await store.getData(request.password);
    } catch (error) {
      if (error instanceof StoreError) return unavailable(error.fault);
      throw error;
    }
    return stored === null ? refused("no-session") : this.#judge(stored, request.user);
  }

  /** `user` is the JID's localpart, which ejabberd has prepared. */
  #judge(stored: StoredValue, user: string): Verdict {
    const { decode, expressions, nowMs } = this.#options;
    let session: PhpSession;
    try {
      session = decode(sessionBytesOf(stored));
    } catch (error) {
      if (error instanceof UnreadableSessionError) return refused("unreadable-session", error.code);
      throw error;
    }
    const who = whoIsLoggedIn(toDocument(session), expressions, nowMs() / 1000);
    if ("reason" in who) return refused(who.reason, who.detail);
    const prepared = localpartOfUserName(who.userName);
    if ("doubt" in prepared) return refused("doubtful-user-name", prepared.doubt);
    // A live session is not enough: it must be the session of the user who logs in.
    return prepared.localpart === user ? allowed : refused("other-user");
  }
}
