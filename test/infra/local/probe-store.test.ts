// Whether a store answers, node by node.

import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { after, before, describe, it } from "node:test";
import { type Config, readConfig } from "../../../handlers/configuration.ts";
import { freePort } from "../../../infra/local/ports.ts";
import { probeStore } from "../../../infra/local/probe-store.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { startMemcached } from "../../real/memcached.ts";
import { needing } from "../../real/parts.ts";

async function configOf(store: string): Promise<Config> {
  const config = await readConfig({
    ...{ SESSION_STORE: store, SERVED_HOSTS: "localhost" },
    ...{ AUTHENTICATED_EXPRESSION: "user", USER_EXPRESSION: "user" },
    ...(store.startsWith("mysql:") && { SESSION_STORE_PASSWORD: "s3cret" }),
  });
  assert.ok(!("problems" in config));
  return config;
}

describe("a store that is probed", () => {
  const { it, before, after } = needing("memcached");
  let memcached: Awaited<ReturnType<typeof startMemcached>>;
  before(async () => {
    memcached = await startMemcached();
  });
  after(() => memcached.stop());

  it("is told node by node, each by its own name", async () => {
    const closed = await freePort();
    const nodes = `127.0.0.1:${memcached.port},127.0.0.1:${closed}`;
    const [there, gone, ...more] = await probeStore(await configOf(`memcached://${nodes}`));
    assert.deepEqual(more, []);
    assert.equal(there?.name, `memcached at 127.0.0.1:${memcached.port}`);
    assert.equal(there?.problem, undefined);
    assert.ok((there?.tookMs ?? 0) > 0);
    assert.equal(gone?.name, `memcached at 127.0.0.1:${closed}`);
    assert.equal(gone?.problem, "store-unreachable ECONNREFUSED");
  });
});

describe("a probe", () => {
  let server: Server;
  let port: number;
  before(async () => {
    port = await freePort();
    server = createServer((socket) => socket.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  });
  after(() => server.close());

  it("finds out that something else listens there", async () => {
    for (const kind of ["memcached", "redis"]) {
      const [probed] = await probeStore(await configOf(`${kind}://127.0.0.1:${port}`));
      assert.match(probed?.problem ?? "", /^store-/, kind);
    }
  });

  it("names a store without its user and password", async () => {
    for (const [store, name] of [
      ["redis://alice:s3cret@127.0.0.1:1/3", "redis at 127.0.0.1:1, database 3"],
      [
        "mysql://alice@127.0.0.1:1/site?table=s&id=id&data=data&expires=end",
        "mysql at 127.0.0.1:1, database site",
      ],
    ] as const) {
      const [probed] = await probeStore(await configOf(store));
      assert.equal(probed?.name, name);
    }
  });

  it("finds a directory of session files, and one that is not there", async () => {
    const directory = temporaryDirectory();
    assert.equal((await probeStore(await configOf(`files://${directory}`)))[0]?.problem, undefined);
    const [gone] = await probeStore(await configOf(`files://${directory}/none`));
    assert.deepEqual([gone?.name, gone?.problem], [`files in ${directory}/none`, "store-unreachable ENOENT"]);
  });
});
