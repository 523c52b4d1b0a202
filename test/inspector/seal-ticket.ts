// A ticket by hand, from any header and any claims, so that tests can make wrong ones, too.

import { createCipheriv, randomBytes } from "node:crypto";

export function sealTicket(head: unknown, body: unknown, secret: Buffer, tagBytes = 16): string {
  const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  const encodedHead = Buffer.from(text(head)).toString("base64url");
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", secret, iv, { authTagLength: tagBytes });
  cipher.setAAD(Buffer.from(encodedHead));
  const sealed = Buffer.concat([cipher.update(text(body)), cipher.final()]);
  return [
    encodedHead,
    "",
    iv.toString("base64url"),
    sealed.toString("base64url"),
    cipher.getAuthTag().toString("base64url"),
  ].join(".");
}
