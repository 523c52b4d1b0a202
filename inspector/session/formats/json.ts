// A session as JSON: what json_encode() wrote of an array, read as json_decode($text, true) reads it (RFC 8259).
//
//   object, array    an array of PHP's, by its keys: "5" is the key 5, "05" is text
//   1, -7            an int, exact to 64 bits; beyond that PHP makes a float of it
//   1.0, 1e3         a float, which is no user's name or id
//   "..."            text; half a surrogate pair and bytes that are not UTF-8 are errors, as in PHP
//
// A name given twice, which json_encode() never writes, makes the session unreadable: PHP takes the last value.
//
// Source: php-src ext/json/json_scanner.re, json_parser.y.

// biome-ignore lint/correctness/noNodejsModules: a pure function of bytes, which JavaScript itself lacks
import { isUtf8 } from "node:buffer";
import { maxDepth, maxSessionBytes, maxValues } from "../limits.ts";
import {
  arrayKey,
  type Bytes,
  latin1,
  maxInt64,
  minInt64,
  PhpArray,
  PhpFloat,
  type PhpSession,
  type PhpValue,
  phpInteger,
} from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";

/**
 * The session that these bytes are; no bytes are an empty session.
 * @throws UnreadableSessionError unless they are one object or array
 */
export function decodeJson(bytes: Uint8Array): PhpSession {
  const variables = new Map<Bytes, PhpValue>();
  if (bytes.length === 0) return { variables };
  if (bytes.length > maxSessionBytes) throw new UnreadableSessionError("too-large", maxSessionBytes);
  if (!isUtf8(bytes)) throw new UnreadableSessionError("malformed", 0);
  const reader = new JsonReader(latin1(bytes));
  const value = reader.readWhole();
  if (!(value instanceof PhpArray)) throw new UnreadableSessionError("malformed", 0);
  for (const [key, item] of value.entries) variables.set(String(key), item);
  return { variables };
}

const whitespace = /[ \t\n\r]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what the grammar excludes
const plainText = /[^"\\\u0000-\u001f]*/y;
const numeral = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const unicodeEscape = /u([0-9A-Fa-f]{4})(?:\\u([0-9A-Fa-f]{4}))?/y;
const maxInt64Digits = 19;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
const literals: ReadonlyMap<string, readonly [string, PhpValue]> = new Map([
  ["n", ["null", null]],
  ["t", ["true", true]],
  ["f", ["false", false]],
]);

class JsonReader {
  readonly #text: Bytes;
  #position = 0;
  #depth = 0;
  #values = 0;

  constructor(text: Bytes) {
    this.#text = text;
  }

  readWhole(): PhpValue {
    const value = this.#readValue();
    this.#match(whitespace);
    if (this.#position < this.#text.length) throw this.#malformed();
    return value;
  }

  #readValue(): PhpValue {
    this.#values++;
    if (this.#values > maxValues) throw new UnreadableSessionError("too-many-values", this.#position);
    this.#match(whitespace);
    const first = this.#text[this.#position];
    if (first === undefined) throw new UnreadableSessionError("truncated", this.#position);
    if (first === "{" || first === "[") return this.#readNested(first === "{");
    if (first === '"') return this.#readText();
    const literal = literals.get(first);
    if (literal === undefined) return this.#readNumber();
    const [word, value] = literal;
    if (!this.#text.startsWith(word, this.#position)) throw this.#malformed();
    this.#position += word.length;
    return value;
  }

  #readNested(isObject: boolean): PhpArray {
    this.#depth++;
    if (this.#depth > maxDepth) throw new UnreadableSessionError("too-deep", this.#position);
    const array = new PhpArray();
    const close = isObject ? "}" : "]";
    this.#position++;
    this.#match(whitespace);
    if (this.#text[this.#position] === close) this.#position++;
    else {
      do {
        const key = isObject ? this.#readName() : array.entries.size;
        if (array.entries.has(key)) throw this.#malformed();
        array.entries.set(key, this.#readValue());
        this.#match(whitespace);
      } while (this.#take(",", close));
    }
    this.#depth--;
    return array;
  }

  #readName(): ReturnType<typeof arrayKey> {
    this.#match(whitespace);
    if (this.#text[this.#position] !== '"') throw this.#malformed();
    const name = this.#readText();
    this.#match(whitespace);
    if (this.#text[this.#position] !== ":") throw this.#malformed();
    this.#position++;
    return arrayKey(name);
  }

  /** Steps over one of two characters, and returns whether it is the first. */
  #take(goesOn: string, ends: string): boolean {
    const char = this.#text[this.#position];
    if (char !== goesOn && char !== ends) throw this.#malformed();
    this.#position++;
    return char === goesOn;
  }

  /** From the opening quote to behind the closing one. */
  #readText(): Bytes {
    this.#position++;
    let text = this.#match(plainText);
    while (this.#text[this.#position] !== '"') {
      if (this.#text[this.#position] !== "\\") throw this.#malformed();
      this.#position++;
      text += this.#readEscape() + this.#match(plainText);
    }
    this.#position++;
    return text;
  }

  /** From behind the backslash on. */
  #readEscape(): Bytes {
    const plain = escapes[this.#text[this.#position] ?? ""];
    if (plain !== undefined) {
      this.#position++;
      return plain;
    }
    unicodeEscape.lastIndex = this.#position;
    const [, first = "", second = ""] = unicodeEscape.exec(this.#text) ?? [];
    if (first === "") throw this.#malformed();
    let char = String.fromCharCode(Number.parseInt(first, 16));
    this.#position += "u".length + first.length;
    if (/[\ud800-\udbff]/.test(char) && second !== "") {
      char += String.fromCharCode(Number.parseInt(second, 16));
      this.#position += "\\u".length + second.length;
    }
    if (/\p{Surrogate}/u.test(char)) throw this.#malformed();
    return Buffer.from(char).toString("latin1");
  }

  #readNumber(): PhpValue {
    numeral.lastIndex = this.#position;
    const [text, fraction, exponent] = numeral.exec(this.#text) ?? [];
    if (text === undefined) throw this.#malformed();
    this.#position += text.length;
    const digits = text.startsWith("-") ? text.length - 1 : text.length;
    if (fraction === undefined && exponent === undefined && text !== "-0" && digits <= maxInt64Digits) {
      const value = BigInt(text);
      if (value >= minInt64 && value <= maxInt64) return phpInteger(value);
    }
    const value = Number(text);
    return Number.isInteger(value) ? new PhpFloat(value) : value;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#position;
    pattern.test(this.#text);
    const start = this.#position;
    this.#position = pattern.lastIndex;
    return this.#text.slice(start, this.#position);
  }

  #malformed(): UnreadableSessionError {
    const isAtEnd = this.#position >= this.#text.length;
    return new UnreadableSessionError(isAtEnd ? "truncated" : "malformed", this.#position);
  }
}
