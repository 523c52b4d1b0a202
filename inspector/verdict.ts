// The outcomes of a login, of a connection and of a question about many sessions, with the closed list of their codes. Logs and metrics
// count these codes.

/** Why a login is refused. */
export type RefusalReason =
  | "host-not-served"
  | "host-not-allowed"
  | "malformed-session-id"
  /** A plain session id, where only tickets count. */
  | "ticket-required"
  | "ticket-malformed"
  | "ticket-forged"
  | "ticket-key-unknown"
  | "ticket-expired"
  | "ticket-too-long"
  | "ticket-other-host"
  | "no-session"
  | "unreadable-session"
  | "expression-failed"
  | "not-authenticated"
  | "no-user-name"
  | "doubtful-user-name"
  | "other-user"
  | "isuser-policy";

/** Why a store could not tell. */
export type StoreFault =
  | "store-unreachable"
  | "store-timeout"
  /** Nothing proves that it is the site's: a certificate is wrong, or others can write there. */
  | "store-untrusted"
  /** It answered, with an error. */
  | "store-refused"
  /** A store of the operator's own threw an error, or returned what is no answer. */
  | "store-failed"
  /** It is not known where the store is. */
  | "discovery-failed";

/** Why no verdict could be reached. */
export type Fault = StoreFault | "bad-configuration" | "internal-error";

export interface Unavailable {
  readonly outcome: "unavailable";
  readonly fault: Fault;
  /** What the store knows of its fault: for the function's log alone. */
  readonly detail?: string;
}

export type Verdict =
  | { readonly outcome: "allowed" }
  /** `detail`: a code of what made the session or the name unusable; never a value. */
  | { readonly outcome: "refused"; readonly reason: RefusalReason; readonly detail?: string }
  | Unavailable;

/** Whether somebody is logged in with each of many sessions, in the order asked. All are answered, or none. */
export type SessionsVerdict =
  | { readonly outcome: "answered"; readonly authenticated: readonly boolean[] }
  | Unavailable;

/** What is known of a connection by the session that it was opened with. */
export type Watched =
  | { readonly outcome: "live" }
  | { readonly outcome: "ended"; readonly reason: RefusalReason }
  /** `code`: a reason that proves no end, a fault, or that the request had no time left for this session. */
  | {
      readonly outcome: "unknown";
      readonly code: RefusalReason | Fault | "no-time-left";
      readonly detail?: string;
    };

/** What is known of each of many connections, in the order asked. */
export type LoginsVerdict =
  | { readonly outcome: "answered"; readonly watched: readonly Watched[] }
  | Unavailable;

/**
 * The reasons that prove the end of a connection's session: it is gone, nobody is logged in with it, or somebody else,
 * or not on this host. No other reason and no fault is one: it can come from a setting, a key or a release that changed.
 */
const endings: ReadonlySet<RefusalReason> = new Set([
  "no-session",
  "not-authenticated",
  "no-user-name",
  "other-user",
  "host-not-allowed",
]);

/** Returns what the verdict on a login says of a connection that was opened with it. */
export function watchedBy(verdict: Verdict): Watched {
  if (verdict.outcome === "allowed") return { outcome: "live" };
  const { detail } = verdict;
  const code = verdict.outcome === "refused" ? verdict.reason : verdict.fault;
  if (verdict.outcome === "refused" && endings.has(verdict.reason)) {
    return { outcome: "ended", reason: verdict.reason };
  }
  return { outcome: "unknown", code, ...(detail !== undefined && { detail }) };
}

export const allowed: Verdict = Object.freeze({ outcome: "allowed" });

export function refused(reason: RefusalReason, detail?: string): Verdict {
  return detail === undefined ? { outcome: "refused", reason } : { outcome: "refused", reason, detail };
}

export function unavailable(fault: Fault, detail?: string): Unavailable {
  return detail === undefined ? { outcome: "unavailable", fault } : { outcome: "unavailable", fault, detail };
}
