// The request of the contract: what the relay asks of the function in the body of POST /auth.
//
//   request  = auth / isuser                       ; one JSON object (RFC 8259), no other members
//   auth     = { "op": "auth", "user": text, "server": text, "password": text [, explain] [, nonce] }
//   isuser   = { "op": "isuser", "user": text, "server": text [, explain] [, nonce] }
//   explain  = "explain": true                     ; the answer is to say why, if the caller has signed
//   nonce    = "nonce": text                       ; 1 to 32 characters: the answer repeats it (login-answer.ts)
//   text     = JSON string, at least one character (a password may be empty), well-formed Unicode,
//              at most as many bytes of UTF-8 as limits.ts says
//
// A relay from before the nonce sends none, and knows no answer with one.

import { type BodyProblem, isNonce, isText, type Members, parseMembers } from "./json-body.ts";
import { MAX_PASSWORD_BYTES, MAX_REQUEST_BYTES, MAX_SERVER_BYTES, MAX_USER_BYTES } from "./limits.ts";

interface Common {
  /** JID localpart, prepared by ejabberd. */
  readonly user: string;
  /** JID domainpart: the virtual host the user logs in to. */
  readonly server: string;
  /** The answer is to say why it is no. The function tells it to callers that signed, and to no other. */
  readonly explain?: true;
  /** New for each attempt: an answer without it is the answer to something else. */
  readonly nonce?: string;
}

interface AuthRequest extends Common {
  readonly op: "auth";
  /** What the client gave as its password: PHP's session id. */
  readonly password: string;
}

interface IsUserRequest extends Common {
  readonly op: "isuser";
}

export type LoginRequest = AuthRequest | IsUserRequest;

/** Every way a request can break the contract. The codes are stable and carry nothing of the request. */
export type ContractProblem =
  | BodyProblem
  | "op-unknown"
  | "field-unknown"
  | "user-invalid"
  | "server-invalid"
  | "password-invalid"
  | "explain-invalid"
  | "nonce-invalid";

export type ParsedRequest = { readonly request: LoginRequest } | { readonly problem: ContractProblem };

/** Returns the request that a body of JSON text carries, or the one code of what is wrong with it. Throws nothing. */
export function parseLoginRequest(body: string): ParsedRequest {
  const parsed = parseMembers(body, MAX_REQUEST_BYTES);
  return "problem" in parsed ? parsed : checkLoginRequest(parsed.members);
}

/** Returns the request that these members make, or what is wrong with them: the same rules for both ends. */
export function checkLoginRequest(members: Members): ParsedRequest {
  const { op, user, server, password, explain, nonce, ...others } = members;
  if (op !== "auth" && op !== "isuser") return { problem: "op-unknown" };
  // A member that this release does not know may be one that narrows the answer: ignoring it could say a
  // yes that the sender did not ask for. So the function is deployed before the relays that send a new one.
  if (Object.keys(others).length > 0) return { problem: "field-unknown" };
  if (!isText(user, MAX_USER_BYTES) || user === "") return { problem: "user-invalid" };
  if (!isText(server, MAX_SERVER_BYTES) || server === "") return { problem: "server-invalid" };
  if (explain !== undefined && explain !== true) return { problem: "explain-invalid" };
  if (nonce !== undefined && !isNonce(nonce)) return { problem: "nonce-invalid" };
  const common = {
    user,
    server,
    ...(explain === true && { explain: true as const }),
    ...(nonce !== undefined && { nonce }),
  };
  if (op === "isuser") {
    return password === undefined ? { request: { op, ...common } } : { problem: "field-unknown" };
  }
  if (!isText(password, MAX_PASSWORD_BYTES)) return { problem: "password-invalid" };
  return { request: { op, password, ...common } };
}
