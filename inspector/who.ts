// Session -> who: the operator's JMESPath expressions, evaluated on the decoded session. Besides JMESPath's
// own functions they have those of expression-functions.ts. What evaluates them comes with them, unless all of them
// are plain paths, as most sites' are.

import { type PlainPath, plainPathOf, valueAt } from "./expressions/plain-path.ts";
import type { Search } from "./expressions/search.ts";
import { type DocumentObject, toDocument, valueToDocument } from "./session/document.ts";
import type { Bytes, PhpSession } from "./session/model.ts";
import { type Wanted, wantedOf } from "./session/wanted.ts";
import type { RefusalReason } from "./verdict.ts";

export interface WhoExpressions {
  /** Must give the boolean true, and nothing else, for a session whose user is logged in. */
  readonly authenticated: string;
  /** Must give the site's user name: text that is not empty, or a whole number. */
  readonly user: string;
  /** Must give, where it is there, the hosts that this user may log in to: one as text, or a list of texts. */
  readonly hosts?: string;
  /** search.ts's: without it every expression that is no plain path fails. */
  readonly search?: typeof Search;
}

export type Who =
  /** `hosts` is missing where no expression says which. */
  | { readonly userName: string; readonly hosts?: readonly string[] }
  | { readonly reason: RefusalReason; readonly detail?: string };

/**
 * Gives what the expressions can see of a session: of plain paths the values that they lead to, of others all
 * variables whose name stands in them. They name what does not stand there by a backslash or in base64 (see
 * document.ts), and see more than they name by `@` and by `*`: with any of these it is all, which is undefined.
 */
export function wantedBy({ authenticated, user, hosts }: WhoExpressions): Wanted | undefined {
  const all = hosts === undefined ? [authenticated, user] : [authenticated, user, hosts];
  const plain = all.flatMap((expression) => [plainPath(expression) ?? []]);
  const others = all.filter((expression) => plainPath(expression) === undefined);
  if (others.some((expression) => /[@*\\]|\$base64:/.test(expression))) return undefined;
  return wantedOf([...plain, ...others.flatMap(namesIn).map((name) => [name])]);
}

/** All that can be a name in the expression, and more: whatever stands between two quotes, and every word. */
function namesIn(expression: string): Bytes[] {
  const text = Buffer.from(expression).toString("latin1");
  // A "$" may be in front of a name that PHP stores without it: see document.ts.
  const quoted = text.split('"').flatMap((name) => (name.startsWith("$") ? [name, name.slice(1)] : [name]));
  return [...quoted, ...(text.match(/[A-Za-z_][A-Za-z0-9_]*/g) ?? [])];
}

/**
 * Gives the name of the user who is logged in with this session at this time (in seconds since 1970), or why
 * there is none. Of the session, `wanted` is what the expressions can see. Throws nothing.
 */
export function whoIsLoggedIn(
  session: PhpSession,
  expressions: WhoExpressions,
  nowSeconds: number,
  wanted?: Wanted,
): Who {
  const search = expressions.search && new expressions.search(nowSeconds);
  const evaluation = new Evaluation(session, wanted, search);
  let authenticated: unknown;
  let user: unknown;
  let hosts: unknown;
  try {
    authenticated = evaluation.evaluate(expressions.authenticated);
    user = evaluation.evaluate(expressions.user);
    if (expressions.hosts !== undefined) hosts = evaluation.evaluate(expressions.hosts);
  } catch (error) {
    return { reason: "expression-failed", detail: (error as Error).name };
  }
  if (search?.failure !== undefined) return { reason: "expression-failed", detail: search.failure };
  if (authenticated !== true) return { reason: "not-authenticated" };
  const userName = Number.isSafeInteger(user) ? String(user) : user;
  if (typeof userName !== "string" || userName === "") return { reason: "no-user-name" };
  return expressions.hosts === undefined ? { userName } : { userName, hosts: textsOf(hosts) };
}

/** The expressions of one verdict on one session: its document is for those that are no plain path. */
class Evaluation {
  readonly #session: PhpSession;
  readonly #wanted: Wanted | undefined;
  readonly #search: Search | undefined;
  #document: DocumentObject | undefined;

  constructor(session: PhpSession, wanted: Wanted | undefined, search: Search | undefined) {
    this.#session = session;
    this.#wanted = wanted;
    this.#search = search;
  }

  /** Throws what the search throws, and TypeError where there is none. */
  evaluate(expression: string): unknown {
    const path = plainPath(expression);
    if (path !== undefined) return valueToDocument(valueAt(this.#session, path));
    if (this.#search === undefined)
      throw new TypeError("an expression is no plain path, and there is no search");
    this.#document ??= toDocument(this.#session, this.#wanted);
    return this.#search.evaluate(expression, this.#document);
  }
}

/** The plain path that an expression is, found out once: there are as many expressions as the operator wrote. */
function plainPath(expression: string): PlainPath | undefined {
  if (!plainPaths.has(expression)) plainPaths.set(expression, plainPathOf(expression));
  return plainPaths.get(expression);
}

const plainPaths = new Map<string, PlainPath | undefined>();

/** The texts that a value is: itself, or a list's. Whatever else stands there names no host. */
function textsOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === "string");
}
