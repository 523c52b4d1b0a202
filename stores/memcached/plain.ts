// A node of plain memcached, asked by memjs in the binary protocol.
//
// A multi-get is gets that leave in one write. memcached's quiet gets (GETQ) would save the answers to misses, 33 bytes
// each; but memjs would wait for them forever, and an answer to each get is what proves that none was lost.
//
// memjs leaves promises unsettled when a node closes the connection, joins what it has received with each further
// chunk, and checks neither magic, opcode nor length of a reply. So every reply is checked before memjs has it, memjs
// has whole replies only, and the end of the connection is told to it as an error.

import type { Socket } from "node:net";
import { Client, type Response, Server } from "memjs";
import type { StoredValue } from "../../inspector/session-store.ts";
import type { NodeClient } from "../nodes.ts";
import type { Node } from "../placement/placement.ts";
import { errorOfReply } from "../replies.ts";
import { connectionClosed, errorOfSocket } from "../socket-faults.ts";
import { BinaryReplies } from "./binary-replies.ts";

/** memjs's own time-outs, in seconds: past every deadline of a store, and past every pause of a frozen function. */
const memjsTimeout = 7 * 24 * 60 * 60;

/** Returns the client of one node. */
export function connectPlain({ host, port }: Node): NodeClient {
  const server = new CheckedServer(host, port);
  // memjs's own attempts and its log are turned off.
  const client = new Client([server], { retries: 1, logger: { log() {} } });
  return {
    get isOver() {
      return server.failure !== undefined;
    },
    async getEach(keys) {
      if (keys.length > 1) server.holdBackWrites();
      return Promise.all(keys.map((key) => get(client, key)));
    },
    end(reason) {
      server.error(reason);
    },
  };
}

class CheckedServer extends Server {
  /** Why this connection cannot be used again. */
  failure: Error | undefined;
  /** The numbers of the gets whose replies have not come, in their order. */
  readonly #asked: number[] = [];
  readonly #replies = new BinaryReplies(() => this.#asked.shift());
  #watched: Socket | undefined;

  constructor(host: string, port: number) {
    super(host, port, "", "", { timeout: memjsTimeout, conntimeout: memjsTimeout });
    // It would take them from variables of the environment.
    Object.assign(this, { username: undefined, password: undefined });
  }

  /** memjs calls it ahead of writing the get of this number. */
  override onResponse(opaque: number, callback: (response: Response) => void): void {
    this.#asked.push(opaque);
    super.onResponse(opaque, callback);
  }

  override responseHandler(chunk: Buffer): void {
    try {
      for (const reply of this.#replies.read(chunk)) super.responseHandler(reply);
    } catch (error) {
      this.error(errorOfReply(error));
    }
  }

  override sock(sasl: boolean, use: (socket: Socket) => void): void {
    super.sock(sasl, (socket) => {
      if (socket !== this.#watched) socket.once("close", () => this.error(connectionClosed()));
      this.#watched = socket;
      use(socket);
    });
  }

  /** Fails all gets that wait, and every further one. memjs calls it with each error of its socket. */
  override error(error: Error): void {
    this.failure ??= errorOfSocket(error);
    super.error(this.failure);
  }

  /** The socket keeps back what is written on it until this turn is over; a new one's turn is when it is connected. */
  holdBackWrites(): void {
    this.sock(false, (socket) => {
      socket.cork();
      process.nextTick(() => socket.uncork());
    });
  }
}

async function get(client: Client, key: string): Promise<StoredValue | null> {
  const { value, flags } = await client.get(key);
  return value && { bytes: value, flags: flags?.readUInt32BE() ?? 0 };
}
