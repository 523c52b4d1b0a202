// A server of Redis or Valkey, asked for sessions by GET, or by HGET where each is a field of a hash.
//
// Many sessions are GETs of one key each that leave in one write. One MGET would save a few bytes a key; but a server
// in cluster mode, ElastiCache Serverless among them, takes no MGET of keys that lie in several slots, even where all
// slots are its own, and an MGET hides that a key is not a session's at all.
//
// A server of a Redis Cluster says of a key that is another's where it lies ("MOVED"): the store asks again there, if
// it is configured as a cluster and that server may be one of it. One step is enough, as each server knows where all
// keys are. If it is not enough, the cluster is moving its keys, and cannot answer.
//
// On a new connection AUTH and SELECT go ahead of the first GETs in the same write. The replies come in this order: a
// GET's is used only after those of AUTH and SELECT were "OK".

import { connect as openSocket, type Socket } from "node:net";
import { type StoredValue, StoreError } from "../../inspector/session-store.ts";
import type { NodeClient } from "../nodes.ts";
import type { Node } from "../placement/placement.ts";
import { BadReplyError, errorOfReply } from "../replies.ts";
import { connectionClosed, errorOfSocket } from "../socket-faults.ts";
import { connectVerified } from "../verified-tls.ts";
import { isOfCluster } from "./cluster.ts";
import { type Moved, type RedisErrorCode, RedisReplies, type RedisReply } from "./redis-replies.ts";

/** Redis advises against clusters of more than twice this many servers, replicas included. */
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
  /** The servers that are configured as a cluster's: with those of their domains, all that may be asked. */
  readonly cluster?: readonly Node[];
  /** The field of a hash that holds the session; without it the key's value is the session. */
  readonly field?: string;
}

/** A command whose reply has not come. */
interface Waiting {
  readonly key: string;
  /** TYPE is asked of a key that is no string, to tell the operator what it is. */
  readonly asked: "value" | "type";
  readonly resolve: (stored: StoredValue | null | Promise<StoredValue | null>) => void;
  readonly reject: (error: Error) => void;
}

/** Returns the client of one node. With TLS, its certificate must be for this host and of an authority that is trusted. */
export function connectRedis(node: Node, access: RedisAccess): NodeClient {
  const others = new Map<string, RedisClient>();
  const follow: Follow = async ({ host, port }, key) => {
    const other = { host: host === "" ? node.host : host, port };
    if (access.cluster === undefined) {
      throw new StoreError("store-refused", {
        detail: "the server is one of a cluster: add ?cluster=true to SESSION_STORE",
      });
    }
    if (!isOfCluster(other.host, access.cluster)) {
      throw new StoreError("store-refused", {
        detail: "the cluster named a host that is not in SESSION_STORE, nor in the domain of one that is",
      });
    }
    const name = `${other.host}:${port}`;
    const known = others.get(name);
    if (known === undefined && others.size === maxShards) {
      throw new StoreError("store-refused", { detail: "MOVED" });
    }
    const client = known === undefined || known.isOver ? open(other, access) : known;
    others.set(name, client);
    return (await client.getEach([key]))[0] ?? null;
  };
  const first = open(node, access, follow);
  return {
    get isOver() {
      return first.isOver;
    },
    getEach: (keys) => first.getEach(keys),
    end(reason) {
      for (const client of [first, ...others.values()]) client.end(reason);
    },
  };
}

/** Returns the value of a key that another server has. */
type Follow = (to: Moved, key: string) => Promise<StoredValue | null>;

function open({ host, port }: Moved, access: RedisAccess, follow?: Follow): RedisClient {
  if (!access.isEncrypted) return new RedisClient(openSocket({ host, port }), "connect", access, follow);
  const socket = connectVerified(host, port, access.authority);
  return new RedisClient(socket, "secureConnect", access, follow);
}

class RedisClient implements NodeClient {
  readonly #socket: Socket;
  readonly #access: RedisAccess;
  readonly #follow: Follow | undefined;
  readonly #replies = new RedisReplies();
  /** In the order of their commands, which is that of the replies. */
  #waiting: Waiting[] = [];
  /** How many of AUTH and SELECT have had no reply: theirs come first. */
  #greetings = 0;
  /** What waits for the connection: no password and no key leaves before the certificate was verified. */
  #unsent: Buffer[] | undefined = [];
  #failure: Error | undefined;

  /** Without `follow` a key that lies elsewhere is refused. */
  constructor(socket: Socket, isReady: "connect" | "secureConnect", access: RedisAccess, follow?: Follow) {
    this.#socket = socket;
    this.#access = access;
    this.#follow = follow;
    socket.setNoDelay(true);
    socket.once(isReady, () => this.#greet());
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.end(errorOfSocket(error, socket)));
    socket.once("close", () => this.end(connectionClosed()));
  }

  get isOver(): boolean {
    return this.#failure !== undefined;
  }

  getEach(keys: readonly string[]): Promise<(StoredValue | null)[]> {
    const { field } = this.#access;
    const ask = (key: string) => (field === undefined ? command("GET", key) : command("HGET", key, field));
    const gets = Buffer.concat(keys.map(ask));
    if (this.#unsent === undefined) this.#socket.write(gets);
    else this.#unsent.push(gets);
    return Promise.all(
      keys.map(
        (key) =>
          new Promise<StoredValue | null>((resolve, reject) => {
            this.#waiting.push({ key, asked: "value", resolve, reject });
          }),
      ),
    );
  }

  end(reason: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#socket.destroy();
    for (const { reject } of this.#waiting) reject(reason);
    this.#waiting = [];
  }

  #greet(): void {
    const { user, password, database } = this.#access;
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
      this.end(errorOfReply(error));
    }
  }

  /** @throws BadReplyError, StoreError */
  #settle(reply: RedisReply): void {
    const isWord = reply !== null && "word" in reply;
    const isError = reply !== null && "error" in reply;
    const [first] = this.#waiting;
    if (this.#greetings > 0 || first === undefined || this.#unsent !== undefined) {
      if (isError) throw new StoreError("store-refused", { detail: reply.error });
      if (!isWord || reply.word !== "OK" || this.#greetings === 0) throw new BadReplyError();
      this.#greetings--;
      return;
    }
    // A word in the place of a value, or the other way round: from here on no reply can be trusted.
    if (!isError && isWord !== (first.asked === "type")) throw new BadReplyError();
    this.#waiting.shift();
    if (isError) this.#refuse(first, reply.error);
    else if (isWord) first.reject(wrongType(reply.word));
    else if (reply !== null && "port" in reply) first.resolve(this.#look(reply, first.key));
    else first.resolve(reply && { bytes: reply, flags: 0 });
  }

  #refuse(command_: Waiting, code: RedisErrorCode): void {
    const isOfAnotherType = code === "WRONGTYPE";
    if (isOfAnotherType && this.#access.field !== undefined) {
      command_.reject(
        new StoreError("store-refused", { detail: "the key is no hash: SESSION_FIELD must not be set" }),
      );
    } else if (isOfAnotherType && command_.asked === "value") {
      this.#waiting.push({ ...command_, asked: "type" });
      this.#socket.write(command("TYPE", command_.key));
    } else {
      command_.reject(
        new StoreError("store-refused", { detail: command_.asked === "type" ? "WRONGTYPE" : code }),
      );
    }
  }

  async #look(moved: Moved, key: string): Promise<StoredValue | null> {
    if (this.#follow === undefined) throw new StoreError("store-refused", { detail: "MOVED" });
    return this.#follow(moved, key);
  }
}

/** Returns why a key of this type is no session. */
function wrongType(type: string): StoreError {
  const detail = type === "hash" ? "the key is a hash: set SESSION_FIELD" : "WRONGTYPE";
  return new StoreError("store-refused", { detail });
}

/** As Redis takes it: an array of strings, each after its length, so that no key can end its own command. */
function command(...words: readonly string[]): Buffer {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return Buffer.from(`*${words.length}\r\n${parts.join("")}`);
}
