// The chat host's question about connections that are open, in the body of POST /logins: does the session that each was
// opened with still let its user in?
//
//   request  = { "server": text, "logins": [ 1*1000 login ] [, nonce] }   ; one JSON object (RFC 8259), no other members
//   login    = [ user, password ]                  ; what the connection was opened with
//   user     = text, at least one character
//   password = text
//   nonce    = "nonce": text                       ; 1 to 32 characters: the answer repeats it
//   text     = JSON string, well-formed Unicode, at most as many bytes of UTF-8 as limits.ts says
//
// A login may stand there twice. The answer (logins-answer.ts) tells of each login alone: what is not known of one
// says nothing of the others.

import { type BodyProblem, isNonce, isText, parseMembers } from "./json-body.ts";
import {
  MAX_LOGINS,
  MAX_LOGINS_REQUEST_BYTES,
  MAX_PASSWORD_BYTES,
  MAX_SERVER_BYTES,
  MAX_USER_BYTES,
} from "./limits.ts";

/** A user's localpart, prepared by ejabberd, and the password that the connection was opened with. */
export type WatchedLogin = readonly [user: string, password: string];

export interface LoginsRequest {
  /** JID domainpart: the virtual host that all of them are connected to. */
  readonly server: string;
  /** From 1 to MAX_LOGINS of them. */
  readonly logins: readonly WatchedLogin[];
  /** New for each attempt: an answer without it is the answer to something else. */
  readonly nonce?: string;
}

/** Every way a request can break the contract. The codes are stable and carry nothing of the request. */
type LoginsProblem =
  | BodyProblem
  | "field-unknown"
  | "server-invalid"
  | "logins-invalid"
  | "logins-too-many"
  | "nonce-invalid";

export type ParsedLoginsRequest = { readonly request: LoginsRequest } | { readonly problem: LoginsProblem };

/** Returns the request that a body of JSON text carries, or the one code of what is wrong with it. Throws nothing. */
export function parseLoginsRequest(body: string): ParsedLoginsRequest {
  const parsed = parseMembers(body, MAX_LOGINS_REQUEST_BYTES);
  if ("problem" in parsed) return parsed;
  const { server, logins, nonce, ...others } = parsed.members;
  // As in a login: a member that this release does not know may be one that narrows the answer.
  if (Object.keys(others).length > 0) return { problem: "field-unknown" };
  if (!isText(server, MAX_SERVER_BYTES) || server === "") return { problem: "server-invalid" };
  if (!Array.isArray(logins) || logins.length === 0) return { problem: "logins-invalid" };
  if (logins.length > MAX_LOGINS) return { problem: "logins-too-many" };
  if (!logins.every(isLogin)) return { problem: "logins-invalid" };
  if (nonce !== undefined && !isNonce(nonce)) return { problem: "nonce-invalid" };
  return { request: { server, logins, ...(nonce !== undefined && { nonce }) } };
}

function isLogin(value: unknown): value is WatchedLogin {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [user, password] = value;
  return isText(user, MAX_USER_BYTES) && user !== "" && isText(password, MAX_PASSWORD_BYTES);
}
