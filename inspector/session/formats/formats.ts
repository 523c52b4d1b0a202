// The decoder of each session.serialize_handler, by PHP's name for it.

import type { PhpSession } from "../model.ts";
import type { Wanted } from "../wanted.ts";
import { refuseForeign } from "./foreign.ts";
import { decodeIgbinary } from "./igbinary.ts";
import { decodeMsgpack } from "./msgpack.ts";
import { decodePhp } from "./php.ts";
import { decodePhpBinary } from "./php-binary.ts";
import { decodePhpSerialize } from "./php-serialize.ts";

/**
 * Returns the session that these bytes are, and of it at least what is wanted. Throws UnreadableSessionError, and
 * nothing else.
 */
export type Decode = (bytes: Uint8Array, wanted?: Wanted) => PhpSession;

export const decoders = Object.freeze({
  php: decodePhp,
  php_binary: decodePhpBinary,
  php_serialize: decodePhpSerialize,
  igbinary: (bytes: Uint8Array, wanted?: Wanted) => {
    refuseForeign(bytes, "igbinary");
    return decodeIgbinary(bytes, wanted);
  },
  msgpack: (bytes: Uint8Array, wanted?: Wanted) => {
    refuseForeign(bytes, "msgpack");
    return decodeMsgpack(bytes, wanted);
  },
} satisfies Record<string, Decode>);

/** What PHP's session.serialize_handler can be. */
export type SerializeHandler = keyof typeof decoders;

export function isSerializeHandler(name: string): name is SerializeHandler {
  return Object.hasOwn(decoders, name);
}
