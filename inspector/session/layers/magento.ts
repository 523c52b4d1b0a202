// A session as Cm_RedisSession keeps it in the field `data` of a hash (Magento 2, OpenMage): the session's own bytes,
// or, from the configured threshold on, a mark of four bytes and what that compression made of them.
//
//   stored = session / ":gz:" zlib / ":lz:" lzf / ":l4:" pecl-lz4 / ":zs:" zstd
//
// A session begins with the name of its first variable. The shop chooses that name, and never the visitor, and none
// begins with a colon. `:sn:`, Snappy, is not read.
//
// Source: colinmollenhour/php-redis-session-abstract src/Cm/RedisSession/Handler.php, _encodeData(), _decodeData().

import { UnreadableSessionError } from "../unreadable.ts";
import { inflateZlib } from "./deflated.ts";
import { decompressPeclLz4 } from "./lz4.ts";
import { decompressLzf } from "./lzf.ts";
import { decompressZstd } from "./zstd.ts";

const decompressors: ReadonlyMap<string, (bytes: Uint8Array) => Uint8Array> = new Map([
  [":gz:", inflateZlib],
  [":lz:", decompressLzf],
  [":l4:", decompressPeclLz4],
  [":zs:", decompressZstd],
  [
    ":sn:",
    () => {
      throw new UnreadableSessionError("snappy-unsupported", 0);
    },
  ],
]);
const markBytes = 4;

/** The session's bytes. Throws UnreadableSessionError. */
export function decompressMagento(bytes: Uint8Array): Uint8Array {
  const mark = Buffer.from(bytes.subarray(0, markBytes)).toString("latin1");
  const decompress = decompressors.get(mark);
  return decompress === undefined ? bytes : decompress(bytes.subarray(markBytes));
}
