// As what the bytes of a stored value can be read: every layer and serialize handler is tried, the fewest layers first.
// Only the operator's command does this: what a visitor wrote into a session must never choose how it is read.

import type { ConfiguredHandler } from "../../handlers/decoder.ts";
import { type Decode, decoders } from "../../inspector/session/formats/formats.ts";
import { decodeJson } from "../../inspector/session/formats/json.ts";
import { laravelDecoder } from "../../inspector/session/layers/laravel.ts";
import type { LaravelKey } from "../../inspector/session/layers/laravel-key.ts";
import { type LayerName, layerNames } from "../../inspector/session/layers/layer-names.ts";
import { openLayers } from "../../inspector/session/layers/open-layers.ts";
import { latin1, type PhpSession } from "../../inspector/session/model.ts";
import { sessionBytesOf } from "../../inspector/session/stored-value.ts";
import { UnreadableSessionError } from "../../inspector/session/unreadable.ts";
import { wantedOf } from "../../inspector/session/wanted.ts";
import type { StoredValue } from "../../inspector/session-store.ts";

export interface Reading {
  /** Outermost first. */
  readonly layers: readonly LayerName[];
  readonly handler: ConfiguredHandler;
  readonly session: PhpSession;
  /** Whether the session is only those of its variables that can be the user's: others refer to what is uncertain. */
  readonly isPartial?: true;
}

export interface Readings {
  readonly readings: readonly Reading[];
  /** Whether Laravel encrypted it, by a key that is not among those given. */
  readonly isEncrypted: boolean;
  /** By each handler, why it cannot read the bytes as they lie there. */
  readonly codes: ReadonlyMap<string, string>;
}

/** Layers within one another that are tried. */
const maxDepth = 3;
/** Layers that are taken off in all, and the bytes that come of it. */
const maxTries = 200;
const maxMadeBytes = 32 * 1024 * 1024;

/** The beginning of base64('{"iv":'): what Laravel's Encrypter writes. */
const encryptedByLaravel = "eyJpdiI6";

const handlers: Readonly<Record<string, Decode>> = { ...decoders, json: decodeJson };

/** The variables by which a session is looked into whose other ones cannot be read. */
const usualVariables = (
  "user username user_name userid user_id uid login login_name account member customer customer_id " +
  "email nickname auth authenticated is_authenticated logged_in loggedin loggedIn is_logged_in isLoggedIn"
).split(" ");

/** Returns the readings with the fewest layers that any reading has. A session without variables is none. */
export function readingsOf(stored: StoredValue, laravelKeys: readonly LaravelKey[]): Readings {
  const codes = new Map<string, string>();
  const direct: Reading[] = [];
  for (const name of Object.keys(handlers)) {
    const handler = name as ConfiguredHandler;
    const read = readBy(handler, [], () => sessionBytesOf(stored, handler));
    if (!("code" in read)) direct.push(read);
    else if (read.code !== undefined) codes.set(name, read.code);
  }
  const whole = attempt(() => sessionBytesOf(stored));
  if (direct.length > 0 || "code" in whole) return { readings: direct, isEncrypted: false, codes };

  let level: Unwrapped[] = [{ layers: [], bytes: whole.value }];
  let triesLeft = maxTries;
  let bytesLeft = maxMadeBytes;
  let isEncrypted = false;
  for (let depth = 0; depth <= maxDepth; depth++) {
    const readings: Reading[] = [];
    const next: Unwrapped[] = [];
    for (const { layers, bytes } of level) {
      if (latin1(bytes.subarray(0, encryptedByLaravel.length)) === encryptedByLaravel) {
        const read = attempt(() => laravelDecoder(laravelKeys)(bytes));
        if (laravelKeys.length > 0 && "value" in read) {
          readings.push({ layers, handler: "laravel", session: read.value });
        } else isEncrypted = true;
        continue;
      }
      if (depth > 0) readings.push(...readAll(layers, bytes));
      for (const name of depth < maxDepth ? layersOf(bytes) : []) {
        if (triesLeft-- <= 0 || bytesLeft <= 0) break;
        const inner = attempt(() => openLayers([name])(bytes));
        if ("code" in inner || inner.value.length === 0) continue;
        bytesLeft -= inner.value.length;
        next.push({ layers: [...layers, name], bytes: inner.value });
      }
    }
    if (readings.length > 0) return { readings, isEncrypted: false, codes };
    level = next;
  }
  return { readings: [], isEncrypted, codes };
}

interface Unwrapped {
  readonly layers: readonly LayerName[];
  readonly bytes: Uint8Array;
}

function readAll(layers: readonly LayerName[], bytes: Uint8Array): Reading[] {
  return Object.keys(handlers).flatMap((name) => {
    const read = readBy(name as ConfiguredHandler, layers, () => bytes);
    return "code" in read ? [] : read;
  });
}

/** Returns the reading, or why there is none: undefined for a session without variables. */
function readBy(
  handler: ConfiguredHandler,
  layers: readonly LayerName[],
  unwrap: () => Uint8Array,
): Reading | { readonly code: string | undefined } {
  const decode = handlers[handler] as Decode;
  const read = attempt(() => decode(unwrap()));
  if ("value" in read) {
    const { value: session } = read;
    // A list is something around a session, such as an entry of Yii's cache: no site names its variables 0 and 1.
    const isSession = [...session.variables.keys()].some((name) => !/^[0-9]+$/.test(name));
    return isSession ? { layers, handler, session } : { code: undefined };
  }
  if (read.code !== "uncertain-reference") return read;
  const names = usualVariables.filter(
    (name) => "value" in attempt(() => decode(unwrap(), wantedOf([[name]]))),
  );
  const part = attempt(() => decode(unwrap(), wantedOf(names.map((name) => [name]))));
  if ("code" in part || part.value.variables.size === 0) return read;
  return { layers, handler, session: part.value, isPartial: true };
}

/** Magento's layer is a session as it is, too, where its mark does not stand. */
function layersOf(bytes: Uint8Array): readonly LayerName[] {
  return layerNames.filter((name) => name !== "magento" || bytes[0] === ":".charCodeAt(0));
}

function attempt<T>(work: () => T): { readonly value: T } | { readonly code: string } {
  try {
    return { value: work() };
  } catch (error) {
    if (error instanceof UnreadableSessionError) return { code: error.code };
    throw error;
  }
}
