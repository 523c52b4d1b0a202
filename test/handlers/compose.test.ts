import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { createInspect, createInspectSessions } from "../../handlers/compose.ts";
import { readConfig } from "../../handlers/configuration.ts";
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
      await readConfig({ SESSION_STORE: `files://${directory}`, ...expressions }),
      () => {},
    );
    assert.deepEqual(await inspect(login), { outcome: "allowed" });
  });

  it("reads sessions as the configured serialize handler wrote them", async () => {
    const sessions = {
      php_binary: '\x04users:5:"alice";\x0dauthenticatedb:1;',
      php_serialize: 'a:2:{s:4:"user";s:5:"alice";s:13:"authenticated";b:1;}',
      igbinary: "\0\0\0\x02\x14\x02\x11\x04user\x11\x05alice\x11\x0dauthenticated\x05",
      laravel: 'a:2:{s:4:"user";s:5:"alice";s:13:"authenticated";b:1;}',
      msgpack: "\x83\xc0\x01\xa4user\xa5alice\xadauthenticated\xc3",
    };
    for (const [handler, session] of Object.entries(sessions)) {
      writeFileSync(join(directory, `sess_${login.password}`), Buffer.from(session, "latin1"));
      for (const [name, outcome] of [
        [handler, "allowed"],
        ["php", "refused"],
      ] as const) {
        const settings = { SESSION_STORE: `files://${directory}`, SESSION_SERIALIZE_HANDLER: name };
        const inspect = await createInspect(await readConfig({ ...settings, ...expressions }), () => {});
        assert.equal((await inspect(login)).outcome, outcome, `${handler} read as ${name}`);
      }
    }
  });

  it("answers of many sessions by the same configuration", async () => {
    writeFileSync(join(directory, `sess_${login.password}`), 'user|s:5:"alice";authenticated|b:1;');
    const config = await readConfig({ SESSION_STORE: `files://${directory}`, ...expressions });
    const inspectSessions = await createInspectSessions(config, () => {});
    const ids = ["nobody0has0this0session0id", login.password];
    assert.deepEqual(await inspectSessions({ ids }), { outcome: "answered", authenticated: [false, true] });
  });

  it("reaches a memcached or a Redis that is away, to no avail", async () => {
    for (const nodes of ["memcached://", "redis://:secret@"].flatMap((begin) => [
      `${begin}127.0.0.1:1`,
      `${begin}127.0.0.1:1,127.0.0.1:2`,
    ])) {
      const config = await readConfig({ SESSION_STORE: nodes, ...expressions });
      const inspect = await createInspect(config, () => {});
      const away = { outcome: "unavailable", fault: "store-unreachable", detail: "ECONNREFUSED" };
      assert.deepEqual(await inspect(login), away, nodes);
    }
  });

  it("asks a store of the operator's own, whose errors are its faults", async () => {
    const SESSION_STORE = "custom://example?url=https://localhost:1";
    const config = await readConfig({ SESSION_STORE, SESSION_STORE_PASSWORD: "secret", ...expressions });
    const inspect = await createInspect(config, () => {});
    const away = { outcome: "unavailable", fault: "store-failed", detail: "ECONNREFUSED" };
    assert.deepEqual(await inspect(login), away);
  });

  it("says which store of the operator's own is wrong, and lets nobody in", async () => {
    const wrong = {
      "custom://no-such-store": /custom\/no-such-store\.ts is not in this build/,
      "custom://example": /custom\/example\.ts: its constructor threw TypeError/,
    };
    for (const [SESSION_STORE, problem] of Object.entries(wrong)) {
      const lines: unknown[] = [];
      const config = await readConfig({ SESSION_STORE, ...expressions });
      const inspect = await createInspect(config, (...line) => lines.push(line));
      assert.deepEqual(await inspect(login), { outcome: "unavailable", fault: "bad-configuration" });
      assert.match(JSON.stringify(lines), problem);
    }
  });

  it("says what is wrong once, and of every login that it is unavailable", async () => {
    const lines: unknown[] = [];
    const config = await readConfig({ ...expressions, ISUSER_POLICY: "some" });
    const inspect = await createInspect(config, (...line) => lines.push(line));
    assert.deepEqual(await inspect(login), { outcome: "unavailable", fault: "bad-configuration" });
    assert.deepEqual(await inspect(login), { outcome: "unavailable", fault: "bad-configuration" });
    const inspectSessions = await createInspectSessions(config, () => {});
    const answer = await inspectSessions({ ids: [login.password] });
    assert.deepEqual(answer, { outcome: "unavailable", fault: "bad-configuration" });
    assert.equal(lines.length, 1);
    assert.match(JSON.stringify(lines), /SESSION_STORE is missing.*ISUSER_POLICY is wrong/);
  });
});
