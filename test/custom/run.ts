// `npm run test:store -- custom/NAME.ts`: holds a store of the operator's own to the stores' conformance suite.

import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { itIsAStore } from "./own-store-demands.ts";
import type { StartSite } from "./site.ts";

const [path = ""] = process.argv.slice(2);
const [, name] = /^(?:\.\/)?custom\/([a-z][a-z0-9-]{0,39})\.ts$/.exec(path) ?? [];
const root = fileURLToPath(new URL("../..", import.meta.url));

if (name === undefined) {
  end("usage: npm run test:store -- custom/NAME.ts, NAME being lower-case letters, digits and hyphens");
} else if (!existsSync(`${root}custom/${name}.ts`)) {
  end(`custom/${name}.ts is not there`);
} else if (!existsSync(`${root}test/custom/${name}.site.ts`)) {
  end(
    `test/custom/${name}.site.ts is missing: it starts the service that the store asks. Copy test/custom/example.site.ts`,
  );
} else {
  const { default: start }: { default: StartSite } = await import(`./${name}.site.ts`);
  describe(`custom/${name}.ts`, () => itIsAStore(it, name, start));
}

function end(message: string): void {
  console.error(message);
  process.exitCode = 2;
}
