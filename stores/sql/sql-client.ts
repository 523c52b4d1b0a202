// A server of MySQL or PostgreSQL, asked for sessions on one connection. How it is spoken to is mysql.ts' and
// postgres.ts'.
//
// The connection is closed when nobody has asked for a while. In a process that was frozen meanwhile, as Lambda's is,
// no timer runs, and the server has closed its side: so the clock is looked at, too, and an old connection is not used.

import { type StoredValue, StoreError } from "../../inspector/session-store.ts";
import type { NodeClient } from "../nodes.ts";
import { connectionClosed } from "../socket-faults.ts";
import { Received } from "./received.ts";
import { type Row, sessionsOfRows, severalRows } from "./row.ts";
import type { SqlTable } from "./sql-url.ts";
import { maxKeys, mayBeMore } from "./statement.ts";

/** What was not used for so long is closed here; the server closes it after twice as long. */
export const idleMs = 60_000;

export interface SqlConnection {
  /**
   * Returns the rows of these keys, at most maxKeys, by one statement. May never settle.
   * @throws StoreError where the server or the way to it failed; any other error is a fault of ours
   */
  select(keys: readonly string[]): Promise<readonly Row[]>;
}

/**
 * Opens a connection. It is ended at once, whether it is open yet or not, when the signal is aborted.
 * @param onFailure is called when it is over, whether anything was asked or not
 * @throws as SqlConnection's select does
 */
export type OpenSql = (
  received: Received,
  ended: AbortSignal,
  onFailure: (error: Error) => void,
) => Promise<SqlConnection>;

export interface SqlClientOptions {
  readonly open: OpenSql;
  readonly table: SqlTable;
  /** The time, in milliseconds since 1970. */
  readonly timeMs: () => number;
}

export class SqlClient implements NodeClient {
  readonly #options: SqlClientOptions;
  readonly #received = new Received();
  readonly #ended = new AbortController();
  readonly #connection: Promise<SqlConnection>;
  /** Rejects whatever waits when the connection is over. */
  readonly #over: Promise<never>;
  #fail: (error: Error) => void = () => {};
  #failure: Error | undefined;
  #asking = 0;
  #usedAtMs: number;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(options: SqlClientOptions) {
    this.#options = options;
    this.#usedAtMs = options.timeMs();
    this.#over = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Nobody may wait for it.
    this.#over.catch(() => {});
    this.#connection = options.open(this.#received, this.#ended.signal, (error) => this.end(error));
    this.#connection.catch((error) => this.end(error));
  }

  get isOver(): boolean {
    const isIdle = this.#asking === 0 && this.#options.timeMs() - this.#usedAtMs >= idleMs;
    if (isIdle) this.end(connectionClosed());
    return this.#failure !== undefined;
  }

  async getEach(keys: readonly string[]): Promise<(StoredValue | null)[]> {
    this.#asking++;
    clearTimeout(this.#idleTimer);
    try {
      const found: (StoredValue | null)[] = [];
      for (let at = 0; at < keys.length; at += maxKeys)
        found.push(...(await this.#ask(keys.slice(at, at + maxKeys))));
      return found;
    } finally {
      this.#asking--;
      this.#usedAtMs = this.#options.timeMs();
      if (this.#asking === 0 && this.#failure === undefined) this.#closeWhenIdle();
    }
  }

  end(reason: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    clearTimeout(this.#idleTimer);
    this.#fail(reason);
    this.#ended.abort();
  }

  async #ask(keys: readonly string[]): Promise<(StoredValue | null)[]> {
    const { table, timeMs } = this.#options;
    const rows = await this.#select(keys);
    if (!mayBeMore(rows.length, keys.length)) return sessionsOfRows(keys, rows, table, timeMs() / 1000);
    if (keys.length === 1) return [severalRows];
    // The rows of one key must not cost the others their answer.
    const found: (StoredValue | null)[] = [];
    for (const key of keys) found.push(...(await this.#ask([key])));
    return found;
  }

  async #select(keys: readonly string[]): Promise<readonly Row[]> {
    // The statement for several keys has the limit of all that it can have.
    this.#received.asked(keys.length === 1 ? 1 : maxKeys);
    try {
      const select = async () => (await this.#connection).select(keys);
      return await Promise.race([select(), this.#over]);
    } catch (error) {
      throw this.#failure instanceof StoreError ? this.#failure : error;
    } finally {
      this.#received.answered();
    }
  }

  #closeWhenIdle(): void {
    this.#idleTimer = setTimeout(() => this.end(connectionClosed()), idleMs);
    // An open connection must not keep the process, nor must the time until it is closed.
    this.#idleTimer.unref();
  }
}
