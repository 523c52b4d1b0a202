// What a login's password can be. Both ends ask the same function: the relay refuses what is neither without a request,
// and the function never looks it up.
//
//   password   = session-id / ticket
//   session-id = 22*256( ALPHA / DIGIT / "," / "-" / "_" )
//   ticket     = 1*b64 "." *b64 "." 1*b64 "." 1*b64 "." 1*b64      ; a compact JWE; without an encrypted key: two dots
//   b64        = ALPHA / DIGIT / "-" / "_"
//
// No session id holds a dot, so nothing is both. A site's own ids are of a narrower shape, which the function alone knows
// (inspector/session-id.ts): PHP's, unless a preset has its own. PHP makes none with "_"; Drupal up to 10 does.
//
// Source: php-src ext/session/session.c, php_session_create_id() and php_session_valid_key(), with the limits of
// session.sid_length; RFC 7516, 7.1. A key in the store is prefix + session id, and locks are separate keys that end in
// ".lock" or "_LOCK" or begin with "lock.": without "." and "_" nobody can name one. A preset that takes "_" has no such
// locks, or a hash for its key.

export type PasswordKind = "session-id" | "ticket";

export const phpSessionId = /^[A-Za-z0-9,-]{22,256}$/;
const anySessionId = /^[\w,-]{22,256}$/;
const compactJwe = /^[\w-]+\.[\w-]*\.[\w-]+\.[\w-]+\.[\w-]+$/;

/** Returns what the password can be by its shape, or undefined if it can be neither. */
export function kindOfPassword(password: string): PasswordKind | undefined {
  if (anySessionId.test(password)) return "session-id";
  return compactJwe.test(password) ? "ticket" : undefined;
}
