// The outcomes of a login and of a question about many sessions, with the closed list of their codes. Logs and metrics
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

export const allowed: Verdict = Object.freeze({ outcome: "allowed" });

export function refused(reason: RefusalReason, detail?: string): Verdict {
  return detail === undefined ? { outcome: "refused", reason } : { outcome: "refused", reason, detail };
}

export function unavailable(fault: Fault, detail?: string): Unavailable {
  return detail === undefined ? { outcome: "unavailable", fault } : { outcome: "unavailable", fault, detail };
}
