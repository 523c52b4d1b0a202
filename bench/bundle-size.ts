// How large is what a function loads at every cold start: its entry, and the chunks that the entry imports.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** As the bundler writes it, minified; what is loaded lazily is an import() and no match. */
const staticImport = /(?:from|import)"\.\/([\w-]+\.mjs)"/g;

/** Returns the texts of these modules in this directory and of all that they import statically. */
export function entryTexts(directory: string, modules = ["handler.mjs"]): string[] {
  const texts = new Map<string, string>();
  const add = (file: string) => {
    if (texts.has(file)) return;
    const text = readFileSync(join(directory, file), "utf8");
    texts.set(file, text);
    for (const [, imported] of text.matchAll(staticImport)) add(imported as string);
  };
  for (const module of modules) add(module);
  return [...texts.values()];
}

/** Returns how many bytes they are. */
export function entryBytes(directory: string): number {
  return entryTexts(directory).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
