import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { readConfig } from "../../handlers/config.ts";
import { createInspect } from "../../handlers/inspect.ts";
import { temporaryDirectory } from "../real/directory.ts";

const expressions = {
  AUTHENTICATED_EXPRESSION: "authenticated",
  USER_EXPRESSION: "user",
  SERVED_HOSTS: "localhost",
};
const login = {
  op: "auth",
  user: "alice",
  server: "localhost",
  password: "alice0session0of0the0test0",
} as const;

describe("the inspector of a configuration", () => {
  const directory = temporaryDirectory();

  it("looks into the configured store with the configured expressions", async () => {
    writeFileSync(join(directory, `sess_${login.password}`), 'user|s:5:"alice";authenticated|b:1;');
    const inspect = await createInspect(
      readConfig({ SESSION_STORE: `files://${directory}`, ...expressions }),
      () => {},
    );
    assert.deepEqual(await inspect(login), { outcome: "allowed" });
  });

  it("reaches a memcached that is away, to no avail", async () => {
    const inspect = await createInspect(
      readConfig({ SESSION_STORE: "memcached://127.0.0.1:1", ...expressions }),
      () => {},
    );
    assert.deepEqual(await inspect(login), { outcome: "unavailable", fault: "store-unreachable" });
  });

  it("says what is wrong once, and of every login that it is unavailable", async () => {
    const lines: unknown[] = [];
    const config = readConfig({ ...expressions, ISUSER_POLICY: "some" });
    const inspect = await createInspect(config, (...line) => lines.push(line));
    assert.deepEqual(await inspect(login), { outcome: "unavailable", fault: "bad-configuration" });
    assert.deepEqual(await inspect(login), { outcome: "unavailable", fault: "bad-configuration" });
    assert.equal(lines.length, 1);
    assert.match(JSON.stringify(lines), /SESSION_STORE is missing.*ISUSER_POLICY is wrong/);
  });
});
