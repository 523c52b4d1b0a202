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
import { latin1, type PhpSession } from "../model.ts";
import { UnreadableSessionError } from "../unreadable.ts";
import type { Wanted } from "../wanted.ts";
import { decodeBase64 } from "./base64.ts";
import type { LaravelKey } from "./laravel-key.ts";
import { checkWrappedBytes } from "./made-bytes.ts";

const cbcIvBytes = 16;
const gcmIvBytes = 12;
const tagBytes = 16;

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
    checkWrappedBytes(bytes);
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
  const payload = readPayload(latin1(bytes));
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
function decryptCbc({ iv, value, mac, signed }: Payload, key: KeyObject): Uint8Array | undefined {
  const expected = createHmac("sha256", key).update(signed).digest("hex");
  // How long the comparison takes tells nothing.
  if (!timingSafeEqual(Buffer.from(mac), Buffer.from(expected))) return undefined;
  try {
    const decipher = createDecipheriv(cipherOf(key, "cbc"), key, iv);
    return Buffer.concat([decipher.update(value), decipher.final()]);
  } catch {
    throw badEncryption();
  }
}

/** Returns undefined where another key made it. */
function decryptGcm({ iv, value, tag }: Payload, key: KeyObject): Uint8Array | undefined {
  const cipher = cipherOf(key, "gcm") as "aes-256-gcm";
  try {
    const decipher = createDecipheriv(cipher, key, iv, { authTagLength: tagBytes }).setAuthTag(tag);
    // final() throws unless the tag is right: nothing before it is used.
    return Buffer.concat([decipher.update(value), decipher.final()]);
  } catch {
    return undefined;
  }
}

interface Payload {
  readonly iv: Uint8Array;
  readonly value: Uint8Array;
  /** 64 hexadecimal digits, or "" beside a tag. */
  readonly mac: string;
  readonly tag: Uint8Array;
  /** What the MAC is of. */
  readonly signed: string;
}

function readPayload(text: string): Payload | undefined {
  const json = decodeBase64(text);
  if (json === undefined) return undefined;
  let payload: unknown;
  try {
    payload = JSON.parse(json.toString());
  } catch {
    return undefined;
  }
  if (typeof payload !== "object" || payload === null) return undefined;
  // Laravel before 8.75 has no tag.
  const {
    iv: ivText,
    value: valueText,
    mac,
    tag: tagText = "",
  } = payload as Readonly<Record<string, unknown>>;
  if (typeof ivText !== "string" || typeof valueText !== "string") return undefined;
  if (typeof mac !== "string" || typeof tagText !== "string") return undefined;
  const [iv, value, tag] = [decodeBase64(ivText), decodeBase64(valueText), decodeBase64(tagText)];
  if (iv === undefined || value === undefined || tag === undefined) return undefined;
  const isCbc = iv.length === cbcIvBytes && tag.length === 0 && /^[0-9a-f]{64}$/.test(mac);
  const isGcm = iv.length === gcmIvBytes && tag.length === tagBytes && mac === "";
  return isCbc || isGcm ? { iv, value, mac, tag, signed: ivText + valueText } : undefined;
}
