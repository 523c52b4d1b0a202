// Session -> who: the operator's JMESPath expressions, evaluated on the decoded session. Besides JMESPath's
// own functions they have those of expression-functions.ts.

import { search } from "@aws-lambda-powertools/jmespath";
import { ExpressionFunctions } from "./expression-functions.ts";
import type { Document } from "./php/document.ts";
import type { IsWanted } from "./php/model.ts";
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
 * Tells which variables of a session the expressions can see at all. Plain paths see the one that they begin with.
 * Other expressions see those whose name stands in them, byte by byte; they see more than that by `@` and by `*`,
 * and name what does not stand there by a backslash or in base64 (see document.ts): with any of these, it is all
 * of them.
 */
export function variablesSeenBy({ authenticated, user, hosts }: WhoExpressions): IsWanted {
  const all = hosts === undefined ? [authenticated, user] : [authenticated, user, hosts];
  const text = bytesOf(all.join(" "));
  const first = all.map((expression) => plainPath(expression)?.[0] ?? "$");
  // A name with a "$" in front may stand for another one: see document.ts.
  if (!first.some((name) => name.startsWith("$"))) {
    const seen = new Set(first.map(bytesOf));
    return (name) => seen.has(name);
  }
  if (/[@*\\]|\$base64:/.test(text)) return () => true;
  return (name) => text.includes(name);
}

/**
 * Gives the name of the user who is logged in with this session at this time (in seconds since 1970), or why
 * there is none. Throws nothing.
 */
export function whoIsLoggedIn(session: Document, expressions: WhoExpressions, nowSeconds: number): Who {
  let customFunctions: ExpressionFunctions | undefined;
  const evaluate = (expression: string): unknown => {
    const path = plainPath(expression);
    if (path !== undefined) return valueAt(session, path);
    customFunctions ??= new ExpressionFunctions(nowSeconds);
    return search(expression, session as never, { customFunctions });
  };
  let authenticated: unknown;
  let user: unknown;
  let hosts: unknown;
  try {
    authenticated = evaluate(expressions.authenticated);
    user = evaluate(expressions.user);
    if (expressions.hosts !== undefined) hosts = evaluate(expressions.hosts);
  } catch (error) {
    return { reason: "expression-failed", detail: (error as Error).name };
  }
  const failure = customFunctions?.failure;
  if (failure !== undefined) return { reason: "expression-failed", detail: failure };
  if (authenticated !== true) return { reason: "not-authenticated" };
  const userName = Number.isSafeInteger(user) ? String(user) : user;
  if (typeof userName !== "string" || userName === "") return { reason: "no-user-name" };
  return expressions.hosts === undefined ? { userName } : { userName, hosts: textsOf(hosts) };
}

/** The text's bytes of UTF-8, one char a byte, as variables are named. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString("latin1");
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
