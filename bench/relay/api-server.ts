// A stand-in for API Gateway in a process of its own: HTTPS, and a verdict after so many milliseconds.
// usage: api-server.ts DIRECTORY DELAY_MS   ; cert.pem and key.pem lie in the directory; its port goes to stdout

import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

const [directory = "", delay = "0"] = process.argv.slice(2);
const delayMs = Number(delay);
const verdict = (body: string) =>
  JSON.stringify({
    allow: body.includes('"password":"good'),
    nonce: /"nonce":"([^"]+)"/.exec(body)?.[1],
  });

const server = createServer(
  {
    cert: readFileSync(join(directory, "cert.pem")),
    key: readFileSync(join(directory, "key.pem")),
    keepAliveTimeout: 600_000,
  },
  (request, response) => {
    let body = "";
    request.setEncoding("latin1").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      const answer = () => {
        const text = verdict(body);
        response.writeHead(200, { "content-type": "application/json", "content-length": text.length });
        response.end(text);
      };
      if (delayMs === 0) answer();
      else setTimeout(answer, delayMs);
    });
  },
);
server.listen(0, "127.0.0.1", 4096, () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
