// The command line of the inspect tool. A problem with it never repeats it: it can hold a session id.

import { parseArgs } from "node:util";
import { decoders, isSerializeHandler } from "../inspector/session/formats/formats.ts";
import { isSessionId } from "../inspector/session-id.ts";

export const usage = `usage: npm run inspect -- SESSION-ID [options]      the session from SESSION_STORE
       npm run inspect -- --raw [options] < bytes    the session from stdin

  --serialize-handler NAME   ${Object.keys(decoders).join(", ")};
                             SESSION_SERIALIZE_HANDLER unless given
  --preset NAME              as SESSION_PRESET
  --user NAME                the verdict for this user, as ejabberd names them: a JID's localpart
  --flags N                  with --raw: memcached's flags of these bytes, 0 unless given
  --json                     one JSON document: the session, or with --user the verdict
  --show-values              values too; unless given, their kinds and lengths only
  --help                     this text

Ends with 0, with 1 where there is no such session or it cannot be read, or with 2 for a wrong command line or
configuration.`;

export interface InspectOptions {
  /** Undefined: the bytes come on stdin. */
  readonly sessionId: string | undefined;
  readonly serializeHandler: string | undefined;
  readonly preset: string | undefined;
  readonly user: string | undefined;
  readonly flags: number;
  readonly json: boolean;
  readonly showValues: boolean;
}

const options = {
  raw: { type: "boolean", default: false },
  "serialize-handler": { type: "string" },
  preset: { type: "string" },
  user: { type: "string" },
  flags: { type: "string" },
  json: { type: "boolean", default: false },
  "show-values": { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/** Gives what the command line asks for, "help", or what is wrong with it. Throws nothing. */
export function readInspectOptions(args: readonly string[]): InspectOptions | "help" | { problem: string } {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch {
    return { problem: "there is an unknown option, or one whose value is missing or too much" };
  }
  const { values, positionals } = parsed;
  if (values.help) return "help";
  const [sessionId] = positionals;
  const { "serialize-handler": serializeHandler, preset, user, flags } = values;
  if (positionals.length !== (values.raw ? 0 : 1)) return { problem: "give one session id, or --raw" };
  if (sessionId !== undefined && !isSessionId(sessionId)) {
    return { problem: "the session id is none that PHP makes" };
  }
  if (serializeHandler !== undefined && !isSerializeHandler(serializeHandler)) {
    return { problem: `--serialize-handler must be one of ${Object.keys(decoders).join(", ")}` };
  }
  if (flags !== undefined && !(values.raw && isUint32(flags))) {
    return { problem: "--flags must be a whole number of 32 bits, beside --raw" };
  }
  const { json, "show-values": showValues } = values;
  return { sessionId, serializeHandler, preset, user, flags: Number(flags ?? 0), json, showValues };
}

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options, allowPositionals: true });
}

function isUint32(text: string): boolean {
  return /^[0-9]{1,10}$/.test(text) && Number(text) < 2 ** 32;
}
