// Other programs share the site's sessions: the bundled function behind POST /sessions, as serverless-offline serves
// it, asked about sessions that real PHP wrote to memcached.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { type LocalApi, localKey, startApi } from "../../infra/local/api.ts";
import { freePort } from "../../infra/local/ports.ts";
import { fromEnvironment } from "../../relay/credentials/environment.ts";
import { createSign } from "../../relay/sign.ts";
import { type Memcached, startMemcached } from "../real/memcached.ts";
import { needing } from "../real/parts.ts";
import { whilePaused } from "../real/pause.ts";
import { destroySession, memcachedIni, writeSession, writeSessions } from "../real/php.ts";

describe("POST /sessions", () => {
  const { it, before, after } = needing("php", "memcached");
  let nodes: Memcached[] = [];
  let api: LocalApi | undefined;

  before(async () => {
    nodes = await Promise.all([startMemcached(), startMemcached()]);
    api = await startApi({
      port: await freePort(),
      settings: {
        SESSION_STORE: `memcached://${names().join(",")}`,
        AUTHENTICATED_EXPRESSION: "authenticated || i != `null`",
        USER_EXPRESSION: "user || i",
        SERVED_HOSTS: "localhost",
      },
    });
  });
  after(async () => {
    await api?.process.stop();
    await Promise.all(nodes.map((node) => node.stop()));
  });

  const names = () => nodes.map(({ host, port }) => `${host}:${port}`);

  async function ask(question: unknown, key = localKey) {
    const url = new URL("/sessions", api?.url);
    const body = Buffer.from(JSON.stringify(question));
    const sign = createSign({
      url,
      region: localKey["AWS_REGION"] ?? "",
      credentials: { current: async () => fromEnvironment(key) ?? assert.fail("no key") },
      now: () => new Date(),
    });
    const headers = { ...(await sign(body)), "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body });
    return { status: response.status, body: await response.json() };
  }

  it("tells of a hundred ids, each at its place, who is logged in and who is not", async () => {
    const ini = memcachedIni(...names());
    const live = writeSessions(50, ini);
    const destroyed = live.splice(0, 5);
    for (const id of destroyed) destroySession(id, ini);
    const nobodys = [{ user: "alice" }, { authenticated: true }, { authenticated: 1, user: "alice" }, {}];
    const notLoggedIn = nobodys.map((variables) => writeSession(variables, ini));
    // Of another site, which has its sessions in the same nodes under another prefix.
    const foreign = writeSession(
      { user: "alice", authenticated: true },
      { ...ini, "memcached.sess_prefix": "other." },
    );
    const malformed = ["", "a:b:c", `lock.${live[0]}`, `${live[0]}\r\n`, "../../etc/passwd", "é".repeat(30)];
    const never = Array.from({ length: 9 }, (_, i) => `nobody0has0this0session0id${i}`);
    const dead = [...destroyed, ...notLoggedIn, foreign, ...malformed, ...never];
    const distinct = Array.from({ length: 45 }, (_, i) => [live[i], dead[i]]).flat();
    const ids = distinct.filter((id) => id !== undefined);
    ids.push(...ids.slice(0, 100 - ids.length));
    assert.equal(ids.length, 100);
    assert.deepEqual(await ask({ ids }), {
      status: 200,
      body: { authenticated: ids.map((id) => live.includes(id)) },
    });
    const output = api?.process.output() ?? "";
    assert.match(output, /"message":"sessions".*"asked":100,"outcome":"answered","authenticated":60,/);
    for (const id of ids.filter((id) => id.length > 20)) assert.ok(!output.includes(id));
  });

  it("tells of no session while one of the nodes hangs", async () => {
    const ids = writeSessions(100, memcachedIni(...names()));
    await whilePaused(nodes[0]?.process.pid ?? 0, async () => {
      assert.deepEqual(await ask({ ids }), { status: 503, body: { error: "unavailable" } });
    });
    assert.deepEqual(await ask({ ids }), { status: 200, body: { authenticated: ids.map(() => true) } });
  });

  it("answers a breach of the contract with its code", async () => {
    assert.deepEqual(await ask({ ids: [] }), { status: 400, body: { error: "ids-invalid" } });
    const tooMany = Array(101).fill("nobody0has0this0session0id");
    assert.deepEqual(await ask({ ids: tooMany }), { status: 400, body: { error: "ids-too-many" } });
  });

  it("answers nobody who does not sign with a key that may ask", async () => {
    const id = { ids: ["nobody0has0this0session000"] };
    assert.equal((await ask(id)).status, 200);
    const wrong = await ask(id, { ...localKey, AWS_SECRET_ACCESS_KEY: "another" });
    assert.deepEqual(wrong, { status: 403, body: { message: "Forbidden" } });
  });
});
