// The statement that asks for sessions by their keys. Table and columns are names that sql-url.ts has checked, and are
// quoted; the keys are parameters.
//
// The server itself sends no values that are above the limit together, but says that they are. It sends as many rows as there are keys,
// and as many again: a collation that takes several texts for one has several rows for a key. Were there more, the row
// of a key might not be among them.

import { maxSessionBytes } from "../../inspector/session/limits.ts";
import type { SqlTable } from "./sql-url.ts";

/** For one statement. */
export const maxKeys = 32;

/** Returns whether there may be more rows of so many keys than these. */
export function mayBeMore(rows: number, keys: number): boolean {
  return rows >= limitOf(keys);
}

/** Returns how many rows are asked for at most. */
export function limitOf(keys: number): number {
  return 2 * keys + 1;
}

/**
 * Returns the statement for so many keys. Its columns: the id, whether a value is too large, the time, the time in
 * seconds (NULL where it is none of MySQL's types for times), the lifetime or NULL, and the values.
 */
export function mysqlStatement(table: SqlTable, keys: number): string {
  const quote = (name: string) => `\`${name}\``;
  const values = valuesOf(table).map(quote);
  const bytes = values.map((value) => `COALESCE(OCTET_LENGTH(${value}), 0)`).join(" + ");
  const columns = [
    quote(table.id),
    `${bytes} > ${maxSessionBytes}`,
    quote(table.expires),
    `UNIX_TIMESTAMP(${quote(table.expires)})`,
    typeof table.lifetime === "number" ? "NULL" : quote(table.lifetime.column),
    ...values.map((value) => `IF(${bytes} <= ${maxSessionBytes}, ${value}, NULL)`),
  ];
  const holes = Array.from({ length: keys }, () => "?").join(", ");
  return `SELECT ${columns.join(", ")} FROM ${table.names.map(quote).join(".")} WHERE ${quote(table.id)} IN (${holes}) LIMIT ${limitOf(keys)}`;
}

/** bytea comes as text: two hexadecimal digits a byte, after two characters. */
const maxTextBytes = 2 * maxSessionBytes + 2;

/**
 * Returns the statement for at most maxKeys keys, which are one parameter; their limit is the other. Its columns: the id, whether a value is too
 * large, the time and the lifetime as JSON has them, and the values.
 */
export function postgresStatement(table: SqlTable): string {
  const quote = (name: string) => `"${name}"`;
  const values = valuesOf(table).map(quote);
  const bytes = values.map((value) => `coalesce(octet_length(${value}::text), 0)`).join(" + ");
  // JSON has one form for each type of a time, whatever the server's DateStyle and TimeZone are.
  const asJson = (name: string) => `to_jsonb(${quote(name)}) #>> '{}'`;
  const columns = [
    quote(table.id),
    `${bytes} > ${maxTextBytes}`,
    asJson(table.expires),
    typeof table.lifetime === "number" ? "NULL" : asJson(table.lifetime.column),
    ...values.map((value) => `CASE WHEN ${bytes} <= ${maxTextBytes} THEN ${value} END`),
  ];
  return `SELECT ${columns.join(", ")} FROM ${table.names.map(quote).join(".")} WHERE ${quote(table.id)} = ANY($1) LIMIT $2`;
}

function valuesOf({ data, columns }: SqlTable): readonly string[] {
  return columns ?? [data ?? ""];
}
