// What a fault says of the API: whether it is there at all.

import { ApiError, type ApiFaultCode } from "./api.ts";
import { DeadlineError } from "./attempts.ts";

/** `unknown`: nothing was asked of it. */
export type Health = "alive" | "dead" | "unknown";

/**
 * The function said that it has no verdict, which can be one cache node's fault, or that it is older than this relay; or
 * API Gateway lets in a part of the requests, or refuses the signature.
 */
const ofTheLiving: ReadonlySet<ApiFaultCode> = new Set([
  "unavailable",
  "function-outdated",
  "api-throttled",
  "api-forbidden",
]);

/** Returns what this fault of a request says of the API. */
export function healthOf(fault: unknown): Health {
  if (fault instanceof DeadlineError) return "dead";
  // Neither missing credentials nor an error of the relay's own is the API's fault.
  if (!(fault instanceof ApiError) || fault.code.startsWith("credentials-")) return "unknown";
  return ofTheLiving.has(fault.code) ? "alive" : "dead";
}
