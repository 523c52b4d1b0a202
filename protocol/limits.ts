// The sizes that both ends of the contract hold each other to. All are bytes, counted in UTF-8.

/** RFC 6122: a localpart has at most 1023 bytes. */
export const MAX_USER_BYTES = 1023;

/** RFC 6122: a domainpart has at most 1023 bytes. */
export const MAX_SERVER_BYTES = 1023;

/** PHP's longest session id has 256 bytes; the rest is room for what a later release may send beside it. */
export const MAX_PASSWORD_BYTES = 1024;

/** In characters (UTF-16 code units). 128 random bits take 22 in base64url, and 32 in hexadecimal. */
export const MAX_NONCE_LENGTH = 32;

/** The four texts at their longest, each character written by JSON as `\u00XX`, and what stands around them. */
export const MAX_REQUEST_BYTES =
  6 * (MAX_USER_BYTES + MAX_SERVER_BYTES + MAX_PASSWORD_BYTES + MAX_NONCE_LENGTH) + 256;

/** Sessions in one question: one multi-get of each node, and one bounded answer. */
export const MAX_SESSIONS = 100;

/** The same as for a login's password. */
export const MAX_SESSION_ID_BYTES = 1024;

/** All ids at their longest, written as above, each with its quotes and comma, and what stands around them. */
export const MAX_SESSIONS_REQUEST_BYTES = MAX_SESSIONS * (6 * MAX_SESSION_ID_BYTES + 3) + 256;

/** Logins in one question about connections: the function looks MAX_SESSIONS of them up at a time. */
export const MAX_LOGINS = 1000;

/**
 * All of these at their longest, each byte written by JSON as two at most, and what stands around them: what JSON writes
 * longer is in no localpart and no password. Lambda takes 6 MB.
 */
export const MAX_LOGINS_REQUEST_BYTES =
  MAX_LOGINS * (2 * (MAX_USER_BYTES + MAX_PASSWORD_BYTES) + 8) +
  6 * (MAX_SERVER_BYTES + MAX_NONCE_LENGTH) +
  256;

/** A character for each login, the nonce as JSON writes it at its longest, and what stands around them. */
export const MAX_LOGINS_ANSWER_BYTES = MAX_LOGINS + 6 * MAX_NONCE_LENGTH + 64;

/** An answer is a bit and at most a short code: what is longer did not come from the function. */
export const MAX_ANSWER_BYTES = 1024;
