// What the errors of both libraries have in common: those that are not the server's own.

import type { EventEmitter } from "node:events";
import { StoreError } from "../../inspector/session-store.ts";
import { systemCodeOf } from "../system-code.ts";

/** With TLS, it has the code of what is wrong with the certificate. */
export interface MaybeTls extends EventEmitter {
  readonly authorizationError?: unknown;
}

const tlsCode = /^[A-Z][A-Z0-9_]{1,60}$/;

/** Returns the store's fault that an error of a connection means, on this stream. */
export function faultOfConnection(error: Error & { readonly code?: unknown }, stream: MaybeTls): StoreError {
  const untrusted = [stream.authorizationError].flat()[0];
  if (typeof untrusted === "string" && tlsCode.test(untrusted)) {
    return new StoreError("store-untrusted", { detail: untrusted as Uppercase<string>, cause: error });
  }
  const code = String(error.code);
  const detail =
    systemCodeOf(error) ?? (/^ERR_(?:SSL|TLS)_/.test(code) && tlsCode.test(code) ? code : undefined);
  // What is neither the server's nor the system's is the library's: it could not read what came.
  return new StoreError("store-unreachable", {
    detail: (detail ?? "bad-reply") as Uppercase<string>,
    cause: error,
  });
}
