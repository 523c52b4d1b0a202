// A node of memcached with encryption in transit, asked in the text protocol over TLS: ElastiCache's clusters with TLS,
// and ElastiCache Serverless, which speaks no other protocol. memjs has neither TLS nor the text protocol.
//
// A multi-get is gets of one key each that leave in one write. One get of many keys would save a few bytes a key; but
// Serverless takes no get above 16 KB, and an answer to each get is what proves that none was lost.

import type { TLSSocket } from "node:tls";
import { type StoredValue, StoreError } from "../../inspector/session-store.ts";
import type { NodeClient } from "../nodes.ts";
import type { Node } from "../placement/placement.ts";
import { BadReplyError } from "../replies.ts";
import { connectVerified, isUntrusted } from "../verified-tls.ts";
import { GetReplies } from "./get-replies.ts";

/** What a get can ask for: a blank or a line's end in a key would make another command of it. */
const sendableKey = /^[!-~]{1,250}$/;

/** A get whose reply has not come. */
interface Waiting {
  readonly key: string;
  readonly resolve: (stored: StoredValue | null) => void;
  readonly reject: (error: StoreError) => void;
}

/**
 * Gives the client of one node, whose certificate must be for this host and of an authority that is trusted.
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
  #failure: StoreError | undefined;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.once("secureConnect", () => {
      socket.write(this.#unsent ?? "");
      this.#unsent = undefined;
    });
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", () => this.#fail(isUntrusted(socket) ? "store-untrusted" : "store-unreachable"));
    socket.once("close", () => this.#fail("store-unreachable"));
  }

  getEach(keys: readonly string[]): Promise<(StoredValue | null)[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
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

  end(): void {
    this.#fail("store-unreachable");
  }

  #read(chunk: Buffer): void {
    try {
      for (const reply of this.#replies.read(chunk)) {
        const get = this.#waiting.shift();
        // A reply to nothing, or to another question: from here on no reply can be trusted.
        if (get === undefined || (reply !== null && reply.key !== get.key)) {
          get?.reject(new StoreError("store-unreachable"));
          throw new BadReplyError();
        }
        get.resolve(reply && { bytes: reply.bytes, flags: reply.flags });
      }
    } catch {
      this.end();
    }
  }

  #fail(fault: StoreError["fault"]): void {
    if (this.#failure !== undefined) return;
    this.#failure = new StoreError(fault);
    this.#socket.destroy();
    for (const { reject } of this.#waiting) reject(this.#failure);
    this.#waiting = [];
  }
}
