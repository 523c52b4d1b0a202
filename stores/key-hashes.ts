// The hashes in a key's template, as PHP makes them: hash(), hash_hmac() in lower-case hexadecimal digits, and
// Drupal's Crypt::hashBase64() (RFC 4648, section 5, without padding).

import { createHash, createHmac } from "node:crypto";
import type { HashKey } from "./session-key.ts";

/** @param secret returns the key of the hashes that have one */
export function hashesWith(secret: () => string): HashKey {
  return (hash, text) => {
    switch (hash) {
      case "md5":
      case "sha1":
        return createHash(hash).update(text).digest("hex");
      case "sha256-base64url":
        return createHash("sha256").update(text).digest("base64url");
      case "hmac-sha256":
        return createHmac("sha256", secret()).update(text).digest("hex");
      case "hmac-sha3-256":
        return createHmac("sha3-256", secret()).update(text).digest("hex");
    }
  };
}
