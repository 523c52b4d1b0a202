// What is deployed: how much of it every cold start loads. bench/cold.ts measures the time.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { entryBytes, entryTexts } from "../../bench/bundle-size.ts";
import { loginEvent, plainSettings, sessionId, smallSession } from "../../bench/login.ts";
import { temporaryDirectory } from "../real/directory.ts";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));
const coldProcess = fileURLToPath(new URL("../../bench/cold-process.mjs", import.meta.url));
const maxEntryBytes = 62_000;

const settings = {
  AUTHENTICATED_EXPRESSION: "user",
  USER_EXPRESSION: "user",
  SERVED_HOSTS: "localhost",
};

/** Returns the names of Node's own modules that a process has loaded once it has imported the handler. */
function loadedBy(settings: Readonly<Record<string, string>>): string {
  const script = `
    await import(process.argv[1]);
    console.log(process.moduleLoadList.filter((name) => name.startsWith("NativeModule")).join("\\n"));`;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", script, join(dist, "auth/handler.mjs")],
    { env: { PATH: process.env["PATH"], ...settings }, encoding: "utf8" },
  );
  assert.equal(status, 0, stderr);
  return stdout;
}

describe("the bundle of a function", () => {
  for (const name of ["auth", "sessions"]) {
    it(`${name} loads at most ${maxEntryBytes} bytes at every start, its store aside`, () => {
      const directory = join(dist, name);
      const bytes = entryBytes(directory);
      assert.ok(bytes <= maxEntryBytes, `${bytes} bytes`);
      // The sum is no whole: there are chunks that it leaves out.
      const all = readdirSync(directory).map((file) => statSync(join(directory, file)).size);
      assert.ok(all.reduce((sum, size) => sum + size, 0) > bytes + 10_000);
    });
  }

  it("loads three files at a start with memcached, for each takes time: the entry, what all share, memjs", () => {
    for (const name of ["auth", "sessions"]) {
      const directory = join(dist, name);
      const store = readdirSync(directory).filter((file) => file.startsWith("plain-"));
      assert.equal(store.length, 1);
      assert.equal(entryTexts(directory, ["handler.mjs", ...store]).length, 3);
    }
  });

  it("has what evaluates an expression that is no plain path in a chunk of its own", () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, `sess_${sessionId}`), smallSession);
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [coldProcess, join(dist, "auth/handler.mjs"), JSON.stringify(loginEvent())],
      {
        env: {
          PATH: process.env["PATH"],
          ...plainSettings,
          SESSION_STORE: `files://${directory}`,
          AUTHENTICATED_EXPRESSION: "authenticated && not_older_than(`0`, `1`) || json_decode('true')",
        },
        encoding: "utf8",
      },
    );
    assert.match(stdout, /\{\\"allow\\":true\}/, stderr);
    const entry = readFileSync(join(dist, "auth/handler.mjs"), "utf8");
    assert.match(entry, /import\("\.\/search-\w+\.mjs"\)/);
  });

  it("has presets, layers and the formats of few sites in chunks of their own", () => {
    // Names that minifying keeps: of a preset, a code of the layers, Laravel's cipher.
    // What only the operator's command does: it guesses keys, layers and users.
    for (const guess of ["memc.sess.key.{id}", "laravel-cache-", "is set before the password is checked"]) {
      for (const name of ["auth", "sessions"]) {
        const files = readdirSync(join(dist, name)).filter((file) => file.endsWith(".mjs"));
        const texts = files.map((file) => readFileSync(join(dist, name, file), "utf8"));
        assert.ok(!texts.join().includes(guess), guess);
      }
    }
    const marks = ["login_web_", "snappy-unsupported", "aes-"];
    for (const name of ["auth", "sessions"]) {
      const entry = entryTexts(join(dist, name)).join();
      const all = readdirSync(join(dist, name)).map((file) => readFileSync(join(dist, name, file), "utf8"));
      for (const mark of marks) {
        assert.ok(!entry.includes(mark), mark);
        assert.ok(all.join().includes(mark), mark);
      }
    }
  });

  it("has a store of the operator's own in a chunk of its own, which no other store loads", () => {
    for (const name of ["auth", "sessions"]) {
      const files = readdirSync(join(dist, name)).filter((file) => file.endsWith(".mjs"));
      const holding = files.filter((file) =>
        readFileSync(join(dist, name, file), "utf8").includes("url must be https://"),
      );
      assert.equal(holding.length, 1);
      assert.match(holding[0] ?? "", /^example-/);
      assert.ok(!entryTexts(join(dist, name)).join().includes("url must be https://"));
    }
    const env = { ...settings, SESSION_STORE: "custom://example?url=https://localhost:1" };
    assert.match(loadedBy(env), /^NativeModule https$/m);
  });

  it("has SQL in chunks of its own, and mysql2 without the tables that no session is read with", () => {
    for (const name of ["auth", "sessions"]) {
      const directory = join(dist, name);
      const entry = entryTexts(directory).join();
      // The protocols' own words.
      for (const mark of ["mysql_native_password", "SCRAM-SHA-256", "UNIX_TIMESTAMP", "rds-db"]) {
        assert.ok(!entry.includes(mark), mark);
      }
      const sizeOf = (prefix: string) => {
        const [file = assert.fail(prefix), ...others] = readdirSync(directory).filter((each) =>
          each.startsWith(prefix),
        );
        assert.deepEqual(others, []);
        return statSync(join(directory, file)).size;
      };
      assert.ok(sizeOf("mysql-") < 230_000);
      assert.ok(sizeOf("postgres-") < 100_000);
    }
  });

  it("loads Node's net for memcached only, and its zlib for no store before a compressed session comes", () => {
    const withMemcached = loadedBy({ SESSION_STORE: "memcached://127.0.0.1:1", ...settings });
    assert.match(withMemcached, /^NativeModule net$/m);
    // Nor what the stores with TLS and AWS's client need.
    assert.doesNotMatch(withMemcached, /^NativeModule (zlib|tls|https?)$/m);
    const withFiles = loadedBy({ SESSION_STORE: "files:///tmp", ...settings });
    assert.doesNotMatch(withFiles, /^NativeModule (net|zlib)$/m);
  });

  it("loads Node's crypto for no placement but those with MD5", () => {
    const withNodes = { SESSION_STORE: "memcached://127.0.0.1:1,127.0.0.1:2", ...settings };
    assert.doesNotMatch(loadedBy(withNodes), /^NativeModule crypto$/m);
    assert.match(loadedBy({ ...withNodes, SESSION_PLACEMENT: "ketama-weighted" }), /^NativeModule crypto$/m);
  });
});
