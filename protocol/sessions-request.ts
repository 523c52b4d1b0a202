// A program's question about many sessions, in the body of POST /sessions: is somebody logged in with each?
//
//   request  = { "ids": [ 1*100 text ] }           ; one JSON object (RFC 8259), no other members
//   text     = JSON string, well-formed Unicode, at most as many bytes of UTF-8 as limits.ts says
//
//   answer   = 200 { "authenticated": [ 1*100 ( true / false ) ] }    ; one for each id, in the order of the ids
//            / 400 { "error": problem }             ; the request broke the contract
//            / 503 { "error": "unavailable" }      ; no verdict could be reached on one of them, or on more
//
// An id may stand there twice. What cannot be a session id is no breach: nobody is logged in with it. And there is
// no answer for a part of the ids: a program that took a node's fault for "no" would log people out by it.

import { type BodyProblem, isText, parseMembers } from "./json-body.ts";
import { MAX_SESSION_ID_BYTES, MAX_SESSIONS, MAX_SESSIONS_REQUEST_BYTES } from "./limits.ts";

export interface SessionsRequest {
  /** PHP's session ids, from 1 to MAX_SESSIONS of them. */
  readonly ids: readonly string[];
}

/** Every way a request can break the contract. The codes are stable and carry nothing of the request. */
type SessionsProblem = BodyProblem | "field-unknown" | "ids-invalid" | "ids-too-many";

export type ParsedSessionsRequest =
  | { readonly request: SessionsRequest }
  | { readonly problem: SessionsProblem };

/** Returns the request that a body of JSON text carries, or the one code of what is wrong with it. Throws nothing. */
export function parseSessionsRequest(body: string): ParsedSessionsRequest {
  const parsed = parseMembers(body, MAX_SESSIONS_REQUEST_BYTES);
  if ("problem" in parsed) return parsed;
  const { ids, ...others } = parsed.members;
  // As in a login: a member that this release does not know may be one that narrows the answer.
  if (Object.keys(others).length > 0) return { problem: "field-unknown" };
  if (!Array.isArray(ids) || ids.length === 0) return { problem: "ids-invalid" };
  if (ids.length > MAX_SESSIONS) return { problem: "ids-too-many" };
  if (!ids.every((id) => isText(id, MAX_SESSION_ID_BYTES))) return { problem: "ids-invalid" };
  return { request: { ids } };
}
