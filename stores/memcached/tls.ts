// A node of memcached with encryption in transit, asked in the text protocol over TLS: ElastiCache's clusters with TLS,
// and ElastiCache Serverless, which speaks no other protocol. memjs has neither TLS nor the text protocol.
//
// A multi-get is gets of one key each that leave in one write. One get of many keys would save a few bytes a key; but
// Serverless takes no get above 16 KB, and an answer to each get is what proves that none was lost.

import type { TLSSocket } from "node:tls";
import type { StoredValue } from "../../inspector/session-store.ts";
import type { NodeClient } from "../nodes.ts";
import type { Node } from "../placement/placement.ts";
import { BadReplyError, errorOfReply } from "../replies.ts";
import { connectionClosed, errorOfSocket } from "../socket-faults.ts";
import { connectVerified } from "../verified-tls.ts";
import { GetReplies } from "./get-replies.ts";

/** What a get can ask for: a blank or a line's end in a key would make another command of it. */
const sendableKey = /^[!-~]{1,250}$/;

/** A get whose reply has not come. */
interface Waiting {
  readonly key: string;
  readonly resolve: (stored: StoredValue | null) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Returns the client of one node, whose certificate must be for this host and of an authority that is trusted.
 * @param authority PEM of the one authority that is trusted; those that Node trusts unless given
 */
export function connectTls({ host, port }: Node, authority?: Buffer): NodeClient {
  return new TlsClient(connectVerified(host, port, authority));
}

class TlsClient implements NodeClient {
  readonly #socket: TLSSocket;
  readonly #replies = new GetReplies();
  /** In the order of their gets, which is that of the replies. */
  #waiting: Waiting[] = [];
  /** Until the handshake is over, the gets that wait for it: no key leaves before the certificate was verified. */
  #unsent: string | undefined = "";
  #failure: Error | undefined;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.once("secureConnect", () => {
      socket.write(this.#unsent ?? "");
      this.#unsent = undefined;
    });
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.end(errorOfSocket(error, socket)));
    socket.once("close", () => this.end(connectionClosed()));
  }

  get isOver(): boolean {
    return this.#failure !== undefined;
  }

  getEach(keys: readonly string[]): Promise<(StoredValue | null)[]> {
    let gets = "";
    const asked = keys.map((key) => {
      if (!sendableKey.test(key)) return null;
      gets += `get ${key}\r\n`;
      return new Promise<StoredValue | null>((resolve, reject) => {
        this.#waiting.push({ key, resolve, reject });
      });
    });
    if (this.#unsent === undefined) this.#socket.write(gets);
    else this.#unsent += gets;
    return Promise.all(asked);
  }

  end(reason: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#socket.destroy();
    for (const { reject } of this.#waiting) reject(reason);
    this.#waiting = [];
  }

  #read(chunk: Buffer): void {
    try {
      for (const reply of this.#replies.read(chunk)) {
        const [get] = this.#waiting;
        // A reply to nothing, or to another question: from here on no reply can be trusted.
        if (get === undefined || (reply !== null && reply.key !== get.key)) throw new BadReplyError();
        this.#waiting.shift();
        get.resolve(reply && { bytes: reply.bytes, flags: reply.flags });
      }
    } catch (error) {
      this.end(errorOfReply(error));
    }
  }
}
