// Builds what is deployed: dist/relay.mjs and dist/doctor.mjs for the ejabberd host, and for Lambda a directory of each function,
// dist/auth/ and dist/sessions/.

import { chmodSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  format: "esm",
  minify: true,
  // A package's ES modules, where it has them: what is not used of those is left out.
  mainFields: ["module", "main"],
  legalComments: "none",
  outExtension: { ".js": ".mjs" },
} as const satisfies BuildOptions;

/** How a function's module is built, wherever it goes to. */
export const functionOptions = {
  ...common,
  target: "node20",
  // The package gives its standard functions out together with others, which would bring node:zlib along.
  alias: {
    "@aws-lambda-powertools/jmespath/functions":
      "./node_modules/@aws-lambda-powertools/jmespath/lib/esm/Functions.js",
  },
  // memjs is CommonJS and asks for node's modules by require().
  banner: {
    js: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);',
  },
  // Chunks: a store's module is loaded only where it is configured.
  splitting: true,
} as const satisfies BuildOptions;

/** Writes all bundles below dist/, in place of what stands there. Throws what esbuild throws. */
export async function buildAll(): Promise<void> {
  rmSync(`${root}dist`, { recursive: true, force: true });
  await Promise.all([
    buildProgram("relay/main.ts", "dist/relay.mjs"),
    buildProgram("doctor/main.ts", "dist/doctor.mjs"),
    ...["auth", "sessions"].map(buildFunction),
  ]);
}

async function buildProgram(entry: string, file: string): Promise<void> {
  await build({
    ...common,
    entryPoints: [entry],
    outfile: file,
    // Debian 12's Node.
    target: "node18",
    banner: { js: "#!/usr/bin/env node" },
    // Its package gives Node its CommonJS, which is larger.
    alias: { yaml: "./node_modules/yaml/browser/index.js" },
  });
  // A file that ejabberd's user may run as it is.
  chmodSync(`${root}${file}`, 0o755);
}

/** A directory of its own for each: none carries, or loads at its cold start, what only the other one needs. */
async function buildFunction(name: string): Promise<void> {
  await build({
    ...functionOptions,
    entryPoints: { handler: `handlers/${name}.ts` },
    outdir: `dist/${name}`,
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAll();
