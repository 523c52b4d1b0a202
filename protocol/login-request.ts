// The request of the contract: what the relay asks of the function in the body of POST /auth.
//
//   request  = auth / isuser                       ; one JSON object (RFC 8259), no other members
//   auth     = { "op": "auth", "user": text, "server": text, "password": text }
//   isuser   = { "op": "isuser", "user": text, "server": text }
//   text     = JSON string, at least one character (a password may be empty), well-formed Unicode,
//              at most so many bytes of UTF-8 as limits.ts says

import { MAX_PASSWORD_BYTES, MAX_REQUEST_BYTES, MAX_SERVER_BYTES, MAX_USER_BYTES } from "./limits.ts";

interface AuthRequest {
  readonly op: "auth";
  /** JID localpart, prepared by ejabberd. */
  readonly user: string;
  /** JID domainpart: the virtual host the user logs in to. */
  readonly server: string;
  /** What the client gave as its password: PHP's session id. */
  readonly password: string;
}

interface IsUserRequest {
  readonly op: "isuser";
  readonly user: string;
  readonly server: string;
}

export type LoginRequest = AuthRequest | IsUserRequest;

/** Every way a request can break the contract. The codes are stable and carry nothing of the request. */
export type ContractBreach =
  | "body-missing"
  | "body-too-large"
  | "body-not-json"
  | "body-not-an-object"
  | "op-unknown"
  | "field-unknown"
  | "user-invalid"
  | "server-invalid"
  | "password-invalid";

export type ParsedRequest = { readonly request: LoginRequest } | { readonly breach: ContractBreach };

/** Gives the request that a body of JSON text carries, or the one code of what is wrong with it. Throws nothing. */
export function parseLoginRequest(body: string): ParsedRequest {
  if (body === "") return { breach: "body-missing" };
  // A string of n characters has at least n bytes of UTF-8, so the first look spares counting a huge body.
  if (body.length > MAX_REQUEST_BYTES || Buffer.byteLength(body) > MAX_REQUEST_BYTES) {
    return { breach: "body-too-large" };
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return { breach: "body-not-json" };
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return { breach: "body-not-an-object" };
  }
  return checkLoginRequest(parsed as Readonly<Record<string, unknown>>);
}

/** Gives the request that these members make, or what is wrong with them: the same rules for both ends. */
export function checkLoginRequest(members: Readonly<Record<string, unknown>>): ParsedRequest {
  const { op, user, server, password, ...others } = members;
  if (op !== "auth" && op !== "isuser") return { breach: "op-unknown" };
  // A member that this release does not know may be one that narrows the answer: overlooking it could say a
  // yes that the sender did not ask for. So the function is deployed before the relays that send a new one.
  if (Object.keys(others).length > 0) return { breach: "field-unknown" };
  if (!isText(user, MAX_USER_BYTES) || user === "") return { breach: "user-invalid" };
  if (!isText(server, MAX_SERVER_BYTES) || server === "") return { breach: "server-invalid" };
  if (op === "isuser") {
    return password === undefined ? { request: { op, user, server } } : { breach: "field-unknown" };
  }
  if (!isText(password, MAX_PASSWORD_BYTES)) return { breach: "password-invalid" };
  return { request: { op, user, server, password } };
}

// A lone surrogate has no UTF-8 form: Buffer would count it as U+FFFD, and two names would become one.
const loneSurrogate = /\p{Surrogate}/u;

function isText(value: unknown, maxBytes: number): value is string {
  return (
    typeof value === "string" &&
    value.length <= maxBytes &&
    Buffer.byteLength(value) <= maxBytes &&
    !loneSurrogate.test(value)
  );
}
