// `--metrics-port`: what Prometheus asks for, on the loopback only.

import { createServer } from "node:http";

/** Serves the text at GET /metrics on 127.0.0.1. Throws the system's error where the port cannot be had. */
export function serveMetrics(port: number, text: () => string): Promise<void> {
  const server = createServer((request, response) => {
    const isAsked = request.method === "GET" && request.url === "/metrics";
    response.writeHead(isAsked ? 200 : 404, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
    response.end(isAsked ? text() : "GET /metrics\n");
  });
  // Prometheus' connections keep no relay alive that has ended otherwise.
  server.unref();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
}
