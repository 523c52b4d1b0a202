// A Laravel session: the attributes, serialized as one array by Laravel itself, below up to two wraps.
//
//   stored     = plain / cached
//   cached     = serialize( plain )               ; a string. What Laravel's redis cache adds
//   plain      = attributes / encrypted           ; encrypted where the site's session.encrypt is on
//   attributes = serialize( array )
//   encrypted  = base64( '{"iv":IV,"value":VALUE,"mac":MAC,"tag":""}' )
//   IV         = base64( 16 bytes )
//   VALUE      = base64( AES-256-CBC( serialize( attributes ) ) )   ; a string within
//   MAC        = hex( HMAC-SHA256( IV VALUE ) )   ; of both texts, by the same key: the site's APP_KEY
//
// The operator says whether sessions are encrypted, by giving the key or not. With a key only what that key
// made is read. The first byte tells `cached` from the others, and Laravel writes it: no content can choose it.
//
// Source: Illuminate\Session\Store and EncryptedStore, Illuminate\Cache\RedisStore, Illuminate\Encryption\
// Encrypter.

// biome-ignore lint/correctness/noNodejsModules: pure functions of bytes, which JavaScript itself lacks
import { createDecipheriv, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { decodePhpSerialize } from "../formats/php-serialize.ts";
import { unwrapString } from "../formats/serialized.ts";
import type { PhpSession } from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import type { LaravelKey } from "./laravel-key.ts";

const ivBytes = 16;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Gives the decoder of a site's sessions, which are encrypted if there is a key. The decoder throws
 * UnreadableSessionError for what is no such session.
 */
export function laravelDecoder(key?: LaravelKey): (bytes: Uint8Array) => PhpSession {
  const secret = key && createSecretKey(key.bytes());
  return (bytes) => {
    const plain = bytes[0] === letterS ? unwrapString(bytes) : bytes;
    // A new session is empty until its first request ends.
    if (secret === undefined || plain.length === 0) return decodePhpSerialize(plain);
    return decodePhpSerialize(unwrapString(decrypt(plain, secret)));
  };
}

const letterS = 0x73;

function decrypt(bytes: Uint8Array, key: KeyObject): Uint8Array {
  const payload = readPayload(Buffer.from(bytes).toString("latin1"));
  if (payload === undefined) throw new UnreadableSessionError("bad-encryption", 0);
  const { iv, value, mac } = payload;
  const expected = createHmac("sha256", key)
    .update(iv + value)
    .digest("hex");
  // Nothing is decrypted that this key did not sign, and how long the comparison takes tells nothing.
  if (mac.length !== expected.length || !timingSafeEqual(Buffer.from(mac), Buffer.from(expected))) {
    throw new UnreadableSessionError("bad-encryption", 0);
  }
  try {
    const decipher = createDecipheriv("aes-256-cbc", key, Buffer.from(iv, "base64"));
    return Buffer.concat([decipher.update(value, "base64"), decipher.final()]);
  } catch {
    throw new UnreadableSessionError("bad-encryption", 0);
  }
}

interface Payload {
  readonly iv: string;
  readonly value: string;
  readonly mac: string;
}

function readPayload(text: string): Payload | undefined {
  if (!base64.test(text)) return undefined;
  let payload: unknown;
  try {
    payload = JSON.parse(Buffer.from(text, "base64").toString());
  } catch {
    return undefined;
  }
  if (typeof payload !== "object" || payload === null) return undefined;
  const { iv, value, mac, tag } = payload as Readonly<Record<string, unknown>>;
  if (typeof iv !== "string" || typeof value !== "string" || typeof mac !== "string") return undefined;
  // A tag belongs to another cipher.
  if (tag !== undefined && tag !== "") return undefined;
  const isWhole = base64.test(iv) && base64.test(value) && /^[0-9a-f]{64}$/.test(mac);
  return isWhole && Buffer.from(iv, "base64").length === ivBytes ? { iv, value, mac } : undefined;
}
