// A node of plain memcached, asked by memjs in the binary protocol.
//
// A multi-get is gets that leave in one write. memcached's quiet gets (GETQ) would save the answers to misses, 33 bytes
// each; but memjs would wait for them for good, and an answer to each get is what proves that none was lost.
//
// memjs may leave a promise unsettled, and a client that saw a stall or half an answer never recovers: it is of use
// because the store has deadlines of its own and throws such a client away.

import { Client, Server } from "memjs";
import { type StoredValue, StoreError } from "../../inspector/session-store.ts";
import type { NodeClient } from "../nodes.ts";
import type { Node } from "../placement/placement.ts";

/** memjs's own time-outs, in seconds: past every deadline of a store. */
const memjsTimeout = 60;

/** Gives the client of one node. */
export function connectPlain({ host, port }: Node): NodeClient {
  const server = new Server(host, port, "", "", { timeout: memjsTimeout, conntimeout: memjsTimeout });
  // Its own tries and its log are turned off.
  const client = new Client([server], { retries: 1, logger: { log() {} } });
  return {
    getEach(keys) {
      if (keys.length > 1) holdBackWrites(server);
      return Promise.all(keys.map((key) => get(client, key)));
    },
    end() {
      server.error(new StoreError("store-unreachable"));
    },
  };
}

/** The socket keeps back what is written on it until this turn is over; a new one's turn is when it is connected. */
function holdBackWrites(server: Server): void {
  server.sock(false, (socket) => {
    socket.cork();
    process.nextTick(() => socket.uncork());
  });
}

async function get(client: Client, key: string): Promise<StoredValue | null> {
  const { value, flags } = await client.get(key);
  return value && { bytes: value, flags: flags?.readUInt32BE() ?? 0 };
}
