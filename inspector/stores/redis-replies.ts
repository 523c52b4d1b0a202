// Redis' replies to GET, AUTH and SELECT, from bytes as they come.
//
//   reply = value / none / ok / moved / error
//   value = "$" length CRLF data CRLF           ; data: so many bytes, of any kind
//   none  = "$-1" CRLF
//   ok    = "+OK" CRLF
//   moved = "-MOVED" SP slot SP host ":" port CRLF   ; no host: that of the server which says so
//   error = "-" text CRLF                       ; the text can name the key: it goes no further
//
// Whatever else a server says is a reply to none of these commands.
//
// Source: Redis serialization protocol specification, RESP2; Redis cluster specification, "MOVED Redirection".

import { maxSessionBytes } from "../php/limits.ts";

/** Errors repeat a key or a command in part; those of Redis 7 stay far below this. */
const maxLineBytes = 1024;

const valueLine = /^\$([0-9]{1,10})\r\n$/;
const movedLine = /^-MOVED [0-9]{1,5} ([^\s]{0,253}):([0-9]{1,5})\r\n$/;
const errorLine = /^-[^\r\n]+\r\n$/;

/** Where a key lies that another server of a Redis Cluster has; an empty host is that of who says so. */
export interface Moved {
  readonly host: string;
  readonly port: number;
}

/** The bytes of a value, null where there is none, or what a command got in place of one. */
export type RedisReply = Buffer | null | "ok" | Moved | "error";

/** The server said what is no reply to any of our commands. */
export class BadReplyError extends Error {}

/** A value whose end has not come. */
interface Incoming {
  readonly bytes: Buffer;
  filled: number;
  /** Bytes of the data still to come, those that are not kept among them. */
  left: number;
}

export class RedisReplies {
  #line = Buffer.alloc(0);
  #value: Incoming | undefined;

  /**
   * Gives the replies that this chunk completes. Of a value above the decoder's limit it keeps one byte past it:
   * enough for the decoder to see that the session is too large.
   * @throws BadReplyError
   */
  read(chunk: Buffer): RedisReply[] {
    const replies: RedisReply[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#value !== undefined && this.#value.left > 0) {
        at += take(this.#value, chunk.subarray(at));
        continue;
      }
      const newline = chunk.indexOf("\n", at);
      const end = newline === -1 ? chunk.length : newline + 1;
      this.#line = Buffer.concat([this.#line, chunk.subarray(at, end)]);
      at = end;
      if (this.#line.length > maxLineBytes) throw new BadReplyError();
      if (newline === -1) break;
      const line = this.#line.toString("latin1");
      this.#line = Buffer.alloc(0);
      const reply = this.#readLine(line);
      if (reply !== undefined) replies.push(reply);
    }
    return replies;
  }

  /** Gives the reply that this line ends, or undefined where none ends here. */
  #readLine(line: string): RedisReply | undefined {
    const value = this.#value;
    if (value !== undefined) {
      if (line !== "\r\n") throw new BadReplyError();
      this.#value = undefined;
      return value.bytes;
    }
    if (line === "$-1\r\n") return null;
    if (line === "+OK\r\n") return "ok";
    const [, host, port] = movedLine.exec(line) ?? [];
    if (host !== undefined) return { host, port: Number(port) };
    if (errorLine.test(line)) return "error";
    const [, length] = valueLine.exec(line) ?? [];
    if (length === undefined) throw new BadReplyError();
    const bytes = Buffer.alloc(Math.min(Number(length), maxSessionBytes + 1));
    this.#value = { bytes, filled: 0, left: Number(length) };
    return undefined;
  }
}

/** Gives how many bytes of the chunk are this value's data. */
function take(value: Incoming, chunk: Buffer): number {
  const taken = Math.min(value.left, chunk.length);
  value.filled += chunk.copy(value.bytes, value.filled, 0, taken);
  value.left -= taken;
  return taken;
}
