// The command line of the inspect tool. A problem with it never repeats it: somebody may have put a session id there.

import { parseArgs } from "node:util";
import { decoders } from "../inspector/session/formats/formats.ts";
import { noIdAsArgument } from "../terminal/session-id-input.ts";

const handlers = [...Object.keys(decoders), "json"];

export const usage = `usage: npm run inspect -- [options]                  the session from SESSION_STORE
       npm run inspect -- --find [options]           finds the session, and the settings for it
       npm run inspect -- --raw [options] < bytes    the session from stdin

With nothing but SESSION_STORE set, and its secrets, it finds the session: it asks for it under the keys that PHP and the
frameworks write, tries layers and serialize handlers, and ends with the settings to paste.

It asks for the session id and does not show it. An id is never given as an argument.

  --find                     find the session, whatever else is set
  --session-file PATH        read the session id from this file instead; - is stdin
  --serialize-handler NAME   ${handlers.join(", ")};
                             SESSION_SERIALIZE_HANDLER unless given
  --preset NAME              as SESSION_PRESET
  --user NAME                the verdict for this user, by the name that the site has for them: Alice, Carol Danvers
  --flags N                  with --raw: memcached's flags of these bytes, 0 unless given
  --json                     one JSON document: the session, or with --user the verdict
  --show-values              values too; unless given, their kinds and lengths only
  --help                     this text

Examples, with SESSION_STORE and the function's other variables set:

  npm run inspect
  npm run inspect -- --user 'Carol Danvers' --show-values
  npm run inspect -- --session-file session-id --preset laravel --json
  npm run inspect -- --raw --serialize-handler igbinary < session.bin

Examples that find the settings, with nothing but SESSION_STORE set:

  SESSION_STORE=redis://10.0.0.5:6379 npm run inspect
  SESSION_STORE=redis://10.0.0.5:6379 npm run inspect -- --user 'Carol Danvers' --show-values
  SESSION_STORE=memcached://10.0.0.5:11211 node inspect.mjs --session-file session-id

Ends with 0, with 1 where there is no such session or it cannot be read, or with 2 for a wrong command line or
configuration.`;

export interface InspectOptions {
  /** Whether the key, layers and handler are to be found, too. */
  readonly find?: true;
  /** Whether the session's bytes come on stdin. Otherwise its id is read, and the store asked. */
  readonly isRaw: boolean;
  /** Where the session id is read; "-" is stdin. Undefined: it is asked for. */
  readonly sessionFile: string | undefined;
  readonly serializeHandler: string | undefined;
  readonly preset: string | undefined;
  readonly user: string | undefined;
  readonly flags: number;
  readonly json: boolean;
  readonly showValues: boolean;
}

const options = {
  find: { type: "boolean", default: false },
  raw: { type: "boolean", default: false },
  "session-file": { type: "string" },
  // What people try. It is refused with advice.
  session: { type: "string" },
  "serialize-handler": { type: "string" },
  preset: { type: "string" },
  user: { type: "string" },
  flags: { type: "string" },
  json: { type: "boolean", default: false },
  "show-values": { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/** Returns what the command line asks for, "help", or what is wrong with it. */
export function readInspectOptions(args: readonly string[]): InspectOptions | "help" | { problem: string } {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch {
    return { problem: "an option is unknown, or has no value, or has one and takes none" };
  }
  const { values, positionals } = parsed;
  if (values.help) return "help";
  const { raw: isRaw, "session-file": sessionFile } = values;
  const { "serialize-handler": serializeHandler, preset, user, flags } = values;
  if (positionals.length > 0 || values.session !== undefined) return { problem: noIdAsArgument };
  if (isRaw && sessionFile !== undefined) {
    return { problem: "--raw and --session-file exclude each other: the bytes or the id of a session" };
  }
  if (serializeHandler !== undefined && !handlers.includes(serializeHandler)) {
    return { problem: `--serialize-handler must be one of ${handlers.join(", ")}` };
  }
  if (flags !== undefined && !(isRaw && isUint32(flags))) {
    return { problem: "--flags must be a whole number of 32 bits, beside --raw" };
  }
  const { json, "show-values": showValues } = values;
  const find = values.find ? (true as const) : false;
  if (find && (isRaw || json || serializeHandler !== undefined || preset !== undefined)) {
    return {
      problem: "--find tries them all, for a person: leave out --raw, --json, --serialize-handler, --preset",
    };
  }
  return {
    ...(find && { find }),
    isRaw,
    sessionFile,
    serializeHandler,
    preset,
    user,
    flags: Number(flags ?? 0),
    json,
    showValues,
  };
}

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options, allowPositionals: true });
}

function isUint32(text: string): boolean {
  return /^[0-9]{1,10}$/.test(text) && Number(text) < 2 ** 32;
}
