// PostgreSQL by pg: one prepared statement a look-up.
//
// The password leaves as it is only over TLS: a server that asks for it without is not the site's.

import { Client, types } from "pg";
import { type StoreDetail, StoreError } from "../../inspector/session-store.ts";
import { connectionClosed } from "../socket-faults.ts";
import { faultOfConnection, type MaybeTls } from "./library-errors.ts";
import { guard } from "./received.ts";
import { type Cell, type Row, secondsOfText, type Time } from "./row.ts";
import type { SqlAccess } from "./sql-access.ts";
import { idleMs, type OpenSql, type SqlConnection } from "./sql-client.ts";
import { limitOf, postgresStatement } from "./statement.ts";

/** Object ids of types: PostgreSQL source, src/include/catalog/pg_type.dat. */
const oids = { bool: 16, bytea: 17, integers: [20, 21, 23], bpchar: 1042 } as const;

/** All values stay text: what it is of, the type says. */
const asText = { getTypeParser: () => (text: string) => text };

interface Internals {
  readonly stream: MaybeTls & { destroy(): void };
  on(event: string, listener: () => void): void;
}

export function openPostgres(access: SqlAccess): OpenSql {
  return async (received, ended, onFailure) => {
    const { url, authority, timeoutMs } = access;
    const { host, port, user, database, isEncrypted } = url;
    const password = await access.password();
    if (ended.aborted) throw connectionClosed();
    const client = new Client({
      ...{ host, port, user, database },
      password,
      ssl: isEncrypted && {
        rejectUnauthorized: true,
        servername: host,
        minVersion: "TLSv1.2",
        ...(authority && { ca: authority as Buffer[] }),
      },
      statement_timeout: timeoutMs,
    });
    const inside = (client as unknown as { readonly connection: Internals }).connection;
    const destroy = () => inside.stream.destroy();
    ended.addEventListener("abort", destroy);
    const fail = (error: Error) => {
      destroy();
      onFailure(error);
    };
    if (!isEncrypted) {
      inside.on("authenticationCleartextPassword", () =>
        fail(new StoreError("store-untrusted", { detail: "no-tls" })),
      );
    }
    client.on("error", (error) => fail(errorOf(error, inside)));
    const guardStream = () => guard(inside.stream, received, fail);
    inside.on("sslconnect", guardStream);
    const connected = client.connect();
    if (!isEncrypted) guardStream();
    try {
      await connected;
    } catch (error) {
      destroy();
      throw errorOf(error as Error, inside);
    }
    // Known from PostgreSQL 14 on: older ones refuse it, and keep what a frozen process left.
    await client.query(`SET idle_session_timeout = ${2 * idleMs}`).catch(() => {});
    return asConnection(client, inside, access);
  };
}

function asConnection(client: Client, inside: Internals, { url: { table } }: SqlAccess): SqlConnection {
  const text = postgresStatement(table);
  const values = (table.columns ?? [table.data]).length;
  let last: Promise<unknown> = Promise.resolve();
  const select = async (keys: readonly string[]) => {
    const parameters = [[...keys], limitOf(keys.length)];
    const query = { name: "sessions", text, values: parameters, rowMode: "array" as const, types: asText };
    const found = await client.query(query).catch((error) => {
      throw errorOf(error, inside);
    });
    return rowsOf(found, values);
  };
  return {
    // The library takes one query at a time.
    select(keys) {
      const found = last.then(() => select(keys));
      last = found.catch(() => {});
      return found;
    },
  };
}

const fixedColumns = 4;

interface Found {
  readonly rows: readonly unknown[];
  readonly fields: readonly { readonly dataTypeID: number }[];
}

/** @throws StoreError "bad-reply" for what is no answer to the statement */
function rowsOf(found: Found | readonly Found[], values: number): Row[] {
  const { rows, fields } = found as Found;
  const isAnswer =
    Array.isArray(rows) &&
    fields.length === fixedColumns + values &&
    rows.every((row) => Array.isArray(row) && row.length === fields.length);
  if (!isAnswer) throw new StoreError("store-unreachable", { detail: "bad-reply" });
  return rows.map((row: (string | null)[]) => {
    const [id = null, isTooLarge, expires = null, lifetime = null] = row;
    const type = fields[0]?.dataTypeID;
    return {
      // char(n) is as long as its column: the blanks are no part of the value.
      id: id !== null && type === oids.bpchar ? id.trimEnd() : cellOf(id, type),
      isTooLarge: isTooLarge === "t",
      expires: timeOf(expires),
      lifetime,
      values: row.slice(fixedColumns).map((value, i) => cellOf(value, fields[fixedColumns + i]?.dataTypeID)),
    };
  });
}

function cellOf(value: string | null, type: number | undefined): Cell {
  if (value === null) return null;
  if (type === oids.bool) return value === "t";
  if (type === oids.bytea) return types.getTypeParser(oids.bytea, "text")(value) as Buffer;
  const isInteger = oids.integers.some((oid) => oid === type) && /^-?[0-9]{1,19}$/.test(value);
  return isInteger ? BigInt(value) : value;
}

const withZone = /^[0-9-]{10}T[0-9:.]{8,15}(?:Z|[+-][0-9]{2}:[0-9]{2})$/;
const withoutZone = /^[0-9-]{10}T[0-9:.]{8,15}$/;

function timeOf(text: string | null): Time | null | undefined {
  if (text === null) return null;
  if (withoutZone.test(text)) return { local: text };
  const seconds = withZone.test(text) ? Date.parse(text) / 1000 : secondsOfText(text);
  return seconds === undefined || Number.isNaN(seconds) ? undefined : { seconds };
}

/** By the codes of PostgreSQL's documentation, appendix A. */
const details: Readonly<Record<string, StoreDetail>> = {
  "28000": "access-denied",
  "28P01": "access-denied",
  "42501": "access-denied",
  "3D000": "table-not-found",
  "3F000": "table-not-found",
  "42P01": "table-not-found",
  "42703": "column-not-found",
  "53300": "too-many-connections",
  "53400": "too-many-connections",
};

/** A lock that was held for too long, a statement that took too long. */
const timeouts: readonly string[] = ["57014", "55P03"];
/** The server ends, or ended this connection, or is not ready yet. */
const endings: readonly string[] = ["57P01", "57P02", "57P03", "57P05"];

/** Returns the store's fault that an error of the library means. */
function errorOf(error: Error & { code?: unknown; severity?: unknown }, { stream }: Internals): StoreError {
  if (error instanceof StoreError) return error;
  const { code, severity, message } = error;
  if (typeof severity === "string" && typeof code === "string") {
    if (timeouts.includes(code)) return new StoreError("store-timeout", { cause: error });
    if (endings.includes(code)) return connectionClosed();
    return new StoreError("store-refused", { detail: details[code] ?? "unknown-status", cause: error });
  }
  if (message === "The server does not support SSL connections") {
    return new StoreError("store-untrusted", { detail: "no-tls", cause: error });
  }
  if (/^Connection terminated/.test(message)) return connectionClosed();
  return faultOfConnection(error, stream);
}
