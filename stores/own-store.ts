// A store of the operator's own, held to what every store does: it answers in time or is a fault, and only bytes that it
// returned can be a session.
//
// Its class is the operator's code. So whatever it throws is `store-failed` with the error's kind, whatever it returns is
// looked at before it is used, and what comes after the time limit counts no more.

import { maxWrappedBytes } from "../inspector/session/limits.ts";
import {
  type OwnStore,
  type SessionStore,
  type StoreDetail,
  type StoredValue,
  type StoredValues,
  StoreError,
} from "../inspector/session-store.ts";
import { shorterOf, stoppedWithin } from "./deadline.ts";
import type { KeyOf } from "./session-key.ts";

/** Calls of getData at a time, where the store has no getMany. */
const callsAtOnce = 16;

export interface GuardedStoreOptions {
  readonly keyOf: KeyOf;
  /** For one getData or getMany in all, in milliseconds. */
  readonly timeoutMs: number;
}

export class GuardedStore implements SessionStore {
  readonly #store: OwnStore;
  readonly #options: GuardedStoreOptions;

  constructor(store: OwnStore, options: GuardedStoreOptions) {
    this.#store = store;
    this.#options = options;
  }

  async getData(sessionId: string): Promise<StoredValue | null> {
    const key = this.#options.keyOf(sessionId);
    return this.#inTime((signal) => this.#get(key, signal));
  }

  async getMany(sessionIds: readonly string[], limitMs?: number): Promise<StoredValues> {
    const { keyOf } = this.#options;
    const idsByKey = new Map(sessionIds.map((id) => [keyOf(id), id]));
    const keys = [...idsByKey.keys()];
    const stored = new Map<string, StoredValue | null>();
    const faults: StoreError[] = [];
    const note = (key: string, work: () => StoredValue | null) => {
      try {
        stored.set(idsByKey.get(key) ?? "", work());
      } catch (error) {
        faults.push(errorOf(error));
      }
    };
    try {
      await this.#inTime(async (signal) => {
        if (typeof this.#store.getMany === "function") await this.#getTogether(keys, note, signal);
        else await this.#getEach(keys, note, signal);
      }, limitMs);
    } catch (error) {
      faults.push(errorOf(error));
    }
    // What is answered too late must not be added to the result.
    return { stored: new Map(stored), faults: [...faults] };
  }

  close(): void {
    try {
      this.#store.close?.();
    } catch {
      // Nothing waits on it.
    }
  }

  async #getTogether(keys: readonly string[], note: Note, signal: AbortSignal): Promise<void> {
    if (keys.length === 0) return;
    const values: unknown = await this.#store.getMany?.(keys, signal);
    if (!(values instanceof Map)) throw new StoreError("store-failed", { detail: "not-bytes" });
    for (const key of keys) {
      note(key, () => {
        if (!values.has(key)) throw new StoreError("store-failed", { detail: "key-left-out" });
        return storedValueOf(values.get(key));
      });
    }
  }

  async #getEach(keys: readonly string[], note: Note, signal: AbortSignal): Promise<void> {
    for (let at = 0; at < keys.length && !signal.aborted; at += callsAtOnce) {
      const calls = keys.slice(at, at + callsAtOnce).map(async (key) => {
        const settled = await this.#get(key, signal).then(
          (value) => () => value,
          (error: unknown) => () => {
            throw error;
          },
        );
        note(key, settled);
      });
      await Promise.all(calls);
    }
  }

  async #get(key: string, signal: AbortSignal): Promise<StoredValue | null> {
    return storedValueOf(await this.#store.getData(key, signal));
  }

  async #inTime<T>(work: (signal: AbortSignal) => Promise<T>, limitMs?: number): Promise<T> {
    try {
      return await stoppedWithin(shorterOf(this.#options, limitMs), work);
    } catch (error) {
      throw errorOf(error);
    }
  }
}

/** Keeps what this work returns for the key, or the fault that it throws. */
type Note = (key: string, work: () => StoredValue | null) => void;

const maxFlags = 2 ** 32 - 1;

/**
 * Returns a copy of what the store returned.
 * @throws StoreError `store-failed` where it is neither bytes nor null
 */
function storedValueOf(returned: unknown): StoredValue | null {
  if (returned === null) return null;
  if (returned instanceof Uint8Array) return { bytes: copyOf(returned), flags: 0 };
  if (typeof returned !== "object") throw notBytes();
  const { bytes, flags } = returned as Partial<Record<keyof StoredValue, unknown>>;
  if (!(bytes instanceof Uint8Array)) throw notBytes();
  if (typeof flags !== "number" || !Number.isInteger(flags) || flags < 0 || flags > maxFlags)
    throw notBytes();
  return { bytes: copyOf(bytes), flags };
}

function notBytes(): StoreError {
  return new StoreError("store-failed", { detail: "not-bytes" });
}

/** What the store keeps of the bytes must not change them any more. */
function copyOf(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength > maxWrappedBytes) throw new StoreError("store-failed", { detail: "value-too-long" });
  return Buffer.from(bytes);
}

const faults: readonly unknown[] = [
  "store-unreachable",
  "store-timeout",
  "store-untrusted",
  "store-refused",
  "store-failed",
];
const word = /^[A-Za-z][A-Za-z0-9_-]{0,60}$/;

/** Returns the store's fault that an error is. No text of the error's goes further: it can name a key. */
function errorOf(error: unknown): StoreError {
  if (!(error instanceof StoreError)) {
    return new StoreError("store-failed", { detail: kindOf(error), cause: error });
  }
  const { fault, detail } = error;
  if (!faults.includes(fault)) return new StoreError("store-failed", { cause: error });
  if (detail === undefined || word.test(detail)) return error;
  return new StoreError(fault, { cause: error });
}

const systemCode = /^[A-Z][A-Z0-9_]{1,60}$/;
const errorName = /^[A-Za-z][A-Za-z0-9]{0,40}Error$/;
const maxCauses = 3;

/** Returns the code of the system's or of Node's that the error or one of its causes has, or its name. */
function kindOf(error: unknown): StoreDetail {
  let cause = error;
  for (let depth = 0; depth <= maxCauses && cause instanceof Error; depth++) {
    const { code } = cause as NodeJS.ErrnoException;
    if (typeof code === "string" && systemCode.test(code)) return code as Uppercase<string>;
    ({ cause } = cause);
  }
  const name = error instanceof Error ? String(error.name) : "";
  return errorName.test(name) ? (name as `${string}Error`) : "Error";
}
