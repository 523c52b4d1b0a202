// Session -> who: the operator's two JMESPath expressions, evaluated on the decoded session.

import { search } from "@aws-lambda-powertools/jmespath";
import type { Document } from "./php/document.ts";
import type { RefusalReason } from "./verdict.ts";

export interface WhoExpressions {
  /** Must give the boolean true, and nothing else, for a session whose user is logged in. */
  readonly authenticated: string;
  /** Must give the site's user name: text that is not empty, or a whole number. */
  readonly user: string;
}

export type Who =
  | { readonly userName: string }
  | { readonly reason: RefusalReason; readonly detail?: string };

/** Gives what is wrong with an expression, in words of the JMESPath library, or undefined. Throws nothing. */
export function problemOfExpression(expression: string): string | undefined {
  try {
    search(expression, {});
    return undefined;
  } catch (error) {
    const name = (error as Error).name;
    // On an empty session a function may meet a type that it does not take: that says nothing of the expression.
    return name === "JMESPathTypeError" ? undefined : (error as Error).message;
  }
}

/** Gives the name of the user who is logged in with this session, or why there is none. Throws nothing. */
export function whoIsLoggedIn(session: Document, expressions: WhoExpressions): Who {
  let authenticated: unknown;
  let user: unknown;
  try {
    authenticated = search(expressions.authenticated, session as never);
    user = search(expressions.user, session as never);
  } catch (error) {
    return { reason: "expression-failed", detail: (error as Error).name };
  }
  if (authenticated !== true) return { reason: "not-authenticated" };
  if (typeof user === "string" && user !== "") return { userName: user };
  if (Number.isSafeInteger(user)) return { userName: String(user) };
  return { reason: "no-user-name" };
}
