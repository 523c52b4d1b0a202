// Frame -> command: what ejabberd asks for, or why it is answered no without asking anybody.
//
//   command = "auth:" user ":" server ":" password   ; the password is the rest: it may hold colons
//           / "isuser:" user ":" server
//           / operation [":" *OCTET]                 ; all others, known and unknown: never allowed here
//   user, server, password = UTF-8 bytes             ; neither user nor server holds a colon
//
// Source: ejabberd src/extauth.erl and its guide, "External Script". A PHP session is read, never written, so
// the operations that would create, change or remove an account have no yes.

import { type ContractProblem, checkLoginRequest, type LoginRequest } from "../protocol/login-request.ts";
import { kindOfPassword } from "../protocol/password.ts";

type CommandProblem =
  | ContractProblem
  | "malformed-session-id"
  | "not-utf8"
  | "operation-unsupported"
  | "operation-unknown";

export type Command = { readonly request: LoginRequest } | { readonly problem: CommandProblem };

const unsupportedOperations = new Set(["setpass", "tryregister", "removeuser", "removeuser3", "certauth"]);

/**
 * What ejabberd cannot have passed, for its preparation maps it to nothing or refuses it: controls, characters that show
 * nothing, blanks, and what separates the parts of a JID (RFC 3920, appendix A; RFC 3491; RFC 3454, tables B.1 and C).
 */
const notInLocalpart = /[\p{C}\p{Z}"&'/<>@]/u;
const notInDomainpart = /[\p{C}\p{Z}/:@]/u;

// `ignoreBOM` keeps a U+FEFF as the character it is: dropping it would make two passwords one.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns the command of a frame's payload, or the code of why it is refused. Throws nothing, for any bytes. */
export function parseCommand(payload: Uint8Array): Command {
  let text: string;
  try {
    text = utf8.decode(payload);
  } catch {
    return { problem: "not-utf8" };
  }
  const [operation, rest] = cut(text);
  const [user, afterUser] = cut(rest);
  if (operation === "auth") {
    const [server, password] = cut(afterUser);
    return asCommand({ op: "auth", user, server, password });
  }
  if (operation === "isuser") return asCommand({ op: "isuser", user, server: afterUser });
  return {
    problem: unsupportedOperations.has(operation ?? "") ? "operation-unsupported" : "operation-unknown",
  };
}

/** Returns the text before the first colon and the text after it, which is undefined if there is no colon. */
function cut(text: string | undefined): [string | undefined, string | undefined] {
  if (text === undefined) return [undefined, undefined];
  const colon = text.indexOf(":");
  return colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
}

/** Holds a command to what the function can say yes to before it is sent: a flood of anything else costs no request. */
export function asCommand(members: Readonly<Record<string, unknown>>): Command {
  const checked = checkLoginRequest(members);
  if ("problem" in checked) return { problem: checked.problem };
  const { request } = checked;
  if (notInLocalpart.test(request.user)) return { problem: "user-invalid" };
  if (notInDomainpart.test(request.server)) return { problem: "server-invalid" };
  if (request.op === "auth" && kindOfPassword(request.password) === undefined) {
    return { problem: "malformed-session-id" };
  }
  return checked;
}
