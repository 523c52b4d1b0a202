// `--metrics-port`: Prometheus' metrics, on the loopback only.

import { createServer } from "node:http";

/** Serves the text at GET /metrics on 127.0.0.1. @throws the system's error if it cannot listen on the port */
export function serveMetrics(port: number, text: () => string): Promise<void> {
  const server = createServer((request, response) => {
    const isAsked = request.method === "GET" && request.url === "/metrics";
    response.writeHead(isAsked ? 200 : 404, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
    response.end(isAsked ? text() : "GET /metrics\n");
  });
  // Connections of Prometheus must not keep a relay alive that has ended.
  server.unref();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
}
