// `--metrics-port`: Prometheus' metrics, and the same as a page for a person, on the loopback only.

import { createServer } from "node:http";
import { metricsPage, metricsPageHeaders } from "./metrics-page.ts";

const metricsHeaders = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };

/**
 * Serves the text at GET /metrics and a page that shows it at GET / on 127.0.0.1.
 * @throws the system's error if it cannot listen on the port
 */
export function serveMetrics(port: number, text: () => string): Promise<void> {
  const server = createServer(({ method, url }, response) => {
    const path = method === "GET" ? url : undefined;
    if (path === "/") response.writeHead(200, metricsPageHeaders).end(metricsPage);
    else if (path === "/metrics") response.writeHead(200, metricsHeaders).end(text());
    else response.writeHead(404, metricsHeaders).end("GET /metrics, or GET / for a page of them\n");
  });
  // Connections of Prometheus must not keep a relay alive that has ended.
  server.unref();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
}
