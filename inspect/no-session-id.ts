// What people take for a session id: what a cookie holds is not always the id that the store has.

import { kindOfPassword } from "../protocol/password.ts";

/** Laravel's Encrypter: base64('{"iv":...'), in a cookie percent-encoded. */
const encryptedByLaravel = /^eyJpdiI6[A-Za-z0-9+/=_%-]+$/;
/** A JWT, as TYPO3's cookie has it around the id. */
const jwt = /^eyJ[\w-]+\.[\w-]+\.[\w-]*$/;
const cookie = /^[\w.-]{1,64}=/;

/** Returns why the text is no session id, without a piece of it; undefined where it can be one. */
export function problemOfSessionId(text: string): string | undefined {
  const kind = kindOfPassword(text);
  if (kind === "session-id" && !encryptedByLaravel.test(text)) return undefined;
  if (encryptedByLaravel.test(text)) {
    return "this is the value of Laravel's cookie, which is encrypted: give the id that session()->getId() returns on a page";
  }
  if (kind === "ticket") return "this is a ticket, which only the function opens: give the session id itself";
  if (jwt.test(text))
    return "this is a JWT, such as TYPO3's cookie has around the id: give the session id itself";
  if (cookie.test(text)) return "this is a cookie with its name: give the value alone, behind the =";
  return "PHP makes no such session id";
}
