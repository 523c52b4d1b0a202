// What expressions can do besides JMESPath's own functions: decode what an application put into its session as
// text, and tell how long ago something was.
//
//   php_unserialize(text)                what serialize() wrote, as document.ts shows it
//   php_session(text)                    a session by PHP's default handler: `name|value` for each variable
//   json_decode(text)                    JSON, its objects as PHP's arrays with keys
//   base64_decode(text)                  text again, or what document.ts shows for bytes that are no text
//   not_older_than(timestamp, seconds)   true or false: less than so many seconds ago
//   in_future(timestamp)                 true or false
//
// `text` is a string of the document, whether its bytes are UTF-8 or not. Null gives null, so that a session
// without that key is one of nobody. Anything else that cannot be decoded makes the whole expression fail: had
// it a value, a `!` or an `||` could turn that into a yes.
//
// The JMESPath library looks for methods called func..., and drops every error that a function throws but its
// own. So a failure is kept here, and whoever evaluates an expression must ask for it.

import { Functions } from "@aws-lambda-powertools/jmespath/functions";
import {
  bytesOfText,
  type Document,
  jsonToDocument,
  toDocument,
  valueToDocument,
} from "../session/document.ts";
import { decodePhp } from "../session/formats/php.ts";
import { readSerialized } from "../session/formats/serialized.ts";
import { maxDecodedBytes } from "../session/limits.ts";
import { type UnreadableCode, UnreadableSessionError } from "../session/unreadable.ts";

/** Why a function failed: its argument is no text, all calls took in too much, or the decoder's own code. */
export type FunctionFailure = "not-text" | "too-much-to-decode" | UnreadableCode;

/** Two machines' clocks may differ so much, in seconds. */
const maxClockDifference = 300;

/** What a call costs whose text is empty, in bytes. */
const callCost = 64;

/** For the expressions of one verdict: what they may decode is bounded in all. */
export class ExpressionFunctions extends Functions {
  readonly #nowSeconds: number;
  #bytesLeft = maxDecodedBytes;
  #failure: FunctionFailure | undefined;
  override readonly methods = methodNames;

  constructor(nowSeconds: number) {
    super();
    this.#nowSeconds = nowSeconds;
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
    return this.#decode(text, (bytes) => valueToDocument(readSerialized(bytes)));
  }

  funcPhpSession(text: unknown): Document {
    return this.#decode(text, (bytes) => toDocument(decodePhp(bytes)));
  }

  funcJsonDecode(text: unknown): Document {
    return this.#decode(text, (bytes) => {
      try {
        return jsonToDocument(JSON.parse(utf8.decode(bytes)));
      } catch {
        return undefined;
      }
    });
  }

  funcBase64Decode(text: unknown): Document {
    return this.#decode(text, (bytes) => {
      const encoded = bytes.toString("latin1");
      const decoded = Buffer.from(encoded, "base64").toString("latin1");
      return base64.test(encoded) ? valueToDocument(decoded) : undefined;
    });
  }

  /**
   * Whether fewer than so many seconds have passed since this time, given in seconds since 1970. A time in the
   * future is no time at all, but for what two clocks may differ, and neither is anything but a number.
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

  /** `decode` gives undefined or throws UnreadableSessionError where the bytes are not what they should be. */
  #decode(text: unknown, decode: (bytes: Buffer) => Document | undefined): Document {
    if (text === null || this.#failure !== undefined) return null;
    const bytes = bytesOfText(text);
    if (bytes === undefined) return this.#fail("not-text");
    this.#bytesLeft -= bytes.length + callCost;
    if (this.#bytesLeft < 0) return this.#fail("too-much-to-decode");
    try {
      const document = decode(bytes);
      return document === undefined ? this.#fail("malformed") : document;
    } catch (error) {
      if (error instanceof UnreadableSessionError) return this.#fail(error.code);
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

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

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
