import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { canConnect, freePort } from "../../infra/local/ports.ts";
import { serveMetrics } from "../../relay/metrics-server.ts";

describe("the server of the metrics", () => {
  it("says what there is to say at the moment it is asked", async () => {
    const port = await freePort();
    let asked = 0;
    await serveMetrics(port, () => `asked ${++asked}\n`);
    for (const text of ["asked 1\n", "asked 2\n"]) {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`);
      assert.deepEqual([response.status, await response.text()], [200, text]);
      assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    }
  });

  it("has nothing else, and counts nothing for whoever asks for that", async () => {
    const port = await freePort();
    await serveMetrics(port, () => assert.fail("nobody asked"));
    for (const [method, path] of [
      ["POST", "/"],
      ["GET", "/index.html"],
      ["GET", "/metrics/"],
      ["GET", "/metrics?x"],
      ["GET", "//metrics"],
      ["POST", "/metrics"],
      ["HEAD", "/metrics"],
    ] as const) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
      assert.equal(response.status, 404, `${method} ${path}`);
      assert.equal(
        await response.text(),
        method === "HEAD" ? "" : "GET /metrics, or GET / for a page of them\n",
      );
    }
  });

  it("listens on 127.0.0.1 alone", async () => {
    const port = await freePort();
    await serveMetrics(port, () => "");
    assert.equal(await canConnect(port, "127.0.0.1"), true);
    for (const host of ["127.0.0.2", "::1"]) assert.equal(await canConnect(port, host), false, host);
  });

  it("fails with the system's code where another one has the port", async () => {
    const port = await freePort();
    await serveMetrics(port, () => "");
    await assert.rejects(
      serveMetrics(port, () => ""),
      { code: "EADDRINUSE" },
    );
  });
});
