// What can stand around a session's bytes, by the names that SESSION_LAYERS has for it: see open-layers.ts, which a
// site without layers never loads.

export const layerNames = [
  "gzip",
  "zlib",
  "deflate",
  "lzf",
  "lz4",
  "zstd",
  "magento",
  "serialize",
  "igbinary",
  "msgpack",
  "yii2",
  "base64",
] as const;

export type LayerName = (typeof layerNames)[number];

/** Each layer makes bytes: this many of them make at most as many times a session's limit. */
export const maxLayers = 4;

/** Returns the layers, outermost first, or undefined where the text names another one, or too many. */
export function readLayers(text: string): readonly LayerName[] | undefined {
  if (text === "none") return [];
  const names = text.split(",").map((name) => layerNames.find((layer) => layer === name.trim()));
  if (names.length > maxLayers || names.includes(undefined)) return undefined;
  return names as LayerName[];
}
