// A store of one's own, as an example: sessions that a service hands out over HTTPS.
//
//   SESSION_STORE=custom://example?url=https://sessions.example.org/v1
//   SESSION_STORE_PASSWORD=TOKEN
//   &authority=PATH           a file with the certificate's authority (PEM), where Node does not know it
//
//   request = GET URL "/" KEY, with "Authorization: Bearer TOKEN"
//   answer  = 200 and the session's bytes / 404 for no such session / anything else: the service cannot tell
//
// Copy this file to custom/NAME.ts and change it; SESSION_STORE=custom://NAME has it then, and
// `npm run test:store -- custom/NAME.ts` tests it (custom/example.site.ts starts the service for that).

import { readFileSync } from "node:fs";
import { request } from "node:https";
import {
  type OwnStore,
  type OwnStoreOptions,
  type OwnStoreValue,
  StoreError,
} from "../inspector/session-store.ts";

/** More than any session that can be read has. */
const maxBytes = 1_100_000;

export default class ExampleStore implements OwnStore {
  readonly #url: string;
  /** The certificate's authority, where Node does not know it. The certificate is checked in any case. */
  readonly #authority: Buffer | undefined;
  readonly #password: OwnStoreOptions["password"];

  constructor({ settings, password }: OwnStoreOptions) {
    const { url = "", authority } = settings;
    if (!url.startsWith("https://")) throw new TypeError("url must be https://");
    this.#url = url.replace(/\/$/, "");
    if (authority !== undefined) this.#authority = readFileSync(authority);
    this.#password = password;
  }

  async getData(key: string, signal: AbortSignal): Promise<OwnStoreValue> {
    try {
      return await this.#get(key, signal);
    } catch (error) {
      // The service closed the connection while it was idle, or while this function was frozen: a new one is tried.
      if (signal.aborted || !(error instanceof StaleConnectionError)) throw error;
      return this.#get(key, signal, true);
    }
  }

  #get(key: string, signal: AbortSignal, isOnNewConnection = false): Promise<OwnStoreValue> {
    const token = this.#password();
    const options = {
      signal,
      ...(isOnNewConnection && { agent: false }),
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      ...(this.#authority !== undefined && { ca: this.#authority }),
    };
    return new Promise((resolve, reject) => {
      const asked = request(`${this.#url}/${encodeURIComponent(key)}`, options, (answer) => {
        const chunks: Buffer[] = [];
        let length = 0;
        answer.on("error", reject);
        answer.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          length += chunk.length;
          if (length > maxBytes) answer.destroy(new StoreError("store-failed", { detail: "value-too-long" }));
        });
        answer.on("end", () => {
          // Only 404 means that there is no such session. Any other status is a fault.
          if (answer.statusCode === 404) resolve(null);
          else if (answer.statusCode === 200 && answer.complete) resolve(Buffer.concat(chunks));
          else reject(new StoreError("store-refused", { detail: "unknown-status" }));
        });
      });
      asked.on("error", (cause) => {
        reject(asked.reusedSocket ? new StaleConnectionError("", { cause }) : cause);
      });
      asked.end();
    });
  }
}

class StaleConnectionError extends Error {
  override readonly name = "StaleConnectionError";
}
