import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { ElastiCacheClient } from "@aws-sdk/client-elasticache";
import { DiscoveryError, findCluster } from "../../stores/elasticache.ts";
import {
  type ApiReply,
  describeXml,
  describing,
  type ElastiCacheStandIn,
  refuse,
  type StandInCluster,
  sendXml,
  startElastiCache,
} from "../stand-in/elasticache.ts";

const nodes = [
  { id: "0001", host: "Sessions.abc.0001.euc1.cache.example.org" },
  { id: "0002", host: "Sessions.abc.0002.euc1.cache.example.org", port: 11311 },
];
const sessions: StandInCluster = { id: "sessions", nodes };
const found = nodes.map(({ host, port = 11211 }) => ({ host, port, weight: 1 }));

describe("a cluster of ElastiCache", () => {
  let api: ElastiCacheStandIn;

  before(async () => {
    api = await startElastiCache(describing(sessions));
    Object.assign(process.env, api.env);
  });
  after(async () => {
    for (const name of Object.keys(api.env)) delete process.env[name];
    await api.stop();
  });

  function find(reply: ApiReply, { id = "sessions", timeoutMs = 5_000 } = {}) {
    api.reply = reply;
    api.forms.splice(0);
    return findCluster(id, AbortSignal.timeout(timeoutMs));
  }

  async function fails(reply: ApiReply, code: string, options = {}): Promise<void> {
    await assert.rejects(find(reply, options), (error: Error) => {
      assert.ok(error instanceof DiscoveryError, String(error));
      assert.equal(error.code, code);
      assert.doesNotMatch(String(error.stack), /secret/);
      return true;
    });
  }

  it("is told with its engine, version, nodes, encryption and configuration endpoint", async () => {
    assert.deepEqual(await find(describing(sessions)), {
      engine: "memcached",
      engineVersion: "1.6.22",
      nodes: found,
      isEncrypted: false,
      configurationEndpoint: { host: "sessions.cfg.example.org", port: 11211, weight: 1 },
    });
    assert.equal((await find(describing({ ...sessions, isEncrypted: true }))).isEncrypted, true);
    assert.equal(api.forms.length, 1);
    assert.equal(api.forms[0]?.get("ShowCacheNodeInfo"), "true");
  });

  it("has its nodes in the order of their ids, and their names as they are", async () => {
    const shuffled = { ...sessions, nodes: nodes.toReversed() };
    assert.deepEqual((await find(describing(shuffled))).nodes, found);
  });

  it("is found whatever the case of its id", async () => {
    assert.deepEqual((await find(describing(sessions), { id: "SESSIONS" })).nodes, found);
  });

  it("may be one of redis or valkey, and of nothing else", async () => {
    for (const engine of ["redis", "valkey"]) {
      const cluster = await find(describing({ ...sessions, engine }));
      assert.equal(cluster.engine, engine);
      assert.equal(cluster.configurationEndpoint, undefined);
    }
    await fails(describing({ ...sessions, engine: "postgres" }), "engine-unsupported");
  });

  it("is looked for on every page, of which there is an end", async () => {
    const pages: ApiReply = (form, response) => {
      const page = Number(form.get("Marker") ?? 0);
      const other = { ...sessions, id: `other${page}` };
      const xml =
        page < 2 ? describeXml([other], true, String(page + 1)) : describeXml([other, sessions], true);
      sendXml(response, 200, xml);
    };
    assert.deepEqual((await find(pages)).nodes, found);
    assert.deepEqual(
      api.forms.map((form) => form.get("Marker")),
      [null, "1", "2"],
    );
    await fails((_, response) => sendXml(response, 200, describeXml([], true)), "cluster-not-found");
    await fails((_, response) => sendXml(response, 200, describeXml([], true, "again")), "bad-reply");
    assert.equal(api.forms.length, 20);
  });

  it("is asked for again where the API says that it is asked too often", async () => {
    let count = 0;
    const once: ApiReply = (form, response) =>
      (count++ === 0 ? refuse(400, "Throttling") : describing(sessions))(form, response);
    assert.deepEqual((await find(once)).nodes, found);
    await fails(refuse(400, "Throttling"), "throttled");
    assert.equal(api.forms.length, 3);
  });

  it("is not found where access is denied, the cluster is gone, or the API fails", async () => {
    await fails(refuse(403, "AccessDenied"), "access-denied");
    await fails(refuse(403, "ExpiredToken"), "access-denied");
    await fails(describing(), "cluster-not-found");
    // The API Reference has this name, the API sends the other one.
    for (const code of ["CacheClusterNotFoundFault", "CacheClusterNotFound"]) {
      await fails(refuse(404, code), "cluster-not-found");
    }
    await fails(refuse(500, "InternalFailure"), "api-error");
    await fails(refuse(503, "ServiceUnavailable"), "api-error");
  });

  it("has, while it is resized, the nodes that are in use", async () => {
    const resized = (status: string, ...more: StandInCluster["nodes"]) =>
      describing({ ...sessions, status, nodeCount: 3, nodes: [...nodes, ...more] });
    assert.deepEqual((await find(resized("modifying", { id: "0003", status: "creating" }))).nodes, found);
    const leaving = { id: "0003", status: "deleting", host: "c.example.org" };
    assert.deepEqual((await find(resized("modifying", leaving))).nodes, found);
    const rebooting = { id: "0003", status: "rebooting", host: "c.example.org" };
    const third = { host: "c.example.org", port: 11211, weight: 1 };
    assert.deepEqual((await find(resized("rebooting cluster nodes", rebooting))).nodes, [...found, third]);
  });

  it("is not found while not all of its nodes are known", async () => {
    await fails(describing({ ...sessions, nodeCount: 3 }), "nodes-unknown");
    await fails(describing({ ...sessions, nodes: [...nodes, { id: "0003" }] }), "nodes-unknown");
    for (const status of ["creating", "deleting", "modifying"]) {
      await fails(describing({ id: "sessions", status, nodes: [] }), "nodes-unknown");
    }
  });

  it("has no more nodes than a list of them may have, and only names and ports that such a list can have", async () => {
    const many = Array.from({ length: 301 }, (_, i) => ({ id: String(i), host: `n${i}.example.org` }));
    assert.equal((await find(describing({ id: "sessions", nodes: many.slice(1) }))).nodes.length, 300);
    await fails(describing({ id: "sessions", nodes: many }), "bad-reply");
    await fails(describing({ id: "sessions", nodes: [{ id: "1", host: "a b" }] }), "bad-reply");
    await fails(describing({ id: "sessions", nodes: [{ id: "1", host: "a", port: 70000 }] }), "bad-reply");
  });

  it("is not found in a reply that was cut off, wherever it was", async () => {
    const whole = describeXml([sessions], true).trimEnd();
    for (let length = 0; length < whole.length; length += 7) {
      await fails((_, response) => sendXml(response, 200, whole.slice(0, length)), "bad-reply");
    }
    const cut: ApiReply = (_, response) => {
      response.writeHead(200, { "content-type": "text/xml", "content-length": whole.length });
      response.write(whole.slice(0, 400), () => setTimeout(() => response.destroy(), 10));
    };
    await fails(cut, "bad-reply");
    await fails((_, response) => sendXml(response, 200, "<html><body>proxy</body></html>"), "bad-reply");
  });

  it("hides no error that nobody foresaw, and tells the system's code where there is no way to the API", async (context) => {
    const boom = new TypeError("boom");
    const send = context.mock.method(ElastiCacheClient.prototype, "send", () => Promise.reject(boom));
    await assert.rejects(find(describing(sessions)), boom);
    send.mock.restore();
    const { AWS_ENDPOINT_URL_ELASTICACHE: endpoint } = process.env;
    process.env["AWS_ENDPOINT_URL_ELASTICACHE"] = "http://127.0.0.1:1";
    try {
      await assert.rejects(find(describing(sessions)), {
        name: "DiscoveryError",
        code: "api-unreachable",
        detail: "ECONNREFUSED",
      });
    } finally {
      process.env["AWS_ENDPOINT_URL_ELASTICACHE"] = endpoint;
    }
  });

  it("is not waited for longer than the signal says", async () => {
    await fails(() => {}, "api-timeout", { timeoutMs: 300 });
    const half: ApiReply = (_, response) => void response.write("<DescribeCacheClustersResponse");
    await fails(half, "api-timeout", { timeoutMs: 300 });
  });

  it("is not waited for longer where it is the credentials that do not come", async () => {
    const silent = createServer(() => {});
    const port = await new Promise<number>((resolve) => {
      silent.listen(0, "127.0.0.1", () => resolve((silent.address() as AddressInfo).port));
    });
    delete process.env["AWS_ACCESS_KEY_ID"];
    process.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = `http://127.0.0.1:${port}/`;
    try {
      await fails(describing(sessions), "api-timeout", { timeoutMs: 300 });
    } finally {
      delete process.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"];
      Object.assign(process.env, api.env);
      silent.closeAllConnections();
      silent.close();
    }
  });

  it("is not found while the API is away", async () => {
    process.env["AWS_ENDPOINT_URL_ELASTICACHE"] = "http://127.0.0.1:1";
    try {
      await fails(() => {}, "api-unreachable");
    } finally {
      Object.assign(process.env, api.env);
    }
  });
});
