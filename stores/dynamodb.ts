// Sessions in a table of DynamoDB, as aws-sdk-php's session handler and those that copy it put them there: an item a
// session, whose key is the session's name, "_" and its id.
//
//   item = { hash key: S, data attribute: S or B, expiry attribute: N, lock: N }
//
// A session without variables has no data attribute. One whose expiry, in seconds since 1970, has come is none, nor is
// one without expiry: its item may lie there until DynamoDB or the site's own cron job collects it. Reads are strongly
// consistent, as the handler's are unless it is told otherwise: a logout must be seen at once.
//
// The SDK tries a second time by itself, after a pause, and takes region, endpoint and credentials from the environment.
// This store's part is one limit over all of it.
//
// Source: aws-sdk-php src/DynamoDb/SessionHandler.php, read() and formatId(); StandardSessionConnection.php.

import {
  type AttributeValue,
  BatchGetItemCommand,
  DynamoDBClient,
  DynamoDBServiceException,
  GetItemCommand,
  type KeysAndAttributes,
} from "@aws-sdk/client-dynamodb";
import { type SessionStore, type StoredValue, StoreError } from "../inspector/session-store.ts";
import { within } from "./deadline.ts";

/** DynamoDB's own limit for one BatchGetItem. */
const maxBatchKeys = 100;
const firstPauseMs = 20;

export interface DynamoDbStoreOptions {
  readonly table: string;
  readonly hashKey: string;
  readonly dataAttribute: string;
  readonly expiryAttribute: string;
  readonly keyPrefix: string;
  /** For one getData or getMany in all, in milliseconds. */
  readonly timeoutMs: number;
  /** The time, in milliseconds since 1970. */
  readonly nowMs: () => number;
}

type Item = Readonly<Record<string, AttributeValue>>;

export class DynamoDbStore implements SessionStore {
  readonly #options: DynamoDbStoreOptions;
  readonly #client: DynamoDBClient;

  constructor(options: DynamoDbStoreOptions) {
    this.#options = options;
    const { timeoutMs } = options;
    this.#client = new DynamoDBClient({
      maxAttempts: 2,
      // A connection that died while this process was frozen leaves time for the second.
      requestHandler: {
        connectionTimeout: timeoutMs / 2,
        requestTimeout: timeoutMs / 2,
        throwOnRequestTimeout: true,
      },
    });
  }

  async getData(sessionId: string): Promise<StoredValue | null> {
    const { table, hashKey, keyPrefix } = this.#options;
    return this.#inTime(async (abortSignal) => {
      const command = new GetItemCommand({
        TableName: table,
        Key: { [hashKey]: { S: keyPrefix + sessionId } },
        ConsistentRead: true,
        ...this.#projection(),
      });
      return this.#sessionOf((await this.#client.send(command, { abortSignal })).Item);
    });
  }

  async getMany(sessionIds: readonly string[]): Promise<ReadonlyMap<string, StoredValue | null>> {
    const { keyPrefix, hashKey } = this.#options;
    const ids = [...new Set(sessionIds)];
    return this.#inTime(async (abortSignal) => {
      const found = new Map<string, StoredValue | null>(ids.map((id) => [id, null]));
      for (let at = 0; at < ids.length; at += maxBatchKeys) {
        const keys = ids.slice(at, at + maxBatchKeys).map((id) => keyPrefix + id);
        for (const item of await this.#getBatch(keys, abortSignal)) {
          const key = item[hashKey]?.S ?? "";
          found.set(key.slice(keyPrefix.length), this.#sessionOf(item));
        }
      }
      return found;
    });
  }

  close(): void {
    this.#client.destroy();
  }

  /** Asks again, after a pause, for what DynamoDB left out of its answer: for its size, or because the table is busy. */
  async #getBatch(keys: readonly string[], abortSignal: AbortSignal): Promise<Item[]> {
    const { table, hashKey } = this.#options;
    const items: Item[] = [];
    let left: KeysAndAttributes["Keys"] = keys.map((key) => ({ [hashKey]: { S: key } }));
    for (let pauseMs = firstPauseMs; ; pauseMs *= 2) {
      const asked: KeysAndAttributes = { Keys: left, ConsistentRead: true, ...this.#projection() };
      const command: BatchGetItemCommand = new BatchGetItemCommand({ RequestItems: { [table]: asked } });
      const { Responses, UnprocessedKeys } = await this.#client.send(command, { abortSignal });
      items.push(...(Responses?.[table] ?? []));
      left = UnprocessedKeys?.[table]?.Keys;
      if (left === undefined) return items;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      abortSignal.throwIfAborted();
    }
  }

  /** Only these attributes leave DynamoDB; under other names, as theirs can be words of its expressions. */
  #projection() {
    const { hashKey, dataAttribute, expiryAttribute } = this.#options;
    return {
      ProjectionExpression: "#key, #data, #expires",
      ExpressionAttributeNames: { "#key": hashKey, "#data": dataAttribute, "#expires": expiryAttribute },
    };
  }

  #sessionOf(item: Item | undefined): StoredValue | null {
    const { dataAttribute, expiryAttribute, nowMs } = this.#options;
    const expires = Number(item?.[expiryAttribute]?.N);
    if (item === undefined || !(expires > Math.floor(nowMs() / 1000))) return null;
    const { S: text = "", B: bytes } = item[dataAttribute] ?? {};
    return { bytes: bytes ?? Buffer.from(text), flags: 0 };
  }

  async #inTime<T>(work: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    const { timeoutMs } = this.#options;
    const controller = new AbortController();
    try {
      return await within(timeoutMs, work(controller.signal));
    } catch (error) {
      throw faultOf(error);
    } finally {
      controller.abort();
    }
  }
}

function faultOf(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  if (error instanceof DynamoDBServiceException) return new StoreError("store-refused");
  // The SDK calls a connection that was reset a time-out, too; that one has the system's code.
  const isTimeout = error instanceof Error && error.name === "TimeoutError" && !("code" in error);
  return new StoreError(isTimeout ? "store-timeout" : "store-unreachable");
}
