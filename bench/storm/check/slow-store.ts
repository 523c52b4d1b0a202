// Between the function and memcached: passes bytes on, and holds replies back for as long as it is told.

import { connect, createServer, type Socket } from "node:net";

export interface SlowStore {
  readonly port: number;
  /** Replies that come from now on are late by this. */
  delayMs: number;
  /** From a request to its reply, in milliseconds, for each so far. */
  readonly lookUpsMs: number[];
  stop(): void;
}

export function startSlowStore(memcachedPort: number): Promise<SlowStore> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const memcached = connect(memcachedPort, "127.0.0.1");
    let askedMs = 0;
    for (const socket of [client, memcached]) {
      sockets.add(socket);
      socket.setNoDelay(true).on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        memcached.destroy();
      });
    }
    client.on("data", (bytes) => {
      askedMs = performance.now();
      memcached.write(bytes);
    });
    memcached.on("data", (bytes) => {
      store.lookUpsMs.push(performance.now() - askedMs);
      if (store.delayMs === 0) client.write(bytes);
      else setTimeout(() => client.write(bytes), store.delayMs);
    });
  });
  const store = {
    port: 0,
    delayMs: 0,
    lookUpsMs: [] as number[],
    stop: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (typeof address === "object" && address !== null) store.port = address.port;
      resolve(store);
    });
  });
}
