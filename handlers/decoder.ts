// The decoder of the configured serialize handler. Those of PHP's text formats are always there: they are nearly one,
// and what memcached's clients store may hold such text, too. The others are loaded where one is configured.

import type { Decode, SerializeHandler } from "../inspector/session/formats/formats.ts";
import { decodePhp } from "../inspector/session/formats/php.ts";
import { decodePhpBinary } from "../inspector/session/formats/php-binary.ts";
import { decodePhpSerialize } from "../inspector/session/formats/php-serialize.ts";
import type { LaravelKey } from "../inspector/session/layers/laravel-key.ts";

/** What SESSION_SERIALIZE_HANDLER can be. */
export type ConfiguredHandler = SerializeHandler | "laravel";

type Load = (laravelKey: LaravelKey | undefined) => Promise<Decode>;

const loaders: Readonly<Record<ConfiguredHandler, Load>> = {
  php: async () => decodePhp,
  php_binary: async () => decodePhpBinary,
  php_serialize: async () => decodePhpSerialize,
  // One chunk for all of these: each further one would cut what it shares with the entry into a file of its own.
  igbinary: () => loadDecoder("igbinary"),
  msgpack: () => loadDecoder("msgpack"),
  laravel: async (laravelKey) =>
    (await import("../inspector/session/layers/laravel.ts")).laravelDecoder(laravelKey),
};

export const configuredHandlers = Object.keys(loaders) as readonly ConfiguredHandler[];

async function loadDecoder(name: SerializeHandler): Promise<Decode> {
  return (await import("../inspector/session/formats/formats.ts")).decoders[name];
}

interface DecoderSettings {
  readonly serializeHandler: ConfiguredHandler;
  readonly laravelKey?: LaravelKey;
}

/** Gives the decoder of the configured handler. */
export function decoderOf({ serializeHandler, laravelKey }: DecoderSettings): Promise<Decode> {
  return loaders[serializeHandler](laravelKey);
}
