// The HTTP dialect of other XMPP servers (MongooseIM's `http` auth, Prosody's mod_auth_http, ejabberd-contrib's
// ejabberd_auth_http): a request's target -> command.
//
//   target     = "/check_password?" user "&" server "&" "pass=" value   ; in any order, each once
//              / "/user_exists?" user "&" server [ "&" "pass=" value ]
//   user       = "user=" value                          ; a localpart and a host, without a colon
//   server     = "server=" value
//   value      = UTF-8, percent-encoded; "+" is a space (application/x-www-form-urlencoded)
//
// Source: MongooseIM's documentation, "HTTP authentication module", "Service API".

import { type Command, parseCommand } from "./command.ts";

const names = new Set(["user", "server", "pass"]);

/** Returns the command of a GET with this target, or undefined for a target that is not of this form. */
export function commandOf(target: string): Command | undefined {
  const query = target.indexOf("?");
  if (query < 0) return undefined;
  const values = valuesOf(target.slice(query + 1));
  const user = values?.get("user");
  const server = values?.get("server");
  const password = values?.get("pass");
  // A frame's fields end at a colon: what one of them holds would be read as the next.
  if (user === undefined || server === undefined || user.includes(":") || server.includes(":")) {
    return undefined;
  }
  switch (target.slice(0, query)) {
    case "/check_password":
      return password === undefined ? undefined : command(`auth:${user}:${server}:${password}`);
    case "/user_exists":
      return command(`isuser:${user}:${server}`);
    default:
      return undefined;
  }
}

function command(text: string): Command {
  return parseCommand(Buffer.from(text));
}

function valuesOf(query: string): Map<string, string> | undefined {
  const values = new Map<string, string>();
  for (const pair of query.split("&")) {
    const equals = pair.indexOf("=");
    const name = pair.slice(0, Math.max(equals, 0));
    // One that is given twice has two meanings, and one that is not known may be one that narrows the answer.
    if (!names.has(name) || values.has(name)) return undefined;
    const value = decoded(pair.slice(equals + 1));
    if (value === undefined) return undefined;
    values.set(name, value);
  }
  return values;
}

/** URLSearchParams would make U+FFFD of what is no UTF-8, and so one password of two. */
function decoded(value: string): string | undefined {
  try {
    return decodeURIComponent(value.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}
