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
import {
  type SessionStore,
  type StoreDetail,
  type StoredValue,
  type StoredValues,
  StoreError,
} from "../inspector/session-store.ts";
import { shorterOf, stoppedWithin } from "./deadline.ts";
import type { KeyOf } from "./session-key.ts";
import { systemCodeOf } from "./system-code.ts";

/** DynamoDB's own limit for one BatchGetItem. */
const maxBatchKeys = 100;
const firstPauseMs = 20;

export interface DynamoDbStoreOptions {
  readonly table: string;
  readonly hashKey: string;
  readonly dataAttribute: string;
  readonly expiryAttribute: string;
  readonly keyOf: KeyOf;
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
    const { table, hashKey, keyOf } = this.#options;
    return this.#inTime(async (abortSignal) => {
      const command = new GetItemCommand({
        TableName: table,
        Key: { [hashKey]: { S: keyOf(sessionId) } },
        ConsistentRead: true,
        ...this.#projection(),
      });
      return this.#sessionOf((await this.#client.send(command, { abortSignal })).Item);
    });
  }

  async getMany(sessionIds: readonly string[], limitMs?: number): Promise<StoredValues> {
    const { keyOf } = this.#options;
    const idsByKey = new Map(sessionIds.map((id) => [keyOf(id), id]));
    const keys = [...idsByKey.keys()];
    const stored = new Map<string, StoredValue | null>();
    const note = (key: string, value: StoredValue | null) => stored.set(idsByKey.get(key) ?? "", value);
    try {
      await this.#inTime(async (abortSignal) => {
        for (let at = 0; at < keys.length; at += maxBatchKeys) {
          await this.#getBatch(keys.slice(at, at + maxBatchKeys), note, abortSignal);
        }
      }, limitMs);
      return { stored, faults: [] };
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return { stored: new Map(stored), faults: [error] };
    }
  }

  close(): void {
    this.#client.destroy();
  }

  /** Asks again, after a pause, for what DynamoDB left out of its answer: for its size, or because the table is busy. */
  async #getBatch(
    keys: readonly string[],
    note: (key: string, value: StoredValue | null) => void,
    abortSignal: AbortSignal,
  ): Promise<void> {
    const { table, hashKey } = this.#options;
    let left = keys;
    for (let pauseMs = firstPauseMs; ; pauseMs *= 2) {
      const Keys = left.map((key) => ({ [hashKey]: { S: key } }));
      const asked: KeysAndAttributes = { Keys, ConsistentRead: true, ...this.#projection() };
      const command = new BatchGetItemCommand({ RequestItems: { [table]: asked } });
      const { Responses, UnprocessedKeys } = await this.#client.send(command, { abortSignal });
      const keyOfItem = (item: Item) => item[hashKey]?.S ?? "";
      const items = new Map((Responses?.[table] ?? []).map((item) => [keyOfItem(item), item]));
      const unprocessed = new Set(UnprocessedKeys?.[table]?.Keys?.map(keyOfItem));
      for (const key of left) {
        if (!unprocessed.has(key)) note(key, this.#sessionOf(items.get(key)));
      }
      left = left.filter((key) => unprocessed.has(key));
      if (left.length === 0) return;
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

  async #inTime<T>(work: (abortSignal: AbortSignal) => Promise<T>, limitMs?: number): Promise<T> {
    try {
      return await stoppedWithin(shorterOf(this.#options, limitMs), work);
    } catch (error) {
      throw faultOf(error);
    }
  }
}

/** Returns the store's fault that an error of the SDK means. Any other error is a fault of ours: itself. */
function faultOf(error: unknown): unknown {
  if (error instanceof StoreError) return error;
  const { name = "", $metadata } = error as { name?: string; $metadata?: unknown };
  if (error instanceof DynamoDBServiceException) {
    return new StoreError("store-refused", { detail: detailOf(name), cause: error });
  }
  const code = systemCodeOf(error);
  if (code !== undefined) return new StoreError("store-unreachable", { detail: code, cause: error });
  // The SDK calls a connection that was reset a time-out, too; that one has the system's code.
  if (name === "TimeoutError") return new StoreError("store-timeout", { cause: error });
  if (name === "CredentialsProviderError") {
    return new StoreError("store-refused", { detail: "no-credentials", cause: error });
  }
  // What came from DynamoDB was not its protocol.
  if ($metadata !== undefined)
    return new StoreError("store-unreachable", { detail: "bad-reply", cause: error });
  return error;
}

/** By the names that DynamoDB's API Reference has for its errors. */
function detailOf(name: string): StoreDetail {
  if (/^(?:Throttling|ProvisionedThroughputExceeded|RequestLimitExceeded)/.test(name)) return "throttled";
  if (
    /^(?:AccessDenied|UnrecognizedClient|InvalidSignature|ExpiredToken|MissingAuthenticationToken)/.test(name)
  ) {
    return "access-denied";
  }
  if (name === "ResourceNotFoundException") return "table-not-found";
  return name === "ValidationException" ? "wrong-key" : "unknown-status";
}
