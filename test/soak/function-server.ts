// The built functions behind HTTP, as API Gateway has them but for its signatures: POST /auth and POST /logins.
// usage: function-server.ts AUTH_HANDLER LOGINS_HANDLER   ; its port goes to stdout, the function's log to stderr

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

// The functions log to stdout, which has the port alone.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (() => true) as typeof process.stdout.write;

const [auth, logins] = await Promise.all(process.argv.slice(2).map((path) => import(path)));

const server = createServer((request, response) => {
  const { handler } = request.url === "/logins" ? logins : auth;
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", async () => {
    const event = { body: Buffer.concat(chunks).toString(), isBase64Encoded: false, requestContext: {} };
    const { statusCode, headers, body } = await handler(event);
    response.writeHead(statusCode, { ...headers, "content-length": Buffer.byteLength(body) });
    response.end(body);
  });
});
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => write(`port ${(server.address() as AddressInfo).port}\n`));
