// PHP's session ids.
//
//   session-id = 22*256( ALPHA / DIGIT / "," / "-" )
//
// Source: php-src ext/session/session.c, php_session_create_id() and php_session_valid_key(); the shortest and
// the longest are session.sid_length's limits. A key in the store is prefix + session id, and locks are separate
// keys that end in ".lock" or "_LOCK" or begin with "lock.": without "." and "_" nobody can name one.

const sessionId = /^[A-Za-z0-9,-]{22,256}$/;

/** Returns whether PHP can have made this session id. Nothing else is ever sent to a store. */
export function isSessionId(text: string): boolean {
  return sessionId.test(text);
}
