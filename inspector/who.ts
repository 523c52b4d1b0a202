// Session -> who is logged in: the operator's expressions, evaluated on the decoded session. Most sites' expressions are
// plain paths; what evaluates the others comes with them, since it is costly to load.

import { type PlainPath, plainPathOf, valueAt } from "./expressions/plain-path.ts";
import type { Search } from "./expressions/search.ts";
import { Budget } from "./session/budget.ts";
import { type DocumentObject, toDocument, valueToDocument } from "./session/document.ts";
import type { Bytes, PhpSession } from "./session/model.ts";
import { UnreadableSessionError } from "./session/unreadable.ts";
import { type Wanted, wantedOf } from "./session/wanted.ts";
import type { RefusalReason } from "./verdict.ts";

export interface WhoExpressions {
  /** Is the boolean true, and nothing else, for a session whose user is logged in. */
  readonly authenticated: string;
  /** Leads to the site's user name: text that is not empty, or a whole number. */
  readonly user: string;
  /** Leads to the hosts that this user may log in to: one text, or a list of texts. Every served host unless given. */
  readonly hosts?: string;
  /** Evaluates what is no plain path; without it such an expression fails. */
  readonly search?: typeof Search;
}

export type Who =
  /** `hosts` is missing where no expression names them. */
  | { readonly userName: string; readonly hosts?: readonly string[] }
  | { readonly reason: RefusalReason; readonly detail?: string };

/**
 * Returns what the expressions can see of a session, or undefined for all of it. A plain path sees the value that it
 * leads to. Any other expression sees the variables whose names stand in it; `@` and `*` see everything, and a name can
 * also be written with a backslash or in base64 (see document.ts), so with any of these it is all.
 */
export function wantedBy({ authenticated, user, hosts }: WhoExpressions): Wanted | undefined {
  const all = hosts === undefined ? [authenticated, user] : [authenticated, user, hosts];
  const plain = all.flatMap((expression) => [plainPath(expression) ?? []]);
  const others = all.filter((expression) => plainPath(expression) === undefined);
  if (others.some((expression) => /[@*\\]|\$base64:/.test(expression))) return undefined;
  return wantedOf([...plain, ...others.flatMap(namesIn).map((name) => [name])]);
}

/** Returns everything in the expression that can be a name: text between two quotes, and every word. */
function namesIn(expression: string): Bytes[] {
  const text = Buffer.from(expression).toString("latin1");
  // document.ts puts a "$" in front of some names.
  const quoted = text.split('"').flatMap((name) => (name.startsWith("$") ? [name, name.slice(1)] : [name]));
  return [...quoted, ...(text.match(/[A-Za-z_][A-Za-z0-9_]*/g) ?? [])];
}

/**
 * Returns the name of the user who is logged in with this session at this time (in seconds since 1970), or why there is
 * none. `wanted` is what the expressions can see of the session. Throws nothing.
 */
export function whoIsLoggedIn(
  session: PhpSession,
  expressions: WhoExpressions,
  nowSeconds: number,
  wanted?: Wanted,
): Who {
  const budget = new Budget();
  const search = expressions.search && new expressions.search(nowSeconds, budget);
  const evaluation = new Evaluation(session, wanted, search, budget);
  let authenticated: unknown;
  let user: unknown;
  let hosts: unknown;
  try {
    authenticated = evaluation.evaluate(expressions.authenticated);
    user = evaluation.evaluate(expressions.user);
    if (expressions.hosts !== undefined) hosts = evaluation.evaluate(expressions.hosts);
  } catch (error) {
    if (error instanceof UnreadableSessionError) return { reason: "unreadable-session", detail: error.code };
    const { code, name } = error as Error & { code?: string };
    return { reason: "expression-failed", detail: code ?? name };
  }
  if (search?.failure !== undefined) return { reason: "expression-failed", detail: search.failure };
  if (authenticated !== true) return { reason: "not-authenticated" };
  const userName = nameOf(user);
  if (userName === undefined) return { reason: "no-user-name" };
  return expressions.hosts === undefined ? { userName } : { userName, hosts: textsOf(hosts) };
}

/** Text that is not empty, or a whole number: one beyond 2^53 is a mark that no content can forge, see document.ts. */
function nameOf(user: unknown): string | undefined {
  if (Number.isSafeInteger(user)) return String(user);
  const name = typeof user === "object" && user !== null && "$int" in user ? user.$int : user;
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** Evaluates the expressions of one verdict. The session's document is made only for those that are no plain path. */
class Evaluation {
  readonly #session: PhpSession;
  readonly #wanted: Wanted | undefined;
  readonly #search: Search | undefined;
  readonly #budget: Budget;
  #document: DocumentObject | undefined;

  constructor(session: PhpSession, wanted: Wanted | undefined, search: Search | undefined, budget: Budget) {
    this.#session = session;
    this.#wanted = wanted;
    this.#search = search;
    this.#budget = budget;
  }

  /**
   * @throws what the search throws, TypeError where there is none, UncertainPropertyError, and UnreadableSessionError
   * `too-costly`
   */
  evaluate(expression: string): unknown {
    const path = plainPath(expression);
    if (path !== undefined) return valueToDocument(valueAt(this.#session, path), this.#budget);
    if (this.#search === undefined)
      throw new TypeError("an expression is no plain path, and there is no search");
    this.#document ??= toDocument(this.#session, this.#wanted, this.#budget);
    return this.#search.evaluate(expression, this.#document);
  }
}

/** Parses each expression once: there are only as many as the operator wrote. */
function plainPath(expression: string): PlainPath | undefined {
  let path = plainPaths.get(expression);
  if (path === undefined) {
    path = plainPathOf(expression) ?? null;
    plainPaths.set(expression, path);
  }
  return path ?? undefined;
}

const plainPaths = new Map<string, PlainPath | null>();

/** Returns the texts in a value: itself, or those of a list. Nothing else names a host. */
function textsOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((item) => typeof item === "string");
}
