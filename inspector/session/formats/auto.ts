// For trying out, where the site's session.serialize_handler is not known: the one handler that the bytes fit.
//
// A person can put text into their session that another handler takes for variables. So a session that fits
// two handlers is nobody's; and a handler counts as fitting unless its format rules the bytes out: a session
// that is only too large, too deep or too uncertain for us may well be the site's, and what is left of the
// others is then what its owner wrote into it. Yet one handler written out is safer than any guess.

import { maxSessionBytes } from "../limits.ts";
import type { PhpSession } from "../model.ts";
import { type UnreadableCode, UnreadableSessionError } from "../unreadable.ts";
import { decodeIgbinary } from "./igbinary.ts";
import { decodeMsgpack } from "./msgpack.ts";
import { decodePhp } from "./php.ts";
import { decodePhpBinary } from "./php-binary.ts";
import { decodePhpSerialize } from "./php-serialize.ts";

const decoders = [decodePhp, decodePhpBinary, decodePhpSerialize, decodeIgbinary, decodeMsgpack];

/** The bytes are not of the format, whatever the limits and the application's classes. */
const rulesOut: ReadonlySet<UnreadableCode> = new Set(["truncated", "malformed"]);

/**
 * The session that exactly one of PHP's handlers wrote as these bytes; no bytes are an empty session, whichever
 * wrote them.
 * @throws UnreadableSessionError `ambiguous-handler` if more than one can have written them, `unknown-handler`
 * if none can; if only one can, but its session cannot be read, what its decoder says
 */
export function decodeAuto(bytes: Uint8Array): PhpSession {
  if (bytes.length === 0) return { variables: new Map() };
  if (bytes.length > maxSessionBytes) throw new UnreadableSessionError("too-large", maxSessionBytes);
  const results = decoders.map((decode) => attempt(decode, bytes));
  const fitting = results.filter(
    (result) => !(result instanceof UnreadableSessionError && rulesOut.has(result.code)),
  );
  const [only] = fitting;
  if (only === undefined) throw new UnreadableSessionError("unknown-handler", 0);
  if (fitting.length > 1) throw new UnreadableSessionError("ambiguous-handler", 0);
  if (only instanceof UnreadableSessionError) throw only;
  return only;
}

function attempt(
  decode: (bytes: Uint8Array) => PhpSession,
  bytes: Uint8Array,
): PhpSession | UnreadableSessionError {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof UnreadableSessionError) return error;
    throw error;
  }
}
