// What expressions can do besides JMESPath's own functions: decode what an application put into its session as
// text, and tell how long ago something was.
//
//   php_unserialize(text)                what serialize() wrote, as document.ts shows it
//   php_session(text)                    a session by PHP's default handler: `name|value` for each variable
//   json_decode(text)                    JSON as PHP's json_decode($text, true) reads it, see json.ts
//   base64_decode(text)                  text again, or what document.ts shows for bytes that are no text
//   not_older_than(timestamp, seconds)   true or false: fewer than `seconds` ago
//   in_future(timestamp)                 true or false
//
// `text` is a string of the document, whether its bytes are UTF-8 or not. Null returns null, so that nobody is
// logged in with a session without that key. Anything else that cannot be decoded makes the whole expression fail: if
// it had a value, a `!` or an `||` could turn that into a yes.
//
// The JMESPath library looks for methods called func..., and drops every error that a function throws but its own. So a
// failure is kept here, and the caller that evaluates an expression must ask for it. What the library's functions may
// cost is bounded here, too.

import { Functions } from "@aws-lambda-powertools/jmespath/functions";
import { type Budget, valueCost } from "../session/budget.ts";
import { bytesOfText, type Document, toDocument, valueToDocument } from "../session/document.ts";
import { readJson } from "../session/formats/json.ts";
import { decodePhp } from "../session/formats/php.ts";
import { readSerialized } from "../session/formats/serialized.ts";
import { maxDecodedBytes } from "../session/limits.ts";
import { UncertainPropertyError } from "../session/property-names.ts";
import { type UnreadableCode, UnreadableSessionError } from "../session/unreadable.ts";
import { guarded } from "./guarded.ts";

/**
 * Why a function failed: its argument is no text, all calls took in too much, the decoder's own code, or what a
 * function of JMESPath met.
 */
export type FunctionFailure =
  | "not-text"
  | "too-much-to-decode"
  | "uncertain-property"
  | "function-failed"
  | UnreadableCode;

/** How much two machines' clocks may differ, in seconds. */
const maxClockDifference = 300;

/** The cost of a call with an empty text, in bytes. */
const callCost = 64;

/** For the expressions of one verdict: what they may decode is bounded in all. */
export class ExpressionFunctions extends Functions {
  readonly #nowSeconds: number;
  readonly #budget: Budget;
  #bytesLeft = maxDecodedBytes;
  #failure: FunctionFailure | undefined;
  #thrown: Error | undefined;
  override readonly methods = methodNames;

  constructor(nowSeconds: number, budget: Budget) {
    super();
    this.#nowSeconds = nowSeconds;
    this.#budget = budget;
  }

  /** The first failure of all calls so far: no result can be trusted after it. */
  get failure(): FunctionFailure | undefined {
    return this.#failure;
  }

  /** The library calls this before each search: to look for methods takes far longer than a search itself. */
  override introspectMethods(): Set<string> {
    return this.methods;
  }

  funcPhpUnserialize(text: unknown): Document {
    return this.#decode(text, (bytes) => valueToDocument(readSerialized(bytes, this.#budget), this.#budget));
  }

  funcPhpSession(text: unknown): Document {
    return this.#decode(text, (bytes) =>
      toDocument(decodePhp(bytes, undefined, this.#budget), undefined, this.#budget),
    );
  }

  funcJsonDecode(text: unknown): Document {
    return this.#decode(text, (bytes) => valueToDocument(readJson(bytes, this.#budget), this.#budget));
  }

  funcBase64Decode(text: unknown): Document {
    return this.#decode(text, (bytes) => {
      const encoded = bytes.toString("latin1");
      const decoded = Buffer.from(encoded, "base64").toString("latin1");
      return base64.test(encoded) ? valueToDocument(decoded, this.#budget) : undefined;
    });
  }

  /**
   * Whether fewer than `seconds` have passed since this time, given in seconds since 1970. False for a time in
   * the future (beyond the difference that two clocks may have) and for anything but a number.
   */
  funcNotOlderThan(timestamp: unknown, seconds: number): boolean {
    if (typeof timestamp !== "number") return false;
    const age = this.#nowSeconds - timestamp;
    return age < seconds && age >= -maxClockDifference;
  }

  /** Whether this time, given in seconds since 1970, is still to come. Anything but a number is not. */
  funcInFuture(timestamp: unknown): boolean {
    return typeof timestamp === "number" && timestamp > this.#nowSeconds;
  }

  /** `decode` returns undefined or throws UnreadableSessionError if the bytes are not what they should be. */
  #decode(text: unknown, decode: (bytes: Buffer) => Document | undefined): Document {
    if (text === null || this.#failure !== undefined) return null;
    const bytes = bytesOfText(text);
    if (bytes === undefined) return this.#fail("not-text");
    this.#bytesLeft -= bytes.length + callCost;
    if (this.#bytesLeft < 0) return this.#fail("too-much-to-decode");
    try {
      const document = decode(bytes);
      return document === undefined ? this.#fail("malformed") : guarded(document, this.#budget);
    } catch (error) {
      if (error instanceof UnreadableSessionError) return this.#fail(error.code);
      throw error;
    }
  }

  /** Calls one of JMESPath's functions. Throws what it throws, and what the budget throws. */
  callWithin(call: () => unknown, cost: number): unknown {
    // The library goes on with the next item of a list: an error for each takes more than all that was charged.
    if (this.#thrown !== undefined) throw this.#thrown;
    try {
      this.#budget.spend(cost);
      return call();
    } catch (error) {
      if (error instanceof UnreadableSessionError || error instanceof UncertainPropertyError) {
        this.#fail(error.code);
      } else if (!jmespathErrors.has((error as Error).name)) this.#fail("function-failed");
      if (this.#failure !== undefined) this.#thrown = error as Error;
      throw error;
    }
  }

  #fail(failure: FunctionFailure): null {
    this.#failure ??= failure;
    return null;
  }
}

/** The functions there are, JMESPath's own and these, by the names of their methods. */
const methodNames: Set<string> = new Set(
  [Functions.prototype, ExpressionFunctions.prototype]
    .flatMap((prototype) => Object.getOwnPropertyNames(prototype))
    .filter((name) => name.startsWith("func")),
);

/** Groups of four, and the last one padded or not. */
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

// The library's @Functions.signature, which checks number and types of arguments, applied without decorators'
// syntax: Node.js would not strip that away as it does types.
for (const [name, argumentsSpecs] of [
  ["funcPhpUnserialize", [["any"]]],
  ["funcPhpSession", [["any"]]],
  ["funcJsonDecode", [["any"]]],
  ["funcBase64Decode", [["any"]]],
  ["funcNotOlderThan", [["any"], ["number"]]],
  ["funcInFuture", [["any"]]],
] as const satisfies [string, string[][]][]) {
  const target = ExpressionFunctions.prototype;
  const descriptor = Object.getOwnPropertyDescriptor(target, name) as PropertyDescriptor;
  Functions.signature({ argumentsSpecs })(target, name, descriptor);
  Object.defineProperty(target, name, descriptor);
}

/** Those that the library lets through. */
const jmespathErrors: ReadonlySet<string> = new Set([
  "JMESPathTypeError",
  "ArityError",
  "VariadicArityError",
]);

type Arguments = readonly { readonly length?: number }[];

/** What JMESPath's functions cost where that is more than a look at each item, in bytes. */
const costs: Readonly<Record<string, (args: Arguments) => number>> = {
  funcSort: ([list]) => costOfSorting(list?.length ?? 0),
  funcSortBy: ([list]) => costOfSorting(list?.length ?? 0),
  funcJoin: ([separator, list]) => (separator?.length ?? 0) * (list?.length ?? 0),
  funcContains: ([haystack, needle]) => ((haystack?.length ?? 0) * (needle?.length ?? 0)) / 64,
};

function costOfSorting(length: number): number {
  return valueCost * length * Math.ceil(Math.log2(length + 1));
}

for (const name of Object.getOwnPropertyNames(Functions.prototype)) {
  if (!name.startsWith("func")) continue;
  const own = (Functions.prototype as unknown as Record<string, (args: Arguments) => unknown>)[name];
  Object.defineProperty(ExpressionFunctions.prototype, name, {
    value(this: ExpressionFunctions, args: Arguments) {
      return this.callWithin(() => own?.call(this, args), costs[name]?.(args) ?? 0);
    },
  });
}
