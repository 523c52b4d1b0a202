// A Laravel session: the attributes, written by Laravel itself, below one wrap where they are encrypted.
//
//   session    = attributes / encrypted           ; encrypted where the site's session.encrypt is on
//   attributes = serialize( array ) / JSON        ; by the site's session.serialization: json in the skeleton of 13
//   encrypted  = base64( '{"iv":IV,"value":VALUE,"mac":MAC,"tag":TAG}' )
//   IV         = base64( 16 bytes; 12 with GCM )
//   VALUE      = base64( AES-CBC or AES-GCM of serialize( attributes ) )   ; a string within
//   MAC        = hex( HMAC-SHA256( IV VALUE ) )   ; of both texts, by the same key: the site's APP_KEY. "" with GCM
//   TAG        = base64( 16 bytes )               ; "" with CBC
//
// The operator says whether sessions are encrypted, by giving the key or not. With a key only what that key or one
// of the previous keys made is read. The key's length says whether it is AES-128 or AES-256; whether CBC or GCM is
// told by the payload, for both prove that the key's owner made it.
//
// The first byte tells the two kinds of attributes apart: an array that PHP serialized begins with "a", JSON with "{"
// or "[", and Laravel writes it: no content can choose it.
//
// Source: Illuminate\Session\Store and EncryptedStore, Illuminate\Encryption\Encrypter of Laravel 13.

// biome-ignore lint/correctness/noNodejsModules: pure functions of bytes, which JavaScript itself lacks
import { createDecipheriv, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { decodeJson } from "../formats/json.ts";
import { decodePhpSerialize } from "../formats/php-serialize.ts";
import { unwrapString } from "../formats/serialized.ts";
import type { PhpSession } from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import type { Wanted } from "../wanted.ts";
import type { LaravelKey } from "./laravel-key.ts";

const cbcIvBytes = 16;
const gcmIvBytes = 12;
const tagBytes = 16;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Returns the decoder of a site's sessions, which are encrypted if there is a key: APP_KEY first, then the previous
 * ones. The decoder throws UnreadableSessionError for what is no such session.
 */
export function laravelDecoder(
  keys: readonly LaravelKey[] = [],
): (bytes: Uint8Array, wanted?: Wanted) => PhpSession {
  const secrets = keys.map((key) => createSecretKey(key.bytes()));
  return (bytes, wanted) => {
    // A new session is empty until its first request ends.
    if (secrets.length === 0 || bytes.length === 0) return decodeAttributes(bytes, wanted);
    return decodeAttributes(unwrapString(decrypt(bytes, secrets)), wanted);
  };
}

const openBrace = 0x7b;
const openBracket = 0x5b;

function decodeAttributes(bytes: Uint8Array, wanted?: Wanted): PhpSession {
  const isJson = bytes[0] === openBrace || bytes[0] === openBracket;
  return isJson ? decodeJson(bytes) : decodePhpSerialize(bytes, wanted);
}

function decrypt(bytes: Uint8Array, keys: readonly KeyObject[]): Uint8Array {
  const payload = readPayload(Buffer.from(bytes).toString("latin1"));
  if (payload === undefined) throw badEncryption();
  for (const key of keys) {
    const plain = payload.mac === "" ? decryptGcm(payload, key) : decryptCbc(payload, key);
    if (plain !== undefined) return plain;
  }
  throw badEncryption();
}

function badEncryption(): UnreadableSessionError {
  return new UnreadableSessionError("bad-encryption", 0);
}

function cipherOf(key: KeyObject, mode: "cbc" | "gcm"): string {
  return `aes-${(key.symmetricKeySize ?? 0) * 8}-${mode}`;
}

/** Returns undefined where another key made it. Nothing is decrypted that this key did not sign. */
function decryptCbc({ iv, value, mac }: Payload, key: KeyObject): Uint8Array | undefined {
  const expected = createHmac("sha256", key)
    .update(iv + value)
    .digest("hex");
  // How long the comparison takes tells nothing.
  if (!timingSafeEqual(Buffer.from(mac), Buffer.from(expected))) return undefined;
  try {
    const decipher = createDecipheriv(cipherOf(key, "cbc"), key, Buffer.from(iv, "base64"));
    return Buffer.concat([decipher.update(value, "base64"), decipher.final()]);
  } catch {
    throw badEncryption();
  }
}

/** Returns undefined where another key made it. */
function decryptGcm({ iv, value, tag }: Payload, key: KeyObject): Uint8Array | undefined {
  try {
    const decipher = createDecipheriv(cipherOf(key, "gcm") as "aes-256-gcm", key, Buffer.from(iv, "base64"), {
      authTagLength: tagBytes,
    });
    decipher.setAuthTag(Buffer.from(tag, "base64"));
    // final() throws unless the tag is right: nothing before it is used.
    return Buffer.concat([decipher.update(value, "base64"), decipher.final()]);
  } catch {
    return undefined;
  }
}

interface Payload {
  readonly iv: string;
  readonly value: string;
  /** 64 hexadecimal digits, or "" beside a tag. */
  readonly mac: string;
  readonly tag: string;
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
  // Laravel before 8.75 has no tag.
  const { iv, value, mac, tag = "" } = payload as Readonly<Record<string, unknown>>;
  if (typeof iv !== "string" || typeof value !== "string") return undefined;
  if (typeof mac !== "string" || typeof tag !== "string") return undefined;
  if (![iv, value, tag].every((part) => base64.test(part))) return undefined;
  const isCbc = bytesIn(iv) === cbcIvBytes && tag === "" && /^[0-9a-f]{64}$/.test(mac);
  const isGcm = bytesIn(iv) === gcmIvBytes && bytesIn(tag) === tagBytes && mac === "";
  return isCbc || isGcm ? { iv, value, mac, tag } : undefined;
}

function bytesIn(text: string): number {
  return Buffer.from(text, "base64").length;
}
