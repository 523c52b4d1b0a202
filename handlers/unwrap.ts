// What takes the configured layers off a stored value. The layers are loaded where one is configured.

import type { LayerName } from "../inspector/session/layers/layer-names.ts";
import { sessionBytesOf } from "../inspector/session/stored-value.ts";
import type { StoredValue } from "../inspector/session-store.ts";
import type { ConfiguredHandler } from "./decoder.ts";

interface UnwrapSettings {
  readonly serializeHandler: ConfiguredHandler;
  readonly layers: readonly LayerName[];
}

/** Returns what takes the configured layers off a stored value. It throws UnreadableSessionError. */
export async function unwrapOf({
  serializeHandler,
  layers,
}: UnwrapSettings): Promise<(stored: StoredValue) => Uint8Array> {
  if (layers.length === 0) return (stored) => sessionBytesOf(stored, serializeHandler);
  const { openLayers } = await import("../inspector/session/layers/open-layers.ts");
  const takeOff = openLayers(layers);
  return (stored) => takeOff(sessionBytesOf(stored));
}
