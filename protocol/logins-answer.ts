// The answer to a question about connections (logins-request.ts): what the function says to the relay, and the relay to
// the chat host.
//
//   200  {"live": 1*1000( "1" / "0" / "?" ) [, nonce]}   ; a character for each login, in the order asked
//   400  {"error": code}                                 ; the request broke the contract
//   503  {"error":"unavailable"}                         ; nothing is known of any of them
//   "1" = live         ; a login would be let in now
//   "0" = ended        ; proven: the session has ended, or is another user's
//   "?" = unknown      ; neither is proven: nothing may be ended by it
//   nonce = "nonce": text                                ; the request's, if it sent one

import { membersOf } from "./json-body.ts";
import { MAX_LOGINS_ANSWER_BYTES } from "./limits.ts";

export type WatchedState = "live" | "ended" | "unknown";

/** How an answer writes each state. */
export const stateCharacters: Readonly<Record<WatchedState, string>> = {
  live: "1",
  ended: "0",
  unknown: "?",
};

const characters = /^[10?]*$/;

/** The characters, or why there are none. `other-question`: the answer has another nonce. */
export type ParsedLoginsAnswer =
  | { readonly verdict: string }
  | { readonly fault: "unavailable" | "other-question" | "not-an-answer" };

/**
 * Returns what the function said to the question with this nonce about so many logins. Throws nothing. The body is
 * taken to the letter: one character too many or too few would be another login's.
 */
export function parseLoginsAnswer(
  status: number,
  body: string,
  asked: { readonly nonce: string; readonly count: number },
): ParsedLoginsAnswer {
  if (status === 503 && body === '{"error":"unavailable"}') return { fault: "unavailable" };
  if (status !== 200 || body.length > MAX_LOGINS_ANSWER_BYTES) return { fault: "not-an-answer" };
  const { live, nonce, ...others } = membersOf(body) ?? {};
  const isWhole = typeof live === "string" && live.length === asked.count && characters.test(live);
  if (!isWhole || Object.keys(others).length > 0) return { fault: "not-an-answer" };
  return nonce === asked.nonce ? { verdict: live } : { fault: "other-question" };
}
