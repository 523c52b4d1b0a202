// A Laravel site's keys, read and kept apart from the decoder that uses them (laravel.ts): that one needs node:crypto,
// which takes milliseconds to load, and few sites need it.

export const laravelKeyForm = "the site's APP_KEY: base64: and 16 bytes (AES-128) or 32 (AES-256) in base64";
export const laravelKeysForm =
  "the site's APP_PREVIOUS_KEYS, separated by commas, at most 10, each as long as LARAVEL_APP_KEY beside it";

const maxPreviousKeys = 10;
const appKey = /^base64:(?:[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{22}==)$/;

/** One key. Nobody can log or print it by mistake: its bytes are no property. */
export class LaravelKey {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** In bytes. */
  get length(): number {
    return this.#bytes.length;
  }

  bytes(): Uint8Array {
    return this.#bytes;
  }
}

/** Returns the key, or undefined if the text is not a key. */
export function readLaravelKey(text: string): LaravelKey | undefined {
  return appKey.test(text) ? new LaravelKey(Buffer.from(text.slice("base64:".length), "base64")) : undefined;
}

/** Returns the keys in their order, or undefined where the text holds anything else, or too many. */
export function readLaravelKeys(text: string): readonly LaravelKey[] | undefined {
  const keys = text.split(",").map((key) => readLaravelKey(key.trim()));
  return keys.length > maxPreviousKeys || keys.includes(undefined) ? undefined : (keys as LaravelKey[]);
}
