// What memcached's and Redis' replies have in common, from bytes as they come: lines, and after a line that tells
// its length a value, of any bytes, with the end of a line after it.

import { maxSessionBytes } from "../inspector/session/limits.ts";
import { StoreError } from "../inspector/session-store.ts";

/** The server said what is no reply to any of our commands. */
export class BadReplyError extends Error {}

/** Returns the store's fault that an error while reading a reply means. Any other error is a fault of ours: itself. */
export function errorOfReply(error: unknown): Error {
  if (!(error instanceof BadReplyError)) return error as Error;
  return new StoreError("store-unreachable", { detail: "bad-reply", cause: error });
}

/** A value whose end has not come. */
interface Incoming {
  readonly bytes: Buffer;
  filled: number;
  /** Bytes of the data still to come, those that are not kept among them. */
  left: number;
}

export abstract class Replies<Reply> {
  readonly #maxLineBytes: number;
  #line = Buffer.alloc(0);
  #value: Incoming | undefined;

  protected constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /**
   * Returns the replies that this chunk completes. Of a value above the decoder's limit it keeps one byte past it:
   * enough for the decoder to see that the session is too large.
   * @throws BadReplyError
   */
  read(chunk: Buffer): Reply[] {
    const replies: Reply[] = [];
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
      if (this.#line.length > this.#maxLineBytes) throw new BadReplyError();
      if (newline === -1) break;
      const line = this.#line.toString("latin1");
      this.#line = Buffer.alloc(0);
      const reply = this.#endLine(line);
      if (reply !== undefined) replies.push(reply);
    }
    return replies;
  }

  #endLine(line: string): Reply | undefined {
    const value = this.#value;
    if (value === undefined) return this.onLine(line);
    if (line !== "\r\n") throw new BadReplyError();
    this.#value = undefined;
    return this.onValue(value.bytes);
  }

  /** To be called in `onLine`: a value of this many bytes comes next. */
  protected expectValue(length: number): void {
    this.#value = { bytes: Buffer.alloc(Math.min(length, maxSessionBytes + 1)), filled: 0, left: length };
  }

  /** Returns the reply that this line ends, or undefined if the reply goes on. Throws BadReplyError. */
  protected abstract onLine(line: string): Reply | undefined;

  /** Returns the reply that this value ends, or undefined if the reply goes on. */
  protected abstract onValue(bytes: Buffer): Reply | undefined;
}

/** Returns how many bytes of the chunk are this value's data. */
function take(value: Incoming, chunk: Buffer): number {
  const taken = Math.min(value.left, chunk.length);
  value.filled += chunk.copy(value.bytes, value.filled, 0, taken);
  value.left -= taken;
  return taken;
}
