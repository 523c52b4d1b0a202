// The doctor's command line: the relay's own options, and what is to be looked at. A problem with it never repeats
// it: it can hold a session id.

import { parseArgs } from "node:util";
import { checkLoginRequest } from "../protocol/login-request.ts";
import { options as relayOptions } from "../relay/config.ts";

export const defaultYmlPath = "/etc/ejabberd/ejabberd.yml";

export const usage = `usage: doctor.mjs [URL] [options of the relay] [options]      or: relay.mjs doctor ...

Looks at an ejabberd host and says what is wrong, a line a check, each with the line of ejabberd.yml to change. It
reads ejabberd.yml with the files that it includes, starts the program in extauth_program as ejabberd starts it and
sends it three questions, and asks the API as the relay does. It changes nothing. Logins are made up, but for --user.

  URL, options        as the relay has them (relay.mjs --help); unless a URL is given, they are those of extauth_program,
                      or of the running relay that listens on the socket it names
  --ejabberd-yml PATH ${defaultYmlPath} unless this or a URL is given; beside a URL, none
  --user U --session ID
                      the verdict on this login, and its reason; U is NAME or NAME@HOST, as ejabberd writes
                      it: in lower case
  --burst N           so many logins at one moment are to be served: is the pool large enough?
  --help

As root it becomes the user ejabberd before anything is started, and sees what that user may do. Where ejabberd runs,
or a relay that listens on the socket, that one's environment is used, credentials in it too.

  fail   logins fail, are let in where they should not be, travel readable, or anybody can end them:
         extauth_program that cannot be run or breaks the frames; the cache on; mod_auth_fast; a listener without
         TLS; passwords without a limit; PLAIN disabled; a pool too small for --burst; no way to the API, no
         credentials, 403, no verdict; a clock off by 4 minutes; a host that the API does not serve; --user refused
  warn   works, and will not under load, in an outage or for somebody: mod_fail2ban, X-OAUTH2, few members, a host
         without external authentication, a certificate that ends in 14 days, a clock off by 30 seconds, a long
         limit behind the guard; or something could not be looked at

Exit codes: 0 where nothing fails, 1 where something does, 2 for a wrong command line.`;

export interface DoctorOptions {
  /** The URL and the options for the relay, if a URL was given. */
  readonly relayArgs: readonly string[] | undefined;
  readonly ymlPath: string | undefined;
  readonly login:
    | { readonly user: string; readonly server: string | undefined; readonly session: string }
    | undefined;
  readonly burst: number | undefined;
}

const ownOptions = {
  "ejabberd-yml": { type: "string" },
  user: { type: "string" },
  session: { type: "string" },
  burst: { type: "string" },
} as const;

const maxBurst = 1_000_000;

/** Gives what the command line asks for, "help", or what is wrong with it. Throws nothing. */
export function readDoctorOptions(
  args: readonly string[],
): DoctorOptions | "help" | { readonly problem: string } {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch {
    return { problem: "there is an unknown option, or one whose value is missing or too much" };
  }
  const { values, positionals, tokens } = parsed;
  if (values.help === true) return "help";
  const relayArgs = tokens.flatMap((token) => {
    if (token.kind === "positional") return [token.value];
    if (token.kind !== "option" || token.name in ownOptions) return [];
    return [token.value === undefined ? token.rawName : `${token.rawName}=${token.value}`];
  });
  if (relayArgs.length > 0 && positionals.length === 0) {
    return { problem: "options of the relay go with a URL; without one they are taken from extauth_program" };
  }
  const burst = values.burst === undefined ? undefined : Number(values.burst);
  if (burst !== undefined && !(Number.isInteger(burst) && burst >= 1 && burst <= maxBurst)) {
    return { problem: `--burst is a whole number from 1 to ${maxBurst}` };
  }
  const { user: jid, session } = values;
  if ((jid === undefined) !== (session === undefined)) return { problem: "--user and --session go together" };
  const [user = "", server] = jid?.split("@") ?? [];
  if (session !== undefined) {
    const login = checkLoginRequest({ op: "auth", user, server: server ?? "host", password: session });
    if ("breach" in login) return { problem: `--user and --session make no login (${login.breach})` };
  }
  return {
    relayArgs: positionals.length > 0 ? relayArgs : undefined,
    ymlPath: values["ejabberd-yml"],
    login: session === undefined ? undefined : { user, server, session },
    burst,
  };
}

function parse(args: readonly string[]) {
  const options = { ...relayOptions, ...ownOptions };
  return parseArgs({ args: [...args], options, allowPositionals: true, strict: true, tokens: true });
}
