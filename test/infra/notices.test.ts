import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { noticesOf } from "../../infra/notices.ts";
import { temporaryDirectory } from "../real/directory.ts";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));

interface MadeUp {
  readonly path: string;
  readonly license?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly bytes?: number;
}

/** The notices of a bundle with code of these packages, which are made up. */
function noticesWith(...packages: readonly MadeUp[]): string {
  const root = temporaryDirectory();
  const inputs: Record<string, { bytesInOutput: number }> = { "relay/main.ts": { bytesInOutput: 1 } };
  for (const { path, license, files = {}, bytes = 10 } of packages) {
    const directory = join(root, path);
    mkdirSync(directory, { recursive: true });
    const name = path.split("node_modules/").at(-1);
    writeFileSync(join(directory, "package.json"), JSON.stringify({ name, version: "1.2.3", license }));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text);
    inputs[`${path}/lib/index.js`] = { bytesInOutput: bytes };
  }
  const output = { bytes: 1, inputs, imports: [], exports: [] };
  return noticesOf(
    [{ name: "some.mjs", metafile: { inputs: {}, outputs: { "dist/some.mjs": output } } }],
    root,
  );
}

const mit = { license: "MIT", files: { LICENSE: "Permission is hereby granted" } };
const apache = { license: "Apache-2.0", files: { LICENSE: "Apache License", "NOTICE.txt": "Made by many" } };

describe("the third-party notices", () => {
  it("name each package in a bundle, its version, its licence, and the licence's text", () => {
    const text = noticesWith({ path: "node_modules/a", ...mit }, { path: "node_modules/@b/c", ...apache });
    assert.match(text, /^a 1\.2\.3 \(MIT\), in some\.mjs\n\nPermission is hereby granted$/m);
    assert.match(text, /^@b\/c 1\.2\.3 \(Apache-2\.0\), in some\.mjs\n\nApache License\n\nMade by many$/m);
  });

  it("have a package that lies in another one's directory, and none of which no byte is left", () => {
    const inner = { path: "node_modules/a/node_modules/inner", ...mit };
    const text = noticesWith(inner, { path: "node_modules/unused", license: "GPL-3.0-only", bytes: 0 });
    assert.match(text, /^inner 1\.2\.3/m);
    assert.doesNotMatch(text, /unused/);
  });

  it("have a text once for all packages that share it", () => {
    const text = noticesWith({ path: "node_modules/a", ...mit }, { path: "node_modules/b", ...mit });
    assert.match(text, /^a 1\.2\.3 .*\nb 1\.2\.3 /m);
    assert.equal(text.match(/Permission/g)?.length, 1);
  });

  it("take Apache's text from another package if one lacks it, and no other licence's", () => {
    const text = noticesWith(
      { path: "node_modules/a", ...apache },
      { path: "node_modules/b", license: "Apache-2.0" },
    );
    assert.match(text, /^a 1\.2\.3 .*\nb 1\.2\.3 /m);
    assert.throws(
      () => noticesWith({ path: "node_modules/b", license: "Apache-2.0" }),
      /^Error: b is in a bundle and lacks the text/,
    );
    assert.throws(
      () => noticesWith({ path: "node_modules/a", ...mit }, { path: "node_modules/b", license: "MIT" }),
      /^Error: b is in a bundle and lacks the text of its licence \(MIT\)/,
    );
  });

  it("refuse a licence that is not on the list, and a package that names none", () => {
    for (const license of [
      "GPL-3.0-only",
      "AGPL-3.0",
      "SSPL-1.0",
      "UNLICENSED",
      "SEE LICENSE IN FILE",
      undefined,
    ]) {
      const one = { path: "node_modules/a", files: mit.files, ...(license && { license }) };
      assert.throws(() => noticesWith(one), /^Error: a 1\.2\.3 is in a bundle, and its licence is /, license);
    }
  });
});

describe("the build", () => {
  const read = (file: string) => readFileSync(join(dist, file), "utf8");

  it("writes the notices of all bundles, and those of a function into its directory", () => {
    const all = read("THIRD-PARTY-NOTICES.txt");
    assert.match(all, /^memjs \S+ \(MIT\), in inspect\.mjs, auth, sessions, logins$/m);
    assert.match(all, /^@smithy\/shared-ini-file-loader \S+ \(Apache-2\.0\), in relay\.mjs, doctor\.mjs$/m);
    for (const words of ["Permission is hereby granted", "Apache License"]) {
      assert.ok(all.includes(words), words);
    }
    for (const name of ["auth", "sessions", "logins"]) {
      const own = read(`${name}/THIRD-PARTY-NOTICES.txt`);
      assert.match(own, /^memjs /m);
      assert.doesNotMatch(own, /^@smithy\/shared-ini-file-loader /m);
    }
  });

  it("names every package whose code is in dist/", () => {
    // Texts that only these packages have, as they stand in minified code.
    const signs = { bowser: "Amazon Silk", memjs: "memjs", "@aws-sdk/client-ssm": "AmazonSSM" };
    const code = readdirSync(join(dist, "auth"))
      .filter((file) => file.endsWith(".mjs"))
      .map((file) => read(`auth/${file}`))
      .join();
    const notices = read("auth/THIRD-PARTY-NOTICES.txt");
    for (const [name, sign] of Object.entries(signs)) {
      assert.ok(code.toLowerCase().includes(sign.toLowerCase()), name);
      assert.match(notices, new RegExp(`^${name} `, "m"));
    }
  });
});
