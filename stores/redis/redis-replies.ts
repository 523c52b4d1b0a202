// Redis' replies to GET, HGET, TYPE, AUTH and SELECT, from bytes as they come.
//
//   reply = value / none / word / moved / error
//   value = "$" length CRLF data CRLF           ; data: so many bytes, of any kind
//   none  = "$-1" CRLF
//   word  = "+" 1*20( ALPHA / "-" ) CRLF        ; OK, or the type of a key
//   moved = "-MOVED" SP slot SP host ":" port CRLF   ; no host: that of the server which says so
//   error = "-" [ code SP ] text CRLF           ; the text can name the key: it goes no further
//
// Whatever else a server says is a reply to none of these commands.
//
// Source: Redis serialization protocol specification, RESP2; Redis cluster specification, "MOVED Redirection".

import { BadReplyError, Replies } from "../replies.ts";

/** Errors repeat a key or a command in part; those of Redis 7 stay far below this. */
const maxLineBytes = 1024;

const valueLine = /^\$([0-9]{1,10})\r\n$/;
const wordLine = /^\+([A-Za-z-]{1,20})\r\n$/;
const movedLine = /^-MOVED [0-9]{1,5} ([^\s]{0,253}):([0-9]{1,5})\r\n$/;
const errorLine = /^-([A-Z]*)[^\r\n]*\r\n$/;

/** Where a key lies that another server of a Redis Cluster has; an empty host is that of who says so. */
export interface Moved {
  readonly host: string;
  readonly port: number;
}

/** The codes of Redis' and Valkey's errors that these commands can meet. */
const errorCodes = [
  "ASK",
  "BUSY",
  "CLUSTERDOWN",
  "DENIED",
  "ERR",
  "LOADING",
  "MASTERDOWN",
  "MISCONF",
  "MOVED",
  "NOAUTH",
  "NOPERM",
  "OOM",
  "READONLY",
  "TRYAGAIN",
  "WRONGPASS",
  "WRONGTYPE",
] as const;

export type RedisErrorCode = (typeof errorCodes)[number];

/** The bytes of a value, null where there is none, or what a command got in place of one. */
export type RedisReply =
  | Buffer
  | null
  | { readonly word: string }
  | Moved
  /** ERR stands for a code that is not known, too. */
  | { readonly error: RedisErrorCode };

export class RedisReplies extends Replies<RedisReply> {
  constructor() {
    super(maxLineBytes);
  }

  protected override onLine(line: string): RedisReply | undefined {
    if (line === "$-1\r\n") return null;
    const [, word] = wordLine.exec(line) ?? [];
    if (word !== undefined) return { word };
    const [, host, port] = movedLine.exec(line) ?? [];
    if (host !== undefined && isPort(Number(port))) return { host, port: Number(port) };
    const [, code] = errorLine.exec(line) ?? [];
    if (code !== undefined) return { error: errorCodes.find((known) => known === code) ?? "ERR" };
    const [, length] = valueLine.exec(line) ?? [];
    if (length === undefined) throw new BadReplyError();
    this.expectValue(Number(length));
    return undefined;
  }

  protected override onValue(bytes: Buffer): RedisReply {
    return bytes;
  }
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535;
}
