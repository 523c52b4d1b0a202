// The answer of the contract: what the function says to the relay.
//
//   200  {"allow":true}                                  ; a proven yes
//   200  {"allow":false [, "reason": code]}              ; a verdict of no
//   400  {"error": code}                                 ; the request broke the contract (login-request.ts)
//   503  {"error":"unavailable" [, "reason": code]}      ; no verdict could be reached
//   code = 1*40 ( %x61-7A / %x30-39 / "-" )
//
// A reason is told to a caller that signed and asked for it (`explain` in login-request.ts). It is a code of the
// function's closed list (inspector/verdict.ts), which may grow before a relay learns of it.

import { MAX_ANSWER_BYTES } from "./limits.ts";

export interface Answer {
  readonly status: 200 | 400 | 503;
  /** JSON text. */
  readonly body: string;
}

export type ParsedAnswer =
  | { readonly allow: true }
  | { readonly allow: false; readonly reason?: string }
  /** The function answered, and has no verdict on this login. */
  | { readonly unavailable: true; readonly reason?: string };

const code = /^[a-z0-9-]{1,40}$/;

/**
 * Gives what the function said, and undefined for whatever did not come from it in these words. Throws nothing.
 * The body is taken to the letter: a yes is one member `allow`, the JSON boolean true, and nothing beside it.
 */
export function parseAnswer(status: number, body: string): ParsedAnswer | undefined {
  if ((status !== 200 && status !== 503) || body.length > MAX_ANSWER_BYTES) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
  const { allow, error, reason, ...others } = parsed as Readonly<Record<string, unknown>>;
  if (Object.keys(others).length > 0) return undefined;
  if (reason !== undefined && !(typeof reason === "string" && code.test(reason))) return undefined;
  const told = reason === undefined ? {} : { reason: reason as string };
  if (status === 503) {
    return error === "unavailable" && allow === undefined ? { unavailable: true, ...told } : undefined;
  }
  if (error !== undefined) return undefined;
  if (allow === false) return { allow, ...told };
  return allow === true && reason === undefined ? { allow } : undefined;
}
