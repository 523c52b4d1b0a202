// PHP's session ids.
//
//   session-id = 22*256( ALPHA / DIGIT / "," / "-" )
//
// Source: php-src ext/session/session.c, php_session_create_id() and php_session_valid_key(); the shortest and
// the longest are session.sid_length's limits. A key in the store is prefix + session id, and locks are separate
// keys that end in ".lock" or "_LOCK" or begin with "lock.": without "." and "_" nobody can name one.

// Frameworks and php.ini have narrower ones: the shape of a site's ids keeps what else lies under its key prefix, such
// as entries of a cache, from being taken for sessions.

/** Returns whether PHP can have made this session id. Nothing else is ever sent to a store. */
export function isSessionId(text: string): boolean {
  return phpSessionId.test(text);
}

export const phpSessionId = /^[A-Za-z0-9,-]{22,256}$/;

export const minSidLength = 22;
export const maxSidLength = 256;

/** By session.sid_bits_per_character: php-src ext/session/session.c, bin_to_readable(). */
const alphabets = { 4: "0-9a-f", 5: "0-9a-v", 6: "A-Za-z0-9,-" } as const;

export type SidBits = keyof typeof alphabets;

/** Returns the shape of the ids of a site with these settings: session.sid_length, session.sid_bits_per_character. */
export function sessionIdOf({ length, bits = 6 }: { length?: number; bits?: SidBits }): RegExp {
  const lengths = length === undefined ? `${minSidLength},${maxSidLength}` : length;
  return new RegExp(`^[${alphabets[bits]}]{${lengths}}$`);
}
