// Ports of this machine's loopback.

import { connect, createServer } from "node:net";

const loopback = "127.0.0.1";

/** Returns a port that is free at this moment. */
export function freePort(): Promise<number> {
  return listenOnce(0);
}

/** Returns whether this port is free. */
export async function isFree(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    () => false,
  );
}

/** Returns whether this port accepts connections. */
export function canConnect(port: number, host = loopback): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, loopback, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : port));
    });
  });
}
