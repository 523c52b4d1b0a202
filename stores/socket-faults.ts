// The faults of a store that the errors and the end of its connections are.

import type { Socket } from "node:net";
import { StoreError } from "../inspector/session-store.ts";

/** The system's codes, and Node's and OpenSSL's for TLS: ECONNREFUSED, CERT_HAS_EXPIRED, ERR_SSL_WRONG_VERSION_NUMBER. */
const socketCode = /^[A-Z][A-Z0-9_]{1,60}$/;

/** Returns the store's fault that an error of a socket means. An error without a code is a fault of ours: itself. */
export function errorOfSocket(error: NodeJS.ErrnoException, socket?: Socket): Error {
  const { code = "" } = error;
  if (!socketCode.test(code)) return error;
  // A socket with TLS has it where the handshake ended for the certificate; else it is null or undefined there.
  const { authorizationError } = (socket ?? {}) as { readonly authorizationError?: unknown };
  const isUntrusted = (authorizationError ?? undefined) !== undefined;
  const fault = isUntrusted ? "store-untrusted" : "store-unreachable";
  return new StoreError(fault, { detail: code as Uppercase<string>, cause: error });
}

/** Returns the store's fault that the end of a connection is to whatever waits on it. */
export function connectionClosed(): StoreError {
  return new StoreError("store-unreachable", { detail: "connection-closed" });
}
