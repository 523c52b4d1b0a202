// A Laravel site's APP_KEY, read and kept apart from the decoder that uses it (laravel.ts): that one needs
// node:crypto, which takes milliseconds to load, and few sites need it.

export const laravelKeyForm = "the site's APP_KEY for AES-256-CBC: base64: and 32 bytes in base64";

const keyBytes = 32;
const appKey = /^base64:[A-Za-z0-9+/]{43}=$/;

/** The site's APP_KEY. It can be logged or printed by nobody by mistake: its bytes are no property. */
export class LaravelKey {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  bytes(): Uint8Array {
    return this.#bytes;
  }
}

/** Gives the key, or undefined where the text is none. */
export function readLaravelKey(text: string): LaravelKey | undefined {
  if (!appKey.test(text)) return undefined;
  const bytes = Buffer.from(text.slice("base64:".length), "base64");
  return bytes.length === keyBytes ? new LaravelKey(bytes) : undefined;
}
