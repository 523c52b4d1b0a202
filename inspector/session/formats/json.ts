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
import { Budget, valueCost } from "../budget.ts";
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
  const value = readJson(bytes);
  if (!(value instanceof PhpArray)) throw new UnreadableSessionError("malformed", 0);
  for (const [key, item] of value.entries) variables.set(String(key), item);
  return { variables };
}

/**
 * The value that these bytes are.
 * @throws UnreadableSessionError unless every byte belongs to it
 */
export function readJson(bytes: Uint8Array, budget = new Budget()): PhpValue {
  if (bytes.length > maxSessionBytes) throw new UnreadableSessionError("too-large", maxSessionBytes);
  if (!isUtf8(bytes)) throw new UnreadableSessionError("malformed", 0);
  return new JsonReader(latin1(bytes), budget).readWhole();
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what the grammar excludes
const controls = /[\u0000-\u001f]/;
const numeral = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const unicodeEscape = /u([0-9A-Fa-f]{4})(?:\\u([0-9A-Fa-f]{4}))?/y;
const maxInt64Digits = 19;
/** So many digits fit a number exactly. */
const maxPlainDigits = 15;
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

const tab = 0x09;
const newline = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const lowerF = 0x66;
const lowerN = 0x6e;
const lowerT = 0x74;
const openBrace = 0x7b;
const closeBrace = 0x7d;

class JsonReader {
  readonly #text: Bytes;
  readonly #budget: Budget;
  #position = 0;
  #depth = 0;
  #values = 0;
  /** Where the next one is, at or behind where the last text was; none: the end. Each is looked for once. */
  #backslash = -1;
  #quote = -1;

  constructor(text: Bytes, budget: Budget) {
    this.#text = text;
    this.#budget = budget;
  }

  readWhole(): PhpValue {
    const value = this.#readValue();
    this.#skipWhitespace();
    if (this.#position < this.#text.length) throw this.#malformed();
    return value;
  }

  #readValue(): PhpValue {
    this.#values++;
    if (this.#values > maxValues) throw new UnreadableSessionError("too-many-values", this.#position);
    this.#skipWhitespace();
    switch (this.#text.charCodeAt(this.#position)) {
      case quote:
        return this.#readText();
      case openBrace:
        return this.#readNested(closeBrace);
      case openBracket:
        return this.#readNested(closeBracket);
      case lowerN:
        return this.#readWord("null", null);
      case lowerT:
        return this.#readWord("true", true);
      case lowerF:
        return this.#readWord("false", false);
      default:
        return this.#readNumber();
    }
  }

  #readWord<T extends PhpValue>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#position)) throw this.#malformed();
    this.#position += word.length;
    return value;
  }

  #readNested(close: number): PhpArray {
    this.#depth++;
    if (this.#depth > maxDepth) throw new UnreadableSessionError("too-deep", this.#position);
    this.#budget.spend(valueCost);
    const array = new PhpArray();
    this.#position++;
    this.#skipWhitespace();
    if (this.#text.charCodeAt(this.#position) === close) this.#position++;
    else {
      do {
        const key = close === closeBrace ? this.#readName() : array.entries.size;
        this.#budget.spendOnKey(key, array.entries.size);
        if (array.entries.has(key)) throw this.#malformed();
        array.entries.set(key, this.#readValue());
        this.#skipWhitespace();
      } while (this.#goesOn(close));
    }
    this.#depth--;
    return array;
  }

  #readName(): ReturnType<typeof arrayKey> {
    this.#skipWhitespace();
    if (this.#text.charCodeAt(this.#position) !== quote) throw this.#malformed();
    const name = this.#readText();
    this.#skipWhitespace();
    if (this.#text.charCodeAt(this.#position) !== colon) throw this.#malformed();
    this.#position++;
    return arrayKey(name);
  }

  /** Steps over a comma or what closes the array, and returns whether it was a comma. */
  #goesOn(close: number): boolean {
    const char = this.#text.charCodeAt(this.#position);
    if (char !== comma && char !== close) throw this.#malformed();
    this.#position++;
    return char === comma;
  }

  /** From the opening quote to behind the closing one. */
  #readText(): Bytes {
    const text = this.#text;
    let start = this.#position + 1;
    let made = "";
    for (;;) {
      if (this.#quote < start) this.#quote = indexOrEnd(text, '"', start);
      if (this.#backslash < start) this.#backslash = indexOrEnd(text, "\\", start);
      if (this.#quote === text.length) throw new UnreadableSessionError("truncated", text.length);
      const plain = text.slice(start, Math.min(this.#quote, this.#backslash));
      if (controls.test(plain)) throw new UnreadableSessionError("malformed", start);
      made += plain;
      this.#position = start + plain.length + 1;
      if (this.#position > this.#quote) return made;
      made += this.#readEscape();
      start = this.#position;
    }
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
    return this.#readShortInteger() ?? this.#readNumeral();
  }

  /** Returns undefined for any other number, and for what is none. */
  #readShortInteger(): number | undefined {
    const text = this.#text;
    const isNegative = text.charCodeAt(this.#position) === minus;
    const first = isNegative ? this.#position + 1 : this.#position;
    let end = first;
    let value = 0;
    for (let char = text.charCodeAt(end); char >= zero && char <= nine; char = text.charCodeAt(end)) {
      value = value * 10 + (char - zero);
      end++;
    }
    const digits = end - first;
    const startsWithZero = text.charCodeAt(first) === zero;
    if (digits === 0 || digits > maxPlainDigits || (startsWithZero && (digits > 1 || isNegative)))
      return undefined;
    if (".eE".includes(text[end] ?? ",")) return undefined;
    this.#position = end;
    return isNegative ? -value : value;
  }

  #readNumeral(): PhpValue {
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

  #skipWhitespace(): void {
    const text = this.#text;
    for (;;) {
      const char = text.charCodeAt(this.#position);
      // The end is NaN.
      if (!(char <= space)) return;
      if (char !== space && char !== newline && char !== tab && char !== carriageReturn) return;
      this.#position++;
    }
  }

  #malformed(): UnreadableSessionError {
    const isAtEnd = this.#position >= this.#text.length;
    return new UnreadableSessionError(isAtEnd ? "truncated" : "malformed", this.#position);
  }
}

function indexOrEnd(text: string, char: string, start: number): number {
  const index = text.indexOf(char, start);
  return index < 0 ? text.length : index;
}
