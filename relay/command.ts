// Frame -> command: what ejabberd asks for, or why it is answered no without asking anybody.
//
//   command = "auth:" user ":" server ":" password   ; the password is the rest: it may hold colons
//           / "isuser:" user ":" server
//           / operation [":" *OCTET]                 ; all others, known and unknown: never allowed here
//   user, server, password = UTF-8 bytes             ; neither user nor server holds a colon
//
// Source: ejabberd src/extauth.erl and its guide, "External Script". A PHP session is read, never written, so
// the operations that would create, change or remove an account have no yes.

import { type ContractBreach, checkLoginRequest, type LoginRequest } from "../protocol/login-request.ts";

type CommandRefusal = ContractBreach | "not-utf8" | "operation-unsupported" | "operation-unknown";

export type Command = { readonly request: LoginRequest } | { readonly refusal: CommandRefusal };

const unsupportedOperations = new Set(["setpass", "tryregister", "removeuser", "removeuser3", "certauth"]);

// `ignoreBOM` keeps a U+FEFF as the character it is: dropping it would make two passwords one.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Gives the command of a frame's payload, or the code of why it is refused. Throws nothing, for any bytes. */
export function parseCommand(payload: Uint8Array): Command {
  let text: string;
  try {
    text = utf8.decode(payload);
  } catch {
    return { refusal: "not-utf8" };
  }
  const [operation, rest] = cut(text);
  const [user, afterUser] = cut(rest);
  if (operation === "auth") {
    const [server, password] = cut(afterUser);
    return asCommand({ op: "auth", user, server, password });
  }
  if (operation === "isuser") return asCommand({ op: "isuser", user, server: afterUser });
  return {
    refusal: unsupportedOperations.has(operation ?? "") ? "operation-unsupported" : "operation-unknown",
  };
}

/** The text before the first colon and the text behind it, which is missing where there is no colon. */
function cut(text: string | undefined): [string | undefined, string | undefined] {
  if (text === undefined) return [undefined, undefined];
  const colon = text.indexOf(":");
  return colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
}

/** Holds a command to the contract before it is sent: what the function must refuse costs no request. */
function asCommand(members: Readonly<Record<string, unknown>>): Command {
  const checked = checkLoginRequest(members);
  return "request" in checked ? checked : { refusal: checked.breach };
}
