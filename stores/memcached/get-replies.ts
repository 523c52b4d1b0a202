// The replies to memcached's text `get` of one key each, from bytes as they come.
//
//   reply = [ value ] "END" CRLF / error
//   value = "VALUE" SP key SP flags SP bytes CRLF data CRLF     ; data: as many bytes, of any kind
//   error = ( "ERROR" / "CLIENT_ERROR" / "SERVER_ERROR" ) [ SP text ] CRLF
//
// An error does not name its question, so it ends the connection, as does anything that is no such reply.
//
// Source: memcached doc/protocol.txt, "Retrieval command" and "Error strings".

import { type StoredValue, StoreError } from "../../inspector/session-store.ts";
import { BadReplyError, Replies } from "../replies.ts";

/** "VALUE ", a key of 250 bytes, flags and a length of ten digits each, three blanks and the line's end. */
const maxLineBytes = 290;

const errorLine = /^(ERROR|CLIENT_ERROR|SERVER_ERROR)(?: [^\r\n]*)?\r\n$/;

const valueLine = /^VALUE ([!-~]{1,250}) ([0-9]{1,10}) ([0-9]{1,10})\r\n$/;

/** Null for a key that the node does not have. */
export type GetReply = (StoredValue & { readonly key: string }) | null;

export class GetReplies extends Replies<GetReply> {
  /** The value whose "END" has not come. */
  #value: { readonly key: string; readonly flags: number; bytes?: Buffer } | undefined;

  constructor() {
    super(maxLineBytes);
  }

  protected override onLine(line: string): GetReply | undefined {
    const value = this.#value;
    if (line === "END\r\n") {
      this.#value = undefined;
      return value?.bytes === undefined ? null : { key: value.key, bytes: value.bytes, flags: value.flags };
    }
    const [, error] = errorLine.exec(line) ?? [];
    if (error !== undefined) throw new StoreError("store-refused", { detail: error as Uppercase<string> });
    const [, key, flags, length] = valueLine.exec(line) ?? [];
    if (key === undefined || value !== undefined || Number(flags) >= 2 ** 32) throw new BadReplyError();
    this.#value = { key, flags: Number(flags) };
    this.expectValue(Number(length));
    return undefined;
  }

  protected override onValue(bytes: Buffer): undefined {
    if (this.#value !== undefined) this.#value.bytes = bytes;
  }
}
