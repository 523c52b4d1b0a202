// The doctor's command line: the relay's own options, and what is to be looked at. A problem with it never repeats
// it: somebody may have put a session id there.

import { parseArgs } from "node:util";
import { isText } from "../protocol/json-body.ts";
import { MAX_SERVER_BYTES, MAX_USER_BYTES } from "../protocol/limits.ts";
import { options as relayOptions } from "../relay/config.ts";
import { noIdAsArgument } from "../terminal/session-id-input.ts";

export const defaultYmlPath = "/etc/ejabberd/ejabberd.yml";

export const usage = `usage: doctor.mjs [URL] [options of the relay] [options]      or: relay.mjs doctor ...

Checks an ejabberd host and says what is wrong: one line a check, with the line of ejabberd.yml to change and what to
write there. It reads ejabberd.yml and the files that it includes, lets ejabberd's own code judge the file, asks the
program or the socket of extauth_program three questions, looks at certificates, and asks the API as the relay does. It
changes nothing. All logins but that of --user are made up.

  URL, options        as for the relay (relay.mjs --help). Without a URL they are those of extauth_program, or of the
                      running relay that listens on the socket in it
  --ejabberd-yml PATH ${defaultYmlPath}, unless this or a URL is given; with a URL alone, none
  --user NAME         the verdict on this user's login and its reason. NAME is the site's: Alice, Carol Danvers,
                      eve@example.org. The session id is asked for and not shown, and never given as an argument
  --host HOST         the host of this login; unless given, the first that asks InspectorD
  --session-file PATH read the session id from this file instead; - is stdin
  --burst N           is the pool large enough for this many logins at one moment?
  --help

Examples:

  doctor.mjs
  doctor.mjs --user 'Carol Danvers' --host example.org --burst 10000
  doctor.mjs --user alice --session-file - < session-id
  doctor.mjs https://ID.execute-api.eu-central-1.amazonaws.com/auth --profile chat
  doctor.mjs --ejabberd-yml /opt/ejabberd/conf/ejabberd.yml

As root it becomes the user ejabberd before it starts anything, and sees what that user may do. It uses the environment,
and so the credentials, of the ejabberd that runs with the file or of the relay that listens on the socket, if that is
root's or its unit's user. It runs no credential_process of another process.

  fail   logins fail, are let in where they should not be, travel readable, or anybody can end them: ejabberd does not
         start with the file, or cannot load its module; extauth_program or its socket cannot be used; a listener without
         TLS; a certificate that browsers refuse; PLAIN disabled or hidden; the cache on; tokens that outlive a logout;
         guests with names where the API knows no user; a pool without the guard or too small for --burst; no way to the
         API, no credentials, 403, no verdict, an older function; a clock off by 4 minutes; a host that the API does not
         serve; --user refused
  warn   works, and will not under load, in an outage or for somebody: a second auth_method, mod_fail2ban, X-OAUTH2, few
         members, a certificate that ends in 14 days, a clock off by 30 seconds; or something was not looked at

Exit codes: 0 if nothing fails, 1 if something does, 2 for a wrong command line.`;

/** Whose login is asked about. The session id is still to be read: from the file, or at the terminal. */
export interface AskedUser {
  /** As the site spells it. */
  readonly userName: string;
  readonly host: string | undefined;
  /** "-" is stdin. */
  readonly file: string | undefined;
}

export interface DoctorOptions {
  /** The URL and the options for the relay, if a URL was given. */
  readonly relayArgs: readonly string[] | undefined;
  readonly ymlPath: string | undefined;
  readonly login: AskedUser | undefined;
  readonly burst: number | undefined;
}

const ownOptions = {
  "ejabberd-yml": { type: "string" },
  user: { type: "string" },
  host: { type: "string" },
  "session-file": { type: "string" },
  // What people try. It is refused with advice.
  session: { type: "string" },
  burst: { type: "string" },
} as const;

const maxBurst = 1_000_000;

/** Returns what the command line asks for, "help", or what is wrong with it. */
export function readDoctorOptions(
  args: readonly string[],
): DoctorOptions | "help" | { readonly problem: string } {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch {
    return { problem: "an option is unknown, or has no value, or has one and takes none" };
  }
  const { values, positionals, tokens } = parsed;
  if (values.help === true) return "help";
  const relayArgs = tokens.flatMap((token) => {
    if (token.kind === "positional") return [token.value];
    if (token.kind !== "option" || token.name in ownOptions) return [];
    return [token.value === undefined ? token.rawName : `${token.rawName}=${token.value}`];
  });
  if (values.session !== undefined || positionals.some((word) => !/^https?:/i.test(word))) {
    return { problem: noIdAsArgument };
  }
  if (relayArgs.length > 0 && positionals.length === 0) {
    return { problem: "the relay's options need a URL: without one, those of extauth_program are used" };
  }
  const burst = values.burst === undefined ? undefined : Number(values.burst);
  if (burst !== undefined && !(Number.isInteger(burst) && burst >= 1 && burst <= maxBurst)) {
    return { problem: `--burst is a whole number from 1 to ${maxBurst}` };
  }
  const { user: userName, host, "session-file": file } = values;
  if (userName === undefined && (host !== undefined || file !== undefined)) {
    return { problem: "--host and --session-file need --user" };
  }
  if (userName !== undefined && (userName === "" || !isText(userName, MAX_USER_BYTES))) {
    return { problem: `--user is a name of at most ${MAX_USER_BYTES} bytes` };
  }
  if (host !== undefined && (host === "" || !isText(host, MAX_SERVER_BYTES))) {
    return { problem: `--host is a name of at most ${MAX_SERVER_BYTES} bytes` };
  }
  return {
    relayArgs: positionals.length > 0 ? relayArgs : undefined,
    ymlPath: values["ejabberd-yml"],
    login: userName === undefined ? undefined : { userName, host: host?.toLowerCase(), file },
    burst,
  };
}

function parse(args: readonly string[]) {
  const options = { ...relayOptions, ...ownOptions };
  return parseArgs({ args: [...args], options, allowPositionals: true, strict: true, tokens: true });
}
