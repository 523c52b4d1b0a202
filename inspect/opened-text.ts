// What stands inside the texts of a session, as an expression can open it: serialized values, sessions in text, JSON,
// and these in base64.

import { Budget } from "../inspector/session/budget.ts";
import { bytesOfText, type Document, toDocument, valueToDocument } from "../inspector/session/document.ts";
import { readJson } from "../inspector/session/formats/json.ts";
import { decodePhp } from "../inspector/session/formats/php.ts";
import { readSerialized } from "../inspector/session/formats/serialized.ts";
import { maxDecodedBytes } from "../inspector/session/limits.ts";
import { UnreadableSessionError } from "../inspector/session/unreadable.ts";

/** A function of expressions, and what it returns for a text. */
export interface Opened {
  readonly call: "php_unserialize" | "php_session" | "json_decode" | "base64_decode";
  readonly value: Document;
}

/** Texts that are opened inside one another: what an expression of a person's has. */
export const maxOpenedDepth = 4;

const maxOpened = 200;
/** A shorter text in base64 can be any word. */
const minBase64Length = 12;

const serializedStart = /^(?:[aOC]:\d+:["{]|s:\d+:")/;
const phpSessionStart = /^[A-Za-z_][^|"{}\n]{0,127}\|(?:[aOCsbdi]:|N;)/;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
const printable = /^[ -~]+$/;

/** Opens the texts of one session. What it opens is bounded in all, so it stops at some text of a large session. */
export class TextOpener {
  #bytesLeft = maxDecodedBytes;
  #left = maxOpened;
  readonly #budget = new Budget();

  /** Returns what the text holds, or undefined where it holds nothing that can be opened. Throws nothing. */
  open(text: Document): Opened | undefined {
    const bytes = bytesOfText(text);
    if (bytes === undefined || bytes.length < 2) return undefined;
    const start = bytes.toString("latin1", 0, 160);
    if (serializedStart.test(start)) {
      return this.#read("php_unserialize", bytes, () =>
        valueToDocument(readSerialized(bytes, this.#budget), this.#budget),
      );
    }
    if (/^\s*[{[]/.test(start)) {
      return this.#read("json_decode", bytes, () =>
        valueToDocument(readJson(bytes, this.#budget), this.#budget),
      );
    }
    if (phpSessionStart.test(start)) {
      return this.#read("php_session", bytes, () =>
        toDocument(decodePhp(bytes, undefined, this.#budget), undefined, this.#budget),
      );
    }
    return this.#openBase64(bytes);
  }

  #openBase64(bytes: Buffer): Opened | undefined {
    if (bytes.length < minBase64Length || bytes.length > this.#bytesLeft) return undefined;
    const encoded = bytes.toString("latin1");
    if (!base64.test(encoded)) return undefined;
    const decoded = Buffer.from(encoded, "base64");
    const start = decoded.toString("latin1", 0, 160);
    const holdsMore = serializedStart.test(start) || phpSessionStart.test(start);
    if (!holdsMore && !printable.test(decoded.toString("latin1"))) return undefined;
    return this.#read("base64_decode", bytes, () =>
      valueToDocument(decoded.toString("latin1"), this.#budget),
    );
  }

  #read(call: Opened["call"], bytes: Buffer, decode: () => Document): Opened | undefined {
    if (this.#left <= 0 || bytes.length > this.#bytesLeft) return undefined;
    this.#left--;
    this.#bytesLeft -= bytes.length;
    try {
      return { call, value: decode() };
    } catch (error) {
      if (error instanceof UnreadableSessionError) return undefined;
      throw error;
    }
  }
}
