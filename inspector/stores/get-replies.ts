// The replies to memcached's text `get` of one key each, from bytes as they come.
//
//   reply = [ value ] "END" CRLF
//   value = "VALUE" SP key SP flags SP bytes CRLF data CRLF     ; data: so many bytes, of any kind
//
// Whatever else a node says ("ERROR", "CLIENT_ERROR ...", "SERVER_ERROR ...", words of a proxy) is no reply: it
// cannot be told which question it belongs to.
//
// Source: memcached doc/protocol.txt, "Retrieval command" and "Error strings".

import { maxSessionBytes } from "../php/limits.ts";
import type { StoredValue } from "../session-store.ts";

/** "VALUE ", a key of 250 bytes, flags and a length of ten digits each, three blanks and the line's end. */
const maxLineBytes = 290;

const valueLine = /^VALUE ([!-~]{1,250}) ([0-9]{1,10}) ([0-9]{1,10})\r\n$/;

export type GetReply = (StoredValue & { readonly key: string }) | null;

/** The node said what is no reply to a get. */
export class BadReplyError extends Error {}

/** A value whose "END" has not come. */
interface Incoming {
  readonly key: string;
  readonly flags: number;
  readonly bytes: Buffer;
  filled: number;
  /** Bytes of the data still to come, those that are not kept among them. */
  left: number;
  /** Whether the line's end behind the data has come. */
  isWhole: boolean;
}

export class GetReplies {
  #line = Buffer.alloc(0);
  #value: Incoming | undefined;

  /**
   * Gives the replies that this chunk completes, null for a key that the node does not have. Of a value above the
   * decoder's limit it keeps one byte past it: enough for the decoder to see that the session is too large.
   * @throws BadReplyError
   */
  read(chunk: Buffer): GetReply[] {
    const replies: GetReply[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#value !== undefined && this.#value.left > 0) {
        at += take(this.#value, chunk.subarray(at));
        continue;
      }
      const newline = chunk.indexOf(0x0a, at);
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
  #readLine(line: string): GetReply | undefined {
    const value = this.#value;
    if (value !== undefined && !value.isWhole) {
      if (line !== "\r\n") throw new BadReplyError();
      value.isWhole = true;
      return undefined;
    }
    if (line === "END\r\n") {
      this.#value = undefined;
      return value === undefined ? null : { key: value.key, bytes: value.bytes, flags: value.flags };
    }
    const [, key, flags, length] = valueLine.exec(line) ?? [];
    if (key === undefined || value !== undefined || Number(flags) >= 2 ** 32) throw new BadReplyError();
    const bytes = Buffer.alloc(Math.min(Number(length), maxSessionBytes + 1));
    this.#value = { key, flags: Number(flags), bytes, filled: 0, left: Number(length), isWhole: false };
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
