// A row of the site's table -> its session: whether it has ended, and its bytes.
//
// Where the session is a column, its bytes are the session's. Where the row is (phpBB, for one, keeps no more than the
// user's id), each column is a variable of a session as PHP's handler php_serialize writes it:
//
//   NULL       null                       integers   int, exact to 64 bits; beyond that text
//   booleans   bool                       all else   string: text as UTF-8, BLOB and bytea as their bytes
//
// PHP counts a text's bytes, and the server has changed them where its column's character set, or that of the site's own
// connection, is another than UTF-8: then a user's text could end early, and what follows in it be variables of the
// session. So a column of text that holds more than ASCII is a session only where the operator knows the connection.
//
// The clock is that of the function: the times in the row are PHP's, or of the database's server.

import { maxSessionBytes, maxWrappedBytes } from "../../inspector/session/limits.ts";
import { type StoredValue, StoreError } from "../../inspector/session-store.ts";
import { secondsOfLocalTime } from "./local-time.ts";
import type { SqlTable } from "./sql-url.ts";

/** A value of a column: text, or bytes. */
export type Cell = null | boolean | bigint | string | Uint8Array;

/** A time: in seconds since 1970, or as its clock showed it. */
export type Time = { readonly seconds: number } | { readonly local: string };

export interface Row {
  readonly id: Cell;
  /** Whether a value is above the limit: then none came. */
  readonly isTooLarge: boolean;
  /** The session's one column, or those that make it. */
  readonly values: readonly Cell[];
  /** Null where it is NULL, undefined where it is no time. */
  readonly expires: Time | null | undefined;
  /** NULL where the table has no such column. */
  readonly lifetime: Cell;
}

/**
 * Returns the session of each key, null where it has none: no row, or one that has ended. A database may take two texts
 * for the same (another case, another accent, blanks at the end): only a row that has exactly the key is its. Where two
 * have, neither is: the session is unreadable, and the others are not.
 * @throws StoreError "store-refused"
 */
export function sessionsOfRows(
  keys: readonly string[],
  rows: readonly Row[],
  table: SqlTable,
  nowSeconds: number,
): (StoredValue | null)[] {
  const byKey = new Map<string, Row>();
  const doubled = new Set<string>();
  for (const row of rows) {
    const key = textOf(row.id);
    if (byKey.has(key)) doubled.add(key);
    byKey.set(key, row);
  }
  return keys.map((key) => {
    if (doubled.has(key)) return severalRows;
    const row = byKey.get(key);
    return row !== undefined && isLive(row, table, nowSeconds) ? sessionOf(row, table) : null;
  });
}

/** What a key has whose row is not known for sure. */
export const severalRows: StoredValue = Object.freeze({
  bytes: new Uint8Array(),
  flags: 0,
  unreadable: "several-rows",
});

function isLive({ expires, lifetime }: Row, table: SqlTable, nowSeconds: number): boolean {
  if (expires === null) return false;
  const begins = expires === undefined ? undefined : secondsOf(expires, table.zone);
  const lasts = typeof table.lifetime === "number" ? table.lifetime : secondsOfText(textOf(lifetime));
  if (begins === undefined)
    throw new StoreError("store-refused", { detail: "the column of expires= holds no time" });
  if (lasts === undefined)
    throw new StoreError("store-refused", { detail: "the column of lifetime= holds no seconds" });
  return begins + lasts > nowSeconds;
}

function secondsOf(time: Time, zone: string | undefined): number | undefined {
  if ("seconds" in time) return time.seconds;
  if (zone === undefined) {
    throw new StoreError("store-refused", {
      detail: "the column of expires= holds times without a zone: add &zone= to SESSION_STORE",
    });
  }
  return secondsOfLocalTime(time.local, zone);
}

/** Returns a number of seconds, or undefined for other texts. */
export function secondsOfText(text: string): number | undefined {
  return /^[0-9]{1,12}$/.test(text) ? Number(text) : undefined;
}

/** Returns what a column of keys or of numbers holds, as text. */
function textOf(cell: Cell): string {
  return cell instanceof Uint8Array ? Buffer.from(cell).toString("latin1") : String(cell ?? "");
}

function sessionOf({ isTooLarge, values }: Row, { columns, charset }: SqlTable): StoredValue {
  if (isTooLarge) return { bytes: tooLarge(), flags: 0 };
  if (columns !== undefined) return { bytes: serialized(columns, values), flags: 0 };
  const [data = null] = values;
  const isUncertain = typeof data === "string" && (charset === undefined ? beyondAscii : replaced).test(data);
  return { bytes: bytesOf(data), flags: 0, ...(isUncertain && { unreadable: "uncertain-charset" }) };
}

const beyondAscii = /[^\0-\x7f]/;
/** What stands in place of bytes that are no UTF-8. */
const replaced = /\ufffd/;

let beyondEveryLimit: Uint8Array | undefined;

/** Returns bytes that are too many for a decoder, and for what takes off a layer: one array for all sessions. */
function tooLarge(): Uint8Array {
  beyondEveryLimit ??= new Uint8Array(maxWrappedBytes + 1);
  return beyondEveryLimit;
}

function bytesOf(cell: Cell): Uint8Array {
  return cell instanceof Uint8Array ? cell : Buffer.from(String(cell ?? ""));
}

const maxInt64 = 2n ** 63n - 1n;

/** Source: php-src ext/standard/var.c, php_var_serialize(). */
function serialized(columns: readonly string[], values: readonly Cell[]): Uint8Array {
  const variables = columns.flatMap((column, i) => [
    ...string(Buffer.from(column)),
    ...value(values[i] ?? null),
  ]);
  const whole = Buffer.concat([Buffer.from(`a:${columns.length}:{`), ...variables, Buffer.from("}")]);
  return whole.length > maxSessionBytes ? tooLarge() : whole;
}

function value(cell: Cell): readonly Buffer[] {
  if (cell === null) return [Buffer.from("N;")];
  if (typeof cell === "boolean") return [Buffer.from(`b:${cell ? 1 : 0};`)];
  const isInteger = typeof cell === "bigint" && cell <= maxInt64 && cell >= -maxInt64 - 1n;
  return isInteger ? [Buffer.from(`i:${cell};`)] : string(Buffer.from(bytesOf(cell)));
}

function string(bytes: Buffer): readonly Buffer[] {
  return [Buffer.from(`s:${bytes.length}:"`), bytes, Buffer.from('";')];
}
