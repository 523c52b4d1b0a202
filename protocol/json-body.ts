// What all requests of the contract have in common: a body that is one JSON object (RFC 8259), and text in it.

import { MAX_NONCE_LENGTH } from "./limits.ts";

export type Members = Readonly<Record<string, unknown>>;

/** Returns the members of the JSON object that a text is, or undefined for any other text. Throws nothing. */
export function membersOf(text: string): Members | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && !Array.isArray(parsed)
      ? ((parsed as Members) ?? undefined)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Every way a body can fail to be one JSON object. The codes are stable and carry nothing of the body. */
export type BodyProblem = "body-missing" | "body-too-large" | "body-not-json" | "body-not-an-object";

/** Returns the members of the JSON object that the body is, or the one code of what is wrong with it. Throws nothing. */
export function parseMembers(
  body: string,
  maxBytes: number,
): { readonly members: Members } | { readonly problem: BodyProblem } {
  if (body === "") return { problem: "body-missing" };
  // A string of n characters has at least n bytes of UTF-8: a huge body is refused without counting its bytes.
  if (body.length > maxBytes || Buffer.byteLength(body) > maxBytes) return { problem: "body-too-large" };
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return { problem: "body-not-json" };
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return { problem: "body-not-an-object" };
  }
  return { members: parsed as Members };
}

/** Returns whether the value is a nonce: 1 to MAX_NONCE_LENGTH characters. */
export function isNonce(value: unknown): value is string {
  // In UTF-8 a code unit takes three bytes at most.
  return isText(value, 3 * MAX_NONCE_LENGTH) && value !== "" && value.length <= MAX_NONCE_LENGTH;
}

// A lone surrogate has no UTF-8 form: Buffer would count it as U+FFFD, and two names would become one.
const loneSurrogate = /\p{Surrogate}/u;

/** Returns whether the value is a text of well-formed Unicode, of at most `maxBytes` bytes of UTF-8. */
export function isText(value: unknown, maxBytes: number): value is string {
  return (
    typeof value === "string" &&
    value.length <= maxBytes &&
    Buffer.byteLength(value) <= maxBytes &&
    !loneSurrogate.test(value)
  );
}
