// The expressions that are no plain paths: JMESPath's library, and the functions that expressions have beside JMESPath's
// own. They are as much as two thirds of all else that a start loads, and so are loaded only where an expression needs
// them.

import { search } from "@aws-lambda-powertools/jmespath";
import type { DocumentObject } from "../session/document.ts";
import { ExpressionFunctions, type FunctionFailure } from "./functions.ts";

/** Gives what is wrong with an expression, in words of the JMESPath library, or undefined. Throws nothing. */
export function problemOfExpression(expression: string): string | undefined {
  try {
    new Search(0).evaluate(expression, {});
    return undefined;
  } catch (error) {
    const name = (error as Error).name;
    // On an empty session a function may meet a type that it does not take: that says nothing of the expression.
    return name === "JMESPathTypeError" ? undefined : (error as Error).message;
  }
}

/** For the expressions of one verdict, at this time in seconds since 1970. */
export class Search {
  readonly #functions: ExpressionFunctions;

  constructor(nowSeconds: number) {
    this.#functions = new ExpressionFunctions(nowSeconds);
  }

  /** Throws what the library throws. */
  evaluate(expression: string, document: DocumentObject): unknown {
    return search(expression, document as never, { customFunctions: this.#functions });
  }

  /** The first failure of a function so far: the library drops it, and no result can be trusted after it. */
  get failure(): FunctionFailure | undefined {
    return this.#functions.failure;
  }
}
