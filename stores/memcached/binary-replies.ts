// The replies to memcached's binary GET, from bytes as they come, before memjs reads them: memjs checks little of a
// reply, and keeps whatever a server sends.
//
//   reply  = header [ flags ] [ value ]      ; flags and value where the status is "no error", else a text
//   header = magic opcode key-length extras-length data-type status body-length opaque cas
//            %x81  %x00   %x0000     %x04 / 0      %x00      2      4           4      8     ; bytes
//
// A value above the decoder's limit is shortened to one byte past it: enough for the decoder to see that the session is
// too large. Its other bytes are dropped as they come.
//
// Source: memcached doc/protocol-binary.txt, "Packet Structure", "Response Status" and "Get, Get Quietly, ...".

import { maxSessionBytes } from "../../inspector/session/limits.ts";
import { type StoreDetail, StoreError } from "../../inspector/session-store.ts";
import { BadReplyError } from "../replies.ts";

const headerBytes = 24;
const flagsBytes = 4;
/** The text of an error. */
const maxTextBytes = 1024;
/** A longer value would delay all gets after it. memcached's own limit is 1 MiB unless set. */
const maxValueBytes = 16 * 1024 * 1024;

const status = { noError: 0, notFound: 1 } as const;

/** By their status. */
const details: ReadonlyMap<number, StoreDetail> = new Map<number, StoreDetail>([
  [0x20, "authentication-required"],
  [0x81, "unknown-command"],
  [0x82, "out-of-memory"],
  [0x85, "busy"],
  [0x86, "busy"],
]);

/** The start of what a node says at its limit of connections, in the text protocol, before it closes the connection. */
const tooManyConnections = "ERROR Too many open connections".slice(0, headerBytes);

/** A reply whose end has not come. */
interface Incoming {
  /** The header and as much of the body as is kept. */
  readonly bytes: Buffer;
  filled: number;
  /** Bytes that are dropped once `bytes` are filled. */
  dropped: number;
}

export class BinaryReplies {
  readonly #nextOpaque: () => number | undefined;
  #header = Buffer.alloc(0);
  #reply: Incoming | undefined;

  /** @param nextOpaque returns the number of the get that is answered next, each once */
  constructor(nextOpaque: () => number | undefined) {
    this.#nextOpaque = nextOpaque;
  }

  /**
   * Returns the replies that this chunk completes, each from its header to its end.
   * @throws BadReplyError where it is no reply to the next get
   * @throws StoreError where it is an error, or its value is longer than any session
   */
  read(chunk: Buffer): Buffer[] {
    const replies: Buffer[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#reply === undefined) {
        const taken = chunk.subarray(at, at + headerBytes - this.#header.length);
        this.#header = Buffer.concat([this.#header, taken]);
        at += taken.length;
        this.#checkStart();
        if (this.#header.length < headerBytes) break;
        this.#reply = this.#begin(this.#header);
        this.#header = Buffer.alloc(0);
      }
      at += take(this.#reply, chunk.subarray(at));
      if (this.#reply.filled === this.#reply.bytes.length && this.#reply.dropped === 0) {
        replies.push(this.#reply.bytes);
        this.#reply = undefined;
      }
    }
    return replies;
  }

  /** A peer that speaks another protocol may send less than a header. */
  #checkStart(): void {
    if (this.#header[0] === 0x81) return;
    if (this.#header.toString("latin1") === tooManyConnections) {
      throw new StoreError("store-unreachable", { detail: "too-many-connections" });
    }
    throw new BadReplyError();
  }

  #begin(header: Buffer): Incoming {
    const opcode = header.readUInt8(1);
    const keyLength = header.readUInt16BE(2);
    const extrasLength = header.readUInt8(4);
    const dataType = header.readUInt8(5);
    const code = header.readUInt16BE(6);
    const bodyLength = header.readUInt32BE(8);
    const opaque = header.readUInt32BE(12);
    const isValue = code === status.noError;
    if (
      opcode !== 0 ||
      keyLength !== 0 ||
      extrasLength !== (isValue ? flagsBytes : 0) ||
      dataType !== 0 ||
      bodyLength < extrasLength ||
      opaque !== this.#nextOpaque()
    ) {
      throw new BadReplyError();
    }
    if (!isValue && code !== status.notFound) {
      throw new StoreError("store-refused", { detail: details.get(code) ?? "unknown-status" });
    }
    if (!isValue && bodyLength > maxTextBytes) throw new BadReplyError();
    if (bodyLength - extrasLength > maxValueBytes) {
      throw new StoreError("store-unreachable", { detail: "value-too-long" });
    }
    const kept = Math.min(bodyLength, extrasLength + maxSessionBytes + 1);
    const bytes = Buffer.alloc(headerBytes + kept);
    header.copy(bytes);
    bytes.writeUInt32BE(kept, 8);
    return { bytes, filled: headerBytes, dropped: bodyLength - kept };
  }
}

/** Returns how many bytes of the chunk belong to this reply. */
function take(reply: Incoming, chunk: Buffer): number {
  const kept = chunk.copy(reply.bytes, reply.filled);
  reply.filled += kept;
  const dropped = Math.min(reply.dropped, chunk.length - kept);
  reply.dropped -= dropped;
  return kept + dropped;
}
