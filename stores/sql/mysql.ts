// MySQL and MariaDB by mysql2: one prepared statement a look-up.
//
// What is not asked for is off: files of this machine (LOCAL INFILE), several statements in one, generated code, names
// of this program in the server's tables. The password leaves as the server's method has it: unencrypted only over TLS,
// and as it is only where it is a token of RDS (mysql_clear_password).
//
// Of the session's settings the server keeps its own, but for those that would change what is read, or when a lost
// connection ends. autocommit: without it every look-up would see the first one's sessions, also after a logout.

import { connect as openSocket } from "node:net";
import { type Connection, type ConnectionOptions, createConnection, type FieldPacket } from "mysql2";
import { type StoreDetail, StoreError } from "../../inspector/session-store.ts";
import { connectionClosed } from "../socket-faults.ts";
import { faultOfConnection, type MaybeTls } from "./library-errors.ts";
import { guard, type Received } from "./received.ts";
import { type Cell, type Row, secondsOfText, type Time } from "./row.ts";
import type { SqlAccess } from "./sql-access.ts";
import { idleMs, type OpenSql, type SqlConnection } from "./sql-client.ts";
import { maxKeys, mysqlStatement } from "./statement.ts";

/** Field types of the protocol: MySQL source, include/field_types.h. */
const integerTypes: readonly number[] = [1, 2, 3, 8, 9, 13];
const timestampType = 7;
const datetimeTypes: readonly number[] = [10, 12];

const flags = [
  ...["-LOCAL_FILES", "-MULTI_RESULTS", "-SESSION_TRACK", "-CONNECT_ATTRS", "-CLIENT_QUERY_ATTRIBUTES"],
  ...["-ODBC", "-IGNORE_SPACE", "-FOUND_ROWS"],
];

interface Internals {
  readonly stream: MaybeTls & { destroy(): void };
  startTLS(done: (error?: Error) => void): void;
}

export function openMysql(access: SqlAccess): OpenSql {
  return async (received, ended, onFailure) => {
    const password = await access.password();
    if (ended.aborted) throw connectionClosed();
    const connection = createConnection(optionsOf(access, password));
    const destroy = () => {
      connection.destroy();
      // The library says goodbye, and would wait for the server's.
      (connection as unknown as Internals).stream.destroy();
    };
    ended.addEventListener("abort", destroy);
    const fail = (error: Error) => {
      destroy();
      onFailure(error);
    };
    // Of an error that a call hears of, too, the connection tells here that it is over.
    connection.on("error", (error) => fail(errorOf(error, connection)));
    connection.on("end", () => fail(connectionClosed()));
    // A packet out of order: the library would write so on the console, and go on.
    connection.on("warn" as "error", () => {
      throw new StoreError("store-unreachable", { detail: "bad-reply" });
    });
    guardAll(connection, received, fail);
    connection.query(settings(access.timeoutMs), (error) => {
      if (error !== null) fail(errorOf(error, connection));
    });
    return asConnection(connection, access);
  };
}

function optionsOf({ url, authority }: SqlAccess, password: string): ConnectionOptions {
  const { host, port, user, database, isEncrypted, isIam } = url;
  return {
    ...{ host, port, user, database, password },
    stream: () => openSocket({ host, port, noDelay: true }),
    charset: "UTF8MB4_GENERAL_CI",
    flags: [...flags],
    // The store has deadlines of its own.
    connectTimeout: 0,
    // What is generated would hold names that a server chose.
    disableEval: true,
    multipleStatements: false,
    maxPreparedStatements: 2,
    ...{ supportBigNumbers: true, bigNumberStrings: true, dateStrings: true, jsonStrings: true },
    ...(isEncrypted && {
      ssl: {
        rejectUnauthorized: true,
        verifyIdentity: true,
        minVersion: "TLSv1.2",
        ...(authority && { ca: authority as Buffer[] }),
      },
    }),
    enableCleartextPlugin: isEncrypted && isIam,
  } as ConnectionOptions;
}

/** The last of these are of one of both servers each: a comment to the other. */
function settings(timeoutMs: number): string {
  const seconds = Math.ceil(timeoutMs / 1000);
  const common = `autocommit = 1, sql_mode = '', wait_timeout = ${(2 * idleMs) / 1000}, lock_wait_timeout = ${seconds}`;
  return `SET SESSION ${common} /*!50708 , max_execution_time = ${timeoutMs} */ /*M!100101 , max_statement_time = ${seconds} */`;
}

/** Guards the stream, and the one with TLS that takes its place. */
function guardAll(connection: Connection, received: Received, fail: (error: Error) => void): void {
  const inside = connection as unknown as Internals;
  const guardStream = () => guard(inside.stream, received, fail);
  guardStream();
  const startTls = inside.startTLS;
  inside.startTLS = (done) => {
    startTls.call(connection, done);
    guardStream();
  };
}

function asConnection(connection: Connection, { url: { table } }: SqlAccess): SqlConnection {
  const one = mysqlStatement(table, 1);
  const many = mysqlStatement(table, maxKeys);
  return {
    select: (keys) =>
      new Promise((resolve, reject) => {
        // Two statements do for any number of keys: the last one is asked for again.
        const values =
          keys.length === 1 ? [...keys] : Array.from({ length: maxKeys }, (_, i) => keys[i] ?? keys.at(-1));
        const options = { sql: keys.length === 1 ? one : many, values, rowsAsArray: true };
        connection.execute(options, (error: Error | null, rows: unknown, fields: FieldPacket[]) => {
          if (error !== null) return reject(errorOf(error, connection));
          try {
            resolve(rowsOf(rows, fields, (table.columns ?? [table.data]).length));
          } catch (problem) {
            reject(problem);
          }
        });
      }),
  };
}

const fixedColumns = 5;

/** Of text as it was asked for, and of bytes and numbers. */
const encodings: readonly string[] = ["utf8", "binary"];

/** @throws StoreError "bad-reply" for what is no answer to the statement */
function rowsOf(rows: unknown, fields: readonly FieldPacket[] | undefined, values: number): Row[] {
  const isAnswer =
    Array.isArray(rows) &&
    fields?.length === fixedColumns + values &&
    fields.every(({ encoding }) => encodings.includes(encoding ?? "")) &&
    rows.every((row) => Array.isArray(row) && row.length === fields.length);
  if (!isAnswer) throw new StoreError("store-unreachable", { detail: "bad-reply" });
  const types = fields.map(({ columnType }) => columnType ?? 0);
  return rows.map((row: unknown[]) => {
    const cells = row.map((value, i) => cellOf(value, types[i] ?? 0));
    const [id = null, isTooLarge, expires = null, seconds = null, lifetime = null] = cells;
    return {
      id,
      isTooLarge: isTooLarge === 1n,
      expires: timeOf(expires, types[2] ?? 0, seconds),
      lifetime,
      values: cells.slice(fixedColumns),
    };
  });
}

function cellOf(value: unknown, type: number): Cell {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return value;
  const text = String(value);
  return integerTypes.includes(type) && /^-?[0-9]{1,20}$/.test(text) ? BigInt(text) : text;
}

/** @param seconds what the server makes of a time with a zone */
function timeOf(cell: Cell, type: number, seconds: Cell): Time | null | undefined {
  if (cell === null) return null;
  if (datetimeTypes.includes(type)) return { local: String(cell) };
  const text = type === timestampType ? String(seconds).replace(/\.[0-9]{1,6}$/, "") : textOf(cell);
  const found = secondsOfText(text);
  return found === undefined ? undefined : { seconds: found };
}

function textOf(cell: Cell): string {
  return cell instanceof Uint8Array ? Buffer.from(cell).toString("latin1") : String(cell);
}

/** By the numbers of MySQL's and MariaDB's error references. */
const details: ReadonlyMap<number, StoreDetail> = new Map(
  Object.entries({
    "access-denied": [1044, 1045, 1130, 1142, 1143, 1227, 1251, 1370, 1524, 1698, 1862, 3118, 4151],
    "table-not-found": [1049, 1051, 1109, 1146],
    "column-not-found": [1054],
    "too-many-connections": [1040, 1129, 1203, 1226],
  } satisfies Partial<Record<StoreDetail, number[]>>).flatMap(([detail, numbers]) =>
    numbers.map((number) => [number, detail as StoreDetail] as const),
  ),
);

/** A lock that was held for too long, a statement that took too long. */
const timeouts: readonly number[] = [1205, 1969, 3024, 4031];
/** The server ends, or ended this connection. */
const endings: readonly number[] = [1053, 1077, 1079, 1152, 1159, 1161, 1184, 1317, 1927];

/** Returns the store's fault that an error of the library means. */
function errorOf(error: Error & { errno?: unknown; code?: unknown }, connection: Connection): StoreError {
  if (error instanceof StoreError) return error;
  const { errno, code } = error;
  if (code === "HANDSHAKE_NO_SSL_SUPPORT")
    return new StoreError("store-untrusted", { detail: "no-tls", cause: error });
  if (code === "PROTOCOL_CONNECTION_LOST") return connectionClosed();
  if (typeof errno === "number" && errno > 0) {
    if (timeouts.includes(errno)) return new StoreError("store-timeout", { cause: error });
    if (endings.includes(errno)) return connectionClosed();
    return new StoreError("store-refused", { detail: details.get(errno) ?? "unknown-status", cause: error });
  }
  return faultOfConnection(error, (connection as unknown as Internals).stream);
}
