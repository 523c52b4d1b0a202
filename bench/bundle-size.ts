// How large is what a function loads at every cold start: its entry, and the chunks that the entry imports.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** As the bundler writes it, minified; what is loaded lazily is an import() and no match. */
const staticImport = /(?:from|import)"\.\/([\w-]+\.mjs)"/g;

/** Gives the bytes of handler.mjs in this directory and of all that it imports statically. */
export function entryBytes(directory: string): number {
  const sizes = new Map<string, number>();
  const add = (file: string) => {
    if (sizes.has(file)) return;
    const bytes = readFileSync(join(directory, file));
    sizes.set(file, bytes.length);
    for (const [, imported] of bytes.toString().matchAll(staticImport)) add(imported as string);
  };
  add("handler.mjs");
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
