// A real server of TCP or TLS on a port of its own, which does with each request what a test says.

import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createSecureServer, type TLSSocket, type TlsOptions } from "node:tls";

/** Is told of each chunk that came; `connection` counts from 1. */
type OnRequest = (socket: Socket, request: string, connection: number) => void;

export interface Peer {
  readonly port: number;
  /** All that came, over all connections. */
  readonly received: string[];
  /** The connections in the order in which they came; with TLS those whose handshake was completed. */
  readonly sockets: Socket[];
  onRequest: OnRequest;
  stop(): Promise<void>;
}

/** A response with this body and what it takes for another exchange to follow. */
export function respond(body: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

/** Starts it on 127.0.0.1, or on another address and a port that is told. */
export async function startPeer(
  onRequest: OnRequest,
  options: { tls?: TlsOptions; host?: string; port?: number } = {},
): Promise<Peer> {
  const received: string[] = [];
  const sockets: Socket[] = [];
  const onConnection = (socket: Socket | TLSSocket) => {
    const connection = sockets.push(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received.push(chunk.toString("latin1"));
      peer.onRequest(socket, chunk.toString("latin1"), connection);
    });
  };
  const server: Server =
    options.tls === undefined ? createServer(onConnection) : createSecureServer(options.tls, onConnection);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, options.host ?? "127.0.0.1", resolve);
  });
  const peer: Peer = {
    port: (server.address() as AddressInfo).port,
    received,
    sockets,
    onRequest,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
  return peer;
}

/** Waits until it is so. Throws after half a minute: it comes at once, but on a machine that is busy. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  const endsAt = performance.now() + 30_000;
  while (performance.now() < endsAt) {
    if (isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`not within 30 seconds: ${what}`);
}
