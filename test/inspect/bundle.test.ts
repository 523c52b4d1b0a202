// dist/inspect.mjs, alone in a directory: what an operator copies to a host that reaches the session store.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "../../infra/local/ports.ts";
import { temporaryDirectory } from "../real/directory.ts";

const built = fileURLToPath(new URL("../../dist/inspect.mjs", import.meta.url));
const directory = temporaryDirectory();
const program = join(directory, "inspect.mjs");
const id = "0secret0session0id0secret0";

function inspect(env: Readonly<Record<string, string>>) {
  copyFileSync(built, program);
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, "--session-file", "-"], {
    cwd: directory,
    input: `${id}\n`,
    env: { PATH: process.env["PATH"], AWS_EC2_METADATA_DISABLED: "true", ...env },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

describe("the bundled inspect", () => {
  it("is one file that imports nothing but what Node brings", () => {
    const imported = [...readFileSync(built, "utf8").matchAll(/(?:^|[;}])import[^;"']*?from\s*"([^"]+)"/g)];
    assert.ok(imported.length > 0);
    for (const [, name] of imported) assert.match(name ?? "", /^(?:node:)?[a-z_/]+$/);
    assert.equal(statSync(built).mode & 0o777, 0o755);
  });

  it("shows a session without the clone and its modules", () => {
    writeFileSync(join(directory, `sess_${id}`), 'user|s:5:"alice";');
    const env = { SESSION_STORE: `files://${directory}`, SESSION_SERIALIZE_HANDLER: "php" };
    const { status, stdout, stderr } = inspect(env);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    assert.match(stdout, /^store {5}files has it\nread as {3}php\n[\s\S]*user {2}string\(5\)\n$/);
    assert.ok(!stdout.includes(id));
  });

  it("finds a session of which only the store is known", () => {
    writeFileSync(join(directory, `sess_${id}`), 'user|s:5:"alice";authenticated|b:1;');
    const { status, stdout, stderr } = inspect({ SESSION_STORE: `files://${directory}` });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    assert.match(stdout, /^asked {5}sess_<id> {2}35 bytes\n/);
    assert.match(stdout, /\nexport SESSION_PRESET='plain'\n/);
    assert.ok(!stdout.includes(id));
  });

  it("carries each kind of store", async () => {
    const port = await freePort();
    const stores = [`memcached://127.0.0.1:${port}`, `redis://127.0.0.1:${port}`, "dynamodb://sessions"];
    for (const SESSION_STORE of stores) {
      const { status, stderr } = inspect({ SESSION_STORE, AWS_REGION: "eu-central-1" });
      assert.equal(status, 1, stderr);
      // AWS's SDK warns of Node's age before that.
      assert.match(stderr, /(?:^|\n)store-[a-z]+\n$/, SESSION_STORE);
    }
  });
});
