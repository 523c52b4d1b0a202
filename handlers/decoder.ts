// The decoder of the configured serialize handler. PHP's text formats are part of the entry: they share nearly all their
// code, and other layers hold such text, too. The others are loaded where one is configured.

import type { Decode, SerializeHandler } from "../inspector/session/formats/formats.ts";
import { decodePhp } from "../inspector/session/formats/php.ts";
import { decodePhpBinary } from "../inspector/session/formats/php-binary.ts";
import { decodePhpSerialize } from "../inspector/session/formats/php-serialize.ts";
import type { LaravelKey } from "../inspector/session/layers/laravel-key.ts";

/** What SESSION_SERIALIZE_HANDLER can be. */
export type ConfiguredHandler = SerializeHandler | "json" | "laravel";

type Load = (laravelKeys: readonly LaravelKey[]) => Promise<Decode>;

const loaders: Readonly<Record<ConfiguredHandler, Load>> = {
  php: async () => decodePhp,
  php_binary: async () => decodePhpBinary,
  php_serialize: async () => decodePhpSerialize,
  // One chunk for all of these: with more, what they share with the entry would become files of their own.
  igbinary: () => loadDecoder("igbinary"),
  msgpack: () => loadDecoder("msgpack"),
  json: async () => (await import("../inspector/session/formats/json.ts")).decodeJson,
  laravel: async (laravelKeys) =>
    (await import("../inspector/session/layers/laravel.ts")).laravelDecoder(laravelKeys),
};

export const configuredHandlers = Object.keys(loaders) as readonly ConfiguredHandler[];

async function loadDecoder(name: SerializeHandler): Promise<Decode> {
  return (await import("../inspector/session/formats/formats.ts")).decoders[name];
}

interface DecoderSettings {
  readonly serializeHandler: ConfiguredHandler;
  readonly laravelKeys: readonly LaravelKey[];
}

/** Returns the decoder of the configured handler. */
export function decoderOf({ serializeHandler, laravelKeys }: DecoderSettings): Promise<Decode> {
  return loaders[serializeHandler](laravelKeys);
}
