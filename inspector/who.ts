// Session -> who: the operator's JMESPath expressions, evaluated on the decoded session. Besides JMESPath's
// own functions they have those of expression-functions.ts.

import { search } from "@aws-lambda-powertools/jmespath";
import { ExpressionFunctions, type FunctionFailure } from "./expression-functions.ts";
import { type DocumentObject, toDocument, valueToDocument } from "./php/document.ts";
import type { Bytes, PhpSession } from "./php/model.ts";
import { type Wanted, wantedOf } from "./php/wanted.ts";
import { type PlainPath, plainPathOf, valueAt } from "./plain-path.ts";
import type { RefusalReason } from "./verdict.ts";

export interface WhoExpressions {
  /** Must give the boolean true, and nothing else, for a session whose user is logged in. */
  readonly authenticated: string;
  /** Must give the site's user name: text that is not empty, or a whole number. */
  readonly user: string;
  /** Must give, where it is there, the hosts that this user may log in to: one as text, or a list of texts. */
  readonly hosts?: string;
}

export type Who =
  /** `hosts` is missing where no expression says which. */
  | { readonly userName: string; readonly hosts?: readonly string[] }
  | { readonly reason: RefusalReason; readonly detail?: string };

/** Gives what is wrong with an expression, in words of the JMESPath library, or undefined. Throws nothing. */
export function problemOfExpression(expression: string): string | undefined {
  try {
    search(expression, {}, { customFunctions: new ExpressionFunctions(0) });
    return undefined;
  } catch (error) {
    const name = (error as Error).name;
    // On an empty session a function may meet a type that it does not take: that says nothing of the expression.
    return name === "JMESPathTypeError" ? undefined : (error as Error).message;
  }
}

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
  const evaluation = new Evaluation(session, nowSeconds, wanted);
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
  const { failure } = evaluation;
  if (failure !== undefined) return { reason: "expression-failed", detail: failure };
  if (authenticated !== true) return { reason: "not-authenticated" };
  const userName = Number.isSafeInteger(user) ? String(user) : user;
  if (typeof userName !== "string" || userName === "") return { reason: "no-user-name" };
  return expressions.hosts === undefined ? { userName } : { userName, hosts: textsOf(hosts) };
}

/** The expressions of one verdict on one session: the library and its document are for those that need them. */
class Evaluation {
  readonly #session: PhpSession;
  readonly #nowSeconds: number;
  readonly #wanted: Wanted | undefined;
  #functions: ExpressionFunctions | undefined;
  #document: DocumentObject | undefined;

  constructor(session: PhpSession, nowSeconds: number, wanted: Wanted | undefined) {
    this.#session = session;
    this.#nowSeconds = nowSeconds;
    this.#wanted = wanted;
  }

  /** Throws what the library throws. */
  evaluate(expression: string): unknown {
    const path = plainPath(expression);
    if (path !== undefined) return valueToDocument(valueAt(this.#session, path));
    this.#functions ??= new ExpressionFunctions(this.#nowSeconds);
    this.#document ??= toDocument(this.#session, this.#wanted);
    return search(expression, this.#document as never, { customFunctions: this.#functions });
  }

  get failure(): FunctionFailure | undefined {
    return this.#functions?.failure;
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
