// Under which key a session lies in the store.

/** Returns the key of the session with this id. */
export type KeyOf = (sessionId: string) => string;

/** Returns keys as PHP's own save handlers make them: a prefix, and the session id. */
export function keysWithPrefix(prefix: string): KeyOf {
  return (sessionId) => prefix + sessionId;
}
