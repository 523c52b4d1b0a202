// Ports of this machine's loopback.

import { connect, createServer } from "node:net";

const loopback = "127.0.0.1";

/** Below the ports that Linux gives to outgoing connections (32768 on), which could take one before its server does. */
const firstPort = 15_000;
const portCount = 17_000;
const returned = new Set<number>();

/** Returns a port that is free at this moment, and that this process has not returned before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = firstPort + Math.floor(Math.random() * portCount);
    if (returned.has(port) || !(await isFree(port))) continue;
    returned.add(port);
    return port;
  }
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

function listenOnce(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, loopback, () => server.close(() => resolve()));
  });
}
