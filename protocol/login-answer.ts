// The answer of the contract: what the function says to the relay.
//
//   200  {"allow":true [, nonce [, isuser]]}               ; a proven yes
//   200  {"allow":false [, reason] [, nonce [, isuser]]}   ; a verdict of no
//   400  {"error": code}                                   ; the request broke the contract (login-request.ts)
//   503  {"error":"unavailable" [, reason]}                ; no verdict could be reached
//   reason = "reason": code
//   nonce  = "nonce": text                                 ; the request's, if it sent one
//   isuser = "isuser": ( "all" / "none" )                  ; the policy of a host that the function serves
//   code   = 1*40 ( %x61-7A / %x30-39 / "-" )
//
// A reason is told to a caller that signed and asked for it (`explain` in login-request.ts). It is a code of the
// function's closed list (inspector/verdict.ts), which may grow before a relay learns of it.

import { type Members, membersOf } from "./json-body.ts";
import { MAX_ANSWER_BYTES } from "./limits.ts";

export interface Answer {
  readonly status: 200 | 400 | 503;
  /** JSON text. */
  readonly body: string;
}

/** What `isuser` is answered with: that every user exists, or that none does. */
export type IsUserPolicy = "all" | "none";

/** `isUserPolicy`: that of the host in question, if the function serves it. */
export type Verdict =
  | { readonly allow: true; readonly isUserPolicy?: IsUserPolicy }
  | { readonly allow: false; readonly reason?: string; readonly isUserPolicy?: IsUserPolicy };

export type ParsedAnswer =
  | { readonly verdict: Verdict }
  /**
   * No verdict. `unavailable`: the function has none, and may say why. `function-outdated`: it is older than the
   * nonce. `other-question`: a verdict without this request's nonce. `not-an-answer`: not the function's words.
   */
  | { readonly fault: "unavailable"; readonly reason?: string }
  | { readonly fault: "function-outdated" | "other-question" | "not-an-answer" };

const code = /^[a-z0-9-]{1,40}$/;
const notAnAnswer: ParsedAnswer = { fault: "not-an-answer" };

/**
 * Returns what the function said to the request with this nonce. Throws nothing. The body is taken to the letter: a
 * yes has the member `allow`, the JSON boolean true, the nonce, perhaps the policy, and nothing else. A "no" without the
 * nonce proves nothing either.
 */
export function parseAnswer(status: number, body: string, nonce: string): ParsedAnswer {
  if (body.length > MAX_ANSWER_BYTES) return notAnAnswer;
  const members = membersOf(body);
  if (members === undefined) return notAnAnswer;
  switch (status) {
    case 200:
      return parseVerdict(members, nonce);
    case 400:
      // A function from before the nonce does not know the member. The relay asks with no other.
      return isOnly(members, { error: "field-unknown" }) ? { fault: "function-outdated" } : notAnAnswer;
    case 503: {
      const { reason, ...rest } = members;
      if (!isOnly(rest, { error: "unavailable" }) || !isReason(reason)) return notAnAnswer;
      return { fault: "unavailable", ...(reason !== undefined && { reason }) };
    }
    default:
      return notAnAnswer;
  }
}

function parseVerdict(members: Members, nonce: string): ParsedAnswer {
  const { allow, reason, nonce: repeated, isuser, ...others } = members;
  if (typeof allow !== "boolean" || Object.keys(others).length > 0) return notAnAnswer;
  if (!isReason(reason) || (allow && reason !== undefined)) return notAnAnswer;
  if (!isPolicy(isuser)) return notAnAnswer;
  if (repeated !== nonce) return { fault: "other-question" };
  const policy = isuser === undefined ? {} : { isUserPolicy: isuser };
  if (allow) return { verdict: { allow, ...policy } };
  return { verdict: { allow, ...(reason !== undefined && { reason }), ...policy } };
}

function isReason(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === "string" && code.test(value));
}

function isPolicy(value: unknown): value is IsUserPolicy | undefined {
  return value === undefined || value === "all" || value === "none";
}

function isOnly(members: Members, { error }: { readonly error: string }): boolean {
  return members["error"] === error && Object.keys(members).length === 1;
}
