// What stands around a session's bytes, taken off: one function a layer, by SESSION_LAYERS' name for it.
//
//   gzip, zlib, deflate            gzencode(), gzcompress(), gzdeflate()
//   lzf, lz4, zstd                 as phpredis compresses: redis.session.compression, or its client's `compression`
//   magento                        Cm_RedisSession's mark and what it names, or the session as it is
//   serialize, igbinary, msgpack   one string so serialized, by phpredis' client or by a framework
//   yii2                           serialize([string, null]): Yii's cache, whose entries may depend on something
//   base64                         base64_encode()
//
// The operator says which layers there are, and in which order: nothing is guessed from the bytes, whose content a
// visitor chooses. Everything else is refused. phpredis stores what it cannot compress as it is; only an empty session
// is such.

import { readSerialized, unwrapString } from "../formats/serialized.ts";
import { latin1, PhpArray } from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import { decodeBase64 } from "./base64.ts";
import { unwrapIgbinaryString, unwrapMsgpackString } from "./binary-strings.ts";
import { inflateGzip, inflateRaw, inflateZlib } from "./deflated.ts";
import type { LayerName } from "./layer-names.ts";
import { decompressPhpredisLz4 } from "./lz4.ts";
import { decompressLzf } from "./lzf.ts";
import { checkWrappedBytes } from "./made-bytes.ts";
import { decompressMagento } from "./magento.ts";
import { decompressZstd } from "./zstd.ts";

type TakeOff = (bytes: Uint8Array) => Uint8Array;

const layers: Readonly<Record<LayerName, TakeOff>> = {
  gzip: inflateGzip,
  zlib: inflateZlib,
  deflate: inflateRaw,
  lzf: decompressLzf,
  lz4: decompressPhpredisLz4,
  zstd: decompressZstd,
  magento: decompressMagento,
  serialize: unwrapString,
  igbinary: unwrapIgbinaryString,
  msgpack: unwrapMsgpackString,
  yii2: unwrapYii2,
  base64: unwrapBase64,
};

/**
 * Returns what takes these layers, outermost first, off a stored value. It throws UnreadableSessionError, and makes
 * at most a session's limit of bytes for each layer. No bytes are an empty session, whatever should stand around it.
 */
export function openLayers(names: readonly LayerName[]): TakeOff {
  const all = names.map((name) => layers[name]);
  return (bytes) => {
    checkWrappedBytes(bytes);
    return all.reduce((inner, takeOff) => (inner.length === 0 ? inner : takeOff(inner)), bytes);
  };
}

/** Source: yiisoft/yii2 framework/caching/Cache.php, set(): a session's entry depends on nothing. */
function unwrapYii2(bytes: Uint8Array): Uint8Array {
  const value = readSerialized(bytes);
  if (!(value instanceof PhpArray) || value.entries.size !== 2 || value.entries.get(1) !== null) {
    throw new UnreadableSessionError("malformed", 0);
  }
  const session = value.entries.get(0);
  if (typeof session !== "string") throw new UnreadableSessionError("malformed", 0);
  return Buffer.from(session, "latin1");
}

function unwrapBase64(bytes: Uint8Array): Uint8Array {
  const decoded = decodeBase64(latin1(bytes));
  if (decoded === undefined) throw new UnreadableSessionError("malformed", 0);
  return decoded;
}
