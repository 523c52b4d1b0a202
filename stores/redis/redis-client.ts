// A server of Redis or Valkey, asked for sessions by GET.
//
// Many sessions are GETs of one key each that leave in one write. One MGET would save a few bytes a key; but a server
// in cluster mode, ElastiCache Serverless among them, takes no MGET of keys that lie in several slots, even where all
// slots are its own, and an MGET hides that a key is not a session's at all.
//
// A server of a Redis Cluster says of a key that is another's where it lies ("MOVED"): there it is asked for again. One
// step is enough, as each server knows where all keys are; where it is not, the cluster is in motion, and does not tell.
//
// On a new connection AUTH and SELECT go ahead of the first GETs in the same write. The replies come in this order: a
// GET's is used only after those of AUTH and SELECT were "OK".

import { connect as openSocket, type Socket } from "node:net";
import { type StoredValue, StoreError } from "../../inspector/session-store.ts";
import type { NodeClient } from "../nodes.ts";
import type { Node } from "../placement/placement.ts";
import { BadReplyError } from "../replies.ts";
import { connectVerified, isUntrusted } from "../verified-tls.ts";
import { type Moved, RedisReplies, type RedisReply } from "./redis-replies.ts";

/** Redis advises against clusters of more servers, replicas included, than twice this. */
const maxShards = 500;

/** How the servers of one site are spoken to: all in the same way. */
export interface RedisAccess {
  readonly isEncrypted: boolean;
  /** PEM of the one authority that is trusted; those that Node trusts unless given. */
  readonly authority?: Buffer;
  readonly database: number;
  /** Of Redis' access control list; Redis' own "default" unless given. */
  readonly user?: string;
  /** There is no AUTH where it is not given. */
  readonly password?: () => string;
}

/** A GET whose reply has not come. */
interface Waiting {
  readonly key: string;
  readonly resolve: (stored: StoredValue | null | Promise<StoredValue | null>) => void;
  readonly reject: (error: StoreError) => void;
}

/** Gives the client of one node; with TLS, its certificate must be for this host and of an authority that is trusted. */
export function connectRedis(node: Node, access: RedisAccess): NodeClient {
  const others = new Map<string, RedisClient>();
  const follow: Follow = async ({ host, port }, key) => {
    const other = { host: host === "" ? node.host : host, port };
    const name = `${other.host}:${port}`;
    const client = others.get(name) ?? open(other, access);
    others.set(name, client);
    if (others.size > maxShards) throw new StoreError("store-refused");
    return (await client.getEach([key]))[0] ?? null;
  };
  const first = open(node, access, follow);
  return {
    getEach: (keys) => first.getEach(keys),
    end() {
      for (const client of [first, ...others.values()]) client.end();
    },
  };
}

/** Gives the value of a key that another server has. */
type Follow = (to: Moved, key: string) => Promise<StoredValue | null>;

function open({ host, port }: Moved, access: RedisAccess, follow?: Follow): RedisClient {
  if (!access.isEncrypted) return new RedisClient(openSocket({ host, port }), "connect", access, follow);
  const socket = connectVerified(host, port, access.authority);
  return new RedisClient(socket, "secureConnect", access, follow);
}

class RedisClient implements NodeClient {
  readonly #socket: Socket;
  readonly #follow: Follow | undefined;
  readonly #replies = new RedisReplies();
  /** In the order of their commands, which is that of the replies. */
  #waiting: Waiting[] = [];
  /** How many of AUTH and SELECT have had no reply: theirs come first. */
  #greetings = 0;
  /** What waits for the connection: no password and no key leaves before the certificate was verified. */
  #unsent: Buffer[] | undefined = [];
  #failure: StoreError | undefined;

  /** Without `follow` a key that lies elsewhere is refused. */
  constructor(socket: Socket, isReady: "connect" | "secureConnect", access: RedisAccess, follow?: Follow) {
    this.#socket = socket;
    this.#follow = follow;
    socket.setNoDelay(true);
    socket.once(isReady, () => this.#greet(access));
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", () => this.#fail(isUntrusted(socket) ? "store-untrusted" : "store-unreachable"));
    socket.once("close", () => this.#fail("store-unreachable"));
  }

  getEach(keys: readonly string[]): Promise<(StoredValue | null)[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const gets = Buffer.concat(keys.map((key) => command("GET", key)));
    if (this.#unsent === undefined) this.#socket.write(gets);
    else this.#unsent.push(gets);
    return Promise.all(
      keys.map(
        (key) =>
          new Promise<StoredValue | null>((resolve, reject) => {
            this.#waiting.push({ key, resolve, reject });
          }),
      ),
    );
  }

  end(): void {
    this.#fail("store-unreachable");
  }

  #greet({ user, password, database }: RedisAccess): void {
    const greeting: Buffer[] = [];
    if (password !== undefined) {
      greeting.push(command("AUTH", ...(user === undefined ? [] : [user]), password()));
    }
    if (database !== 0) greeting.push(command("SELECT", String(database)));
    this.#greetings = greeting.length;
    this.#socket.write(Buffer.concat([...greeting, ...(this.#unsent ?? [])]));
    this.#unsent = undefined;
  }

  #read(chunk: Buffer): void {
    try {
      for (const reply of this.#replies.read(chunk)) this.#settle(reply);
    } catch (error) {
      this.#fail(error instanceof StoreError ? error.fault : "store-unreachable");
    }
  }

  /** @throws BadReplyError, StoreError */
  #settle(reply: RedisReply): void {
    if (reply === "error") throw new StoreError("store-refused");
    if (reply === "ok" && this.#greetings > 0) {
      this.#greetings--;
      return;
    }
    const get = this.#waiting.shift();
    const isOfGet = reply !== "ok" && this.#greetings === 0 && this.#unsent === undefined;
    // A reply to nothing, or to another command: from here on no reply can be trusted.
    if (get === undefined || !isOfGet) {
      get?.reject(new StoreError("store-unreachable"));
      throw new BadReplyError();
    }
    const isElsewhere = reply !== null && "port" in reply;
    get.resolve(isElsewhere ? this.#look(reply, get.key) : reply && { bytes: reply, flags: 0 });
  }

  async #look(moved: Moved, key: string): Promise<StoredValue | null> {
    if (this.#follow === undefined) throw new StoreError("store-refused");
    return this.#follow(moved, key);
  }

  #fail(fault: StoreError["fault"]): void {
    if (this.#failure !== undefined) return;
    this.#failure = new StoreError(fault);
    this.#socket.destroy();
    for (const { reject } of this.#waiting) reject(this.#failure);
    this.#waiting = [];
  }
}

/** As Redis takes it: an array of strings, each behind its length, so that no key can end its own command. */
function command(...words: readonly string[]): Buffer {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join("")}`);
}
