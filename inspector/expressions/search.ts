// Evaluates expressions that are no plain paths: the JMESPath library and our own functions. Their size is two thirds of
// everything else that a cold start loads, so they are loaded only where an expression needs them.

import { search } from "@aws-lambda-powertools/jmespath";
import { Budget } from "../session/budget.ts";
import type { DocumentObject } from "../session/document.ts";
import { ExpressionFunctions, type FunctionFailure } from "./functions.ts";
import { guarded } from "./guarded.ts";

/** Returns what the JMESPath library finds wrong with an expression, or undefined. Throws nothing. */
export function problemOfExpression(expression: string): string | undefined {
  try {
    new Search(0, new Budget()).evaluate(expression, {});
    return undefined;
  } catch (error) {
    const name = (error as Error).name;
    // A function may reject the types of an empty session: that says nothing about the expression.
    return name === "JMESPathTypeError" ? undefined : (error as Error).message;
  }
}

/** For the expressions of one verdict, at this time in seconds since 1970. */
export class Search {
  readonly #functions: ExpressionFunctions;
  readonly #budget: Budget;

  constructor(nowSeconds: number, budget: Budget) {
    this.#functions = new ExpressionFunctions(nowSeconds, budget);
    this.#budget = budget;
  }

  /** @throws what the library throws, UncertainPropertyError, and UnreadableSessionError `too-costly` */
  evaluate(expression: string, document: DocumentObject): unknown {
    return search(expression, guarded(document, this.#budget) as never, { customFunctions: this.#functions });
  }

  /** The first failure of a function. The library swallows it, so no result counts after it. */
  get failure(): FunctionFailure | undefined {
    return this.#functions.failure;
  }
}
