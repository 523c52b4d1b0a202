// The service behind custom/example.ts: HTTPS on the loopback, a certificate of its own, sessions in memory.

import type { ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { makeCertificate } from "../real/certificate.ts";
import { temporaryDirectory } from "../real/directory.ts";
import type { StoreSite } from "./site.ts";

const password = "the-token-of-these-tests";

export default async function startSite(): Promise<StoreSite> {
  const { cert, key, certPath } = makeCertificate(temporaryDirectory());
  const kept = new Map<string, Uint8Array>();
  const sockets = new Set<Duplex>();
  const unanswered = new Set<ServerResponse>();
  let mode: "answers" | "hangs" | "fails" = "answers";
  let server: Server | undefined;
  let port = 0;

  const listen = async () => {
    server = createServer({ cert, key }, (asked, answer) => {
      const name = decodeURIComponent(asked.url?.slice("/v1/".length) ?? "");
      if (mode === "hangs") unanswered.add(answer);
      else if (mode === "fails") answer.writeHead(500).end("an error of the service's");
      else if (asked.headers.authorization !== `Bearer ${password}`) answer.writeHead(401).end();
      else {
        const value = kept.get(name);
        if (value === undefined) answer.writeHead(404).end("no such session");
        else answer.writeHead(200).end(value);
      }
    });
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server?.listen(port, "127.0.0.1", resolve));
    ({ port } = server.address() as AddressInfo);
  };
  const stop = async () => {
    const closed = new Promise((resolve) => server?.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  const during = async (other: typeof mode) => {
    mode = other;
    return () => {
      mode = "answers";
      for (const answer of unanswered) answer.destroy();
      unanswered.clear();
    };
  };

  await listen();
  return {
    settings: { url: `https://localhost:${port}/v1`, authority: certPath },
    password,
    async put(name, bytes) {
      kept.set(name, bytes);
    },
    async remove(name) {
      kept.delete(name);
    },
    stopServer: stop,
    startServer: listen,
    hang: () => during("hangs"),
    fail: () => during("fails"),
    end: stop,
  };
}
