// How the one server of a site is spoken to.

import type { SqlUrl } from "./sql-url.ts";

export interface SqlAccess {
  readonly url: SqlUrl;
  /** PEM of the authorities that are trusted; those that Node trusts unless given. */
  readonly authority?: readonly Buffer[];
  /** Returns the password, or the token in its place. */
  readonly password: () => Promise<string>;
  /** What the server may take for one statement, in milliseconds: beyond that nobody waits. */
  readonly timeoutMs: number;
}
