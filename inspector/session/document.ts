// A session in plain JSON-like values: what expressions are evaluated on and what the inspect tool prints.
//
//   PHP                               document
//   null, bool, int up to 2^53-1      null, boolean, number
//   int beyond                        {"$int": "9223372036854775807"}
//   float                             number; {"$float": "NAN" | "INF" | "-INF"}, of JSON {"$float": "7.0"}
//   string                            string; {"$base64": "..."} if the bytes are not UTF-8
//   array with keys 0..n-1 in order   array
//   any other array, the session      object
//   object                            object with "$class": "User"
//   Serializable                      {"$class": "Leg", "$serialized": its payload as a string is shown}
//   enum                              {"$enum": "Role::Admin"}
//   a value inside itself             itself; print-document.ts prints {"$cycle": true}
//
// No content can forge a mark or hide another key. PHP's keys can be any bytes, and some are chosen by the
// user, so:
//  - a key that could be taken for one of our marks gets another "$": "$class" is always ours, PHP's own key of
//    that name is "$$class". All other keys stand as they are in PHP, "$name" as well;
//  - a key that is not UTF-8 is "$base64:" and its base64;
//  - a property has the name that property-names.ts gives it. Its further names, and those whose asking fails, are
//    there for whoever names them, and for nobody who lists the keys;
//  - objects have no prototype, so "__proto__", "constructor" and "length" are keys like any other.
// A mark is an object, never a string: a value that is not text equals no user name.
//
// What PHP shares, the document shares, and a cycle stays a cycle: whoever walks a document must expect both,
// and a document printed in full can be exponentially larger than the session. A text or a key that is met a thousand
// times is converted once. The order of keys is not kept where they look like ints (JS sorts those first).

// biome-ignore lint/correctness/noNodejsModules: a pure function of bytes, which JavaScript itself lacks
import { isUtf8 } from "node:buffer";
import { Budget, valueCost } from "./budget.ts";
import {
  type Bytes,
  PhpArray,
  PhpEnum,
  PhpFloat,
  type PhpObject,
  PhpSerializable,
  type PhpSession,
  type PhpValue,
} from "./model.ts";
import { propertyNames, UncertainPropertyError } from "./property-names.ts";
import type { Wanted } from "./wanted.ts";

export type Document = null | boolean | number | string | Document[] | DocumentObject;
export interface DocumentObject {
  [key: string]: Document;
}

/**
 * The session as a document, or those of its variables of which something is wanted.
 * @throws UnreadableSessionError `too-costly`
 */
export function toDocument(
  { variables }: PhpSession,
  wanted?: Wanted,
  budget: Budget = new Budget(),
): DocumentObject {
  const work = newWork(budget);
  const document = emptyObject();
  for (const name of wanted?.map((seen) => seen.name) ?? variables.keys()) {
    const value = variables.get(name);
    if (value !== undefined) document[documentKey(name, work)] = documentOf(value, work);
  }
  fillAll(work);
  return document;
}

/**
 * One value as a document, as `toDocument` shows it within a session.
 * @throws UnreadableSessionError `too-costly`
 */
export function valueToDocument(value: PhpValue, budget: Budget = new Budget()): Document {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return convertText(value, budget);
  const work = newWork(budget);
  const document = documentOf(value, work);
  fillAll(work);
  return document;
}

/** The bytes of a string that this document is, or undefined where it is none. */
export function bytesOfText(document: unknown): Buffer | undefined {
  if (typeof document === "string") return Buffer.from(document);
  if (typeof document !== "object" || document === null || !("$base64" in document)) return undefined;
  return Buffer.from(String(document.$base64), "base64");
}

function newWork(budget: Budget): Work {
  return { made: new Map(), waiting: [], texts: new Map(), keys: new Map(), budget };
}

/**
 * Fills one after another instead of one inside another: references can chain arrays far deeper than the
 * stack.
 */
function fillAll(work: Work): void {
  for (let fill = work.waiting.pop(); fill; fill = work.waiting.pop()) fill();
}

interface Work {
  /** Each array and object becomes one document, however often it is met. */
  readonly made: Map<object, Document>;
  readonly waiting: (() => void)[];
  /** Long strings already looked at: a thousand references to one cost one conversion. */
  readonly texts: Map<Bytes, string | DocumentObject>;
  readonly keys: Map<Bytes, string>;
  readonly budget: Budget;
}

function documentOf(value: PhpValue, work: Work): Document {
  work.budget.spend(valueCost);
  if (typeof value === "string") return textOf(value, work);
  if (typeof value === "number") return Number.isFinite(value) ? value : mark("$float", floatName(value));
  if (typeof value === "bigint") return mark("$int", String(value));
  if (value === null || typeof value === "boolean") return value;
  let document = work.made.get(value);
  if (document === undefined) {
    document = make(value, work);
    work.made.set(value, document);
  }
  return document;
}

function make(value: Exclude<PhpValue, null | boolean | number | bigint | Bytes>, work: Work): Document {
  if (value instanceof PhpArray) {
    if (isList(value)) {
      const list: Document[] = [];
      work.waiting.push(() => {
        for (const item of value.entries.values()) list.push(documentOf(item, work));
      });
      return list;
    }
    const map = emptyObject();
    work.waiting.push(() => {
      for (const [key, item] of value.entries) map[documentKey(String(key), work)] = documentOf(item, work);
    });
    return map;
  }
  if (value instanceof PhpFloat) return mark("$float", wholeFloatName(value.value));
  if (value instanceof PhpEnum) return mark("$enum", caseText(value, work));
  const object = mark("$class", textOf(value.className, work));
  if (value instanceof PhpSerializable) {
    object.$serialized = textOf(value.payload, work);
    return object;
  }
  work.waiting.push(() => fillObject(object, value, work));
  return object;
}

function caseText({ className, caseName }: PhpEnum, work: Work): Document {
  work.budget.spend(className.length + caseName.length);
  return textOf(`${className}::${caseName}`, work);
}

function fillObject(document: DocumentObject, object: PhpObject, work: Work): void {
  const { keys, aliases, uncertain } = propertyNames(object, work.budget);
  let next = 0;
  for (const { value } of object.properties.values()) {
    document[documentKey(keys[next++] as Bytes, work)] = documentOf(value, work);
  }
  for (const [name, { value }] of aliases) {
    Object.defineProperty(document, documentKey(name, work), {
      value: documentOf(value, work),
      configurable: true,
    });
  }
  for (const name of uncertain)
    Object.defineProperty(document, documentKey(name, work), { get: failUncertain });
}

function failUncertain(): never {
  throw new UncertainPropertyError();
}

function isList(array: PhpArray): boolean {
  let next = 0;
  for (const key of array.entries.keys()) {
    if (key !== next) return false;
    next++;
  }
  return true;
}

/** One to one: different bytes never give the same key. */
function documentKey(bytes: Bytes, { keys, budget }: Work): string {
  if (bytes.length < longText) return convertKey(bytes, budget);
  let key = keys.get(bytes);
  if (key === undefined) {
    key = convertKey(bytes, budget);
    keys.set(bytes, key);
  }
  return key;
}

function convertKey(bytes: Bytes, budget: Budget): string {
  budget.spend(bytes.length);
  const text = decodeUtf8(bytes);
  return text === undefined ? `$base64:${base64(bytes)}` : escaped(text);
}

const likeAMark = /^\$+(?:(?:class|enum|base64|float|int|serialized|cycle)$|base64:)/;

function escaped(key: string): string {
  return likeAMark.test(key) ? `$${key}` : key;
}

/** Shorter ones are converted again as cheaply as they are looked up. */
const longText = 64;

function textOf(bytes: Bytes, work: Work): string | DocumentObject {
  if (bytes.length < longText) return convertText(bytes, work.budget);
  let text = work.texts.get(bytes);
  if (text === undefined) {
    text = convertText(bytes, work.budget);
    work.texts.set(bytes, text);
  }
  return text;
}

function convertText(bytes: Bytes, budget: Budget): string | DocumentObject {
  budget.spend(bytes.length);
  return decodeUtf8(bytes) ?? mark("$base64", base64(bytes));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly the bytes that are the same in UTF-8
const ascii = /^[\x00-\x7f]*$/;

function decodeUtf8(bytes: Bytes): string | undefined {
  if (ascii.test(bytes)) return bytes;
  const buffer = Buffer.from(bytes, "latin1");
  return isUtf8(buffer) ? buffer.toString("utf8") : undefined;
}

function base64(bytes: Bytes): string {
  return Buffer.from(bytes, "latin1").toString("base64");
}

/** As PHP's var_export() writes it: 7.0, -0.0, 1.0E+25. */
function wholeFloatName(value: number): string {
  if (!Number.isFinite(value)) return floatName(value);
  const [digits = "", exponent] = (Object.is(value, -0) ? "-0" : String(value)).split("e");
  return `${digits.includes(".") ? digits : `${digits}.0`}${exponent === undefined ? "" : `E${exponent}`}`;
}

function floatName(value: number): string {
  if (Number.isNaN(value)) return "NAN";
  return value > 0 ? "INF" : "-INF";
}

function mark(name: "$base64" | "$class" | "$enum" | "$float" | "$int", value: Document): DocumentObject {
  const object = emptyObject();
  object[name] = value;
  return object;
}

function emptyObject(): DocumentObject {
  return Object.create(null) as DocumentObject;
}
