// Base64 as PHP's base64_encode() writes it (RFC 4648, section 4): padded, and with no other way to write the same bytes.

/** Returns the bytes, or undefined for any other text. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}
