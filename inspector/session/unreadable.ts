// The one error of every session decoder in this room.

/** Why a session cannot be read. A closed list: logs and metrics count these codes. */
export type UnreadableCode =
  /** More bytes than `maxSessionBytes`. */
  | "too-large"
  /** Nested deeper than `maxDepth`. */
  | "too-deep"
  /** More values than `maxValues`. */
  | "too-many-values"
  /** What it says again and again takes more than `maxSteps` to read. */
  | "too-costly"
  /** The bytes end before the value does. */
  | "truncated"
  /** A byte that the format does not allow there. */
  | "malformed"
  /** A variable's name that is not UTF-8 or holds a control byte: no site's, so it is not what it is taken for. */
  | "binary-name"
  /** The bytes are compressed or another format's than the configured one: see foreign.ts, variables.ts. */
  | "looks-like-gzip"
  | "looks-like-zlib"
  | "looks-like-zstd"
  | "looks-like-lz4"
  | "looks-like-magento"
  | "looks-like-igbinary"
  | "looks-like-msgpack"
  | "looks-like-php"
  | "looks-like-php_binary"
  | "looks-like-serialized"
  /** A reference to a value that does not exist or cannot be its target. */
  | "bad-reference"
  /** A reference whose target depends on what only the PHP application knows. */
  | "uncertain-reference"
  /** Flags beside the value that no PHP client sets on a session: see stored-value.ts. */
  | "unknown-flags"
  /** What the flags or SESSION_LAYERS call compressed cannot be decompressed, or has another length than it says. */
  | "bad-compression"
  /** It would become more than 64 KiB and more than 256 times as many bytes: see made-bytes.ts. */
  | "too-compressed"
  /** PHP's memcached client serialized an array, and the serialize handler is another than it did it by. */
  | "array-of-client"
  /** What should be encrypted is not, or by another key, or was changed since: see laravel.ts. */
  | "bad-encryption"
  /** The database may have changed the text's bytes: see stores/sql/row.ts. */
  | "uncertain-charset"
  /** The table has several rows with this id. */
  | "several-rows"
  /** Compressed by Zstandard, which this Node.js (before 22.15) cannot undo. */
  | "zstd-unsupported"
  /** Compressed by Snappy. */
  | "snappy-unsupported";

/**
 * The bytes are not a session that can be read with certainty. It carries the reason and the place, and never
 * a piece of the session: messages end up in logs, and a session holds secrets.
 */
export class UnreadableSessionError extends Error {
  override readonly name = "UnreadableSessionError";
  readonly code: UnreadableCode;
  /** Where reading stopped, in bytes from the start. */
  readonly offset: number;

  constructor(code: UnreadableCode, offset: number) {
    super(`the session cannot be read: ${code} at byte ${offset}`);
    this.code = code;
    this.offset = offset;
  }
}
