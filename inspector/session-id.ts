// The shape of a site's session ids, within what PHP can make (protocol/password.ts). Frameworks and php.ini narrow it,
// which keeps what else lies under the site's key prefix, such as entries of a cache, from being taken for sessions.

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
