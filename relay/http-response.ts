// Bytes -> response: the part of HTTP/1.1 that API Gateway speaks with a client which sends no other method than
// POST, asks for no upgrade and accepts no coding. Anything else is an error, and the connection is closed.
//
//   response    = *interim status-line *field CRLF body
//   interim     = status-line *field CRLF                                   ; 1xx but 101: skipped
//   status-line = "HTTP/1." ( "0" / "1" ) SP %x31-35 2DIGIT [ SP text ] CRLF
//   field       = 1*tchar ":" OWS text OWS CRLF                             ; no folding
//   text        = *( %x01-09 / %x0B-0C / %x0E-FF )                          ; no CR, LF or NUL
//   body        = nothing, of 204 and 304 / content-length OCTETs / chunked / until the end of the connection
//   chunked     = *( 1*8HEXDIG [ ext ] CRLF 1*OCTET CRLF ) 1*8"0" [ ext ] CRLF *field CRLF
//   ext         = OWS ";" text
//
// Source: RFC 9112, sections 4 to 7. A response that gives its length twice or in two ways is refused, which
// section 6.3 allows: it is how one response is smuggled into another.

/** In bytes: a response with all that stands around its body. API Gateway's pages are as short as our answers. */
export const maxResponseBytes = 65_536;
/** In bytes: the status line and the header fields of one response. */
export const maxHeadBytes = 16_384;
/** In bytes. */
export const maxBodyBytes = 16_384;

export interface HttpResponse {
  readonly status: number;
  readonly body: string;
  /** Whether the connection may carry another exchange. */
  readonly isPersistent: boolean;
  /** The text of Retry-After, if it came. */
  readonly retryAfter?: string;
  /** The text of Date, if it came. */
  readonly date?: string;
}

/** The bytes are not in the grammar above. `detail` names the rule that they break, and holds none of them. */
export class HttpSyntaxError extends Error {
  readonly detail: string;

  constructor(detail: string) {
    super(`not HTTP/1.1: ${detail}`);
    this.name = "HttpSyntaxError";
    this.detail = detail;
  }
}

interface Head {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
  readonly isPersistent: boolean;
}

/**
 * Puts one response together from chunks of any size. Holds at most 64 KB and what came with the last chunk. What cannot
 * become a response any more is refused at once: its sender may keep the connection open and say nothing else.
 */
export class ResponseReader {
  #bytes: Buffer = Buffer.alloc(0);
  /** Offset of the first unparsed byte, so that a response that arrives in many chunks is parsed once. */
  #at = 0;
  /** Offset of the first line of an unfinished head or trailer that has not been checked as a whole. */
  #uncheckedAt = 0;
  #head: Head | undefined;
  /** Where in the bytes the chunks so far are, and how long they are together. */
  readonly #chunks: { readonly start: number; readonly end: number }[] = [];
  #chunkedBytes = 0;

  /** Returns the response once it is whole, and then may not be used again. @throws HttpSyntaxError */
  push(chunk: Buffer): HttpResponse | undefined {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    if (this.#bytes.length > maxResponseBytes) throw new HttpSyntaxError("response too large");
    return this.#read(false);
  }

  /** Returns the response that the end of the connection completes, if it does. @throws HttpSyntaxError */
  end(): HttpResponse | undefined {
    return this.#read(true);
  }

  #read(isEnd: boolean): HttpResponse | undefined {
    this.#head ??= this.#readHead();
    if (this.#head === undefined) return undefined;
    const { status, fields } = this.#head;
    // A body that comes all the same must not be taken for the next response.
    if (status === 204 || status === 304) return { ...this.#complete("", this.#at), isPersistent: false };
    const length = fields.get("content-length");
    if (fields.has("transfer-encoding")) return this.#readChunks();
    const start = this.#at;
    if (length === undefined) {
      if (this.#bytes.length - start > maxBodyBytes) throw new HttpSyntaxError("body too large");
      return isEnd ? this.#complete(this.#bytes.toString("utf8", start), this.#bytes.length) : undefined;
    }
    if (!/^\d{1,9}$/.test(length)) throw new HttpSyntaxError("content-length");
    const end = start + Number(length);
    if (end - start > maxBodyBytes) throw new HttpSyntaxError("body too large");
    return this.#bytes.length < end
      ? undefined
      : this.#complete(this.#bytes.toString("utf8", start, end), end);
  }

  /** Returns the head of the final response, or undefined while it is not there as a whole. */
  #readHead(): Head | undefined {
    for (;;) {
      const end = this.#bytes.indexOf("\r\n\r\n", this.#at, "latin1");
      // Do not count a partial CRLFCRLF towards the size of the head.
      const length = (end < 0 ? this.#bytes.length - 3 : end) - this.#at;
      if (length > maxHeadBytes) throw new HttpSyntaxError("head too large");
      if (end < 0) {
        this.#checkUnfinishedLines(this.#at);
        return undefined;
      }
      const head = parseHead(this.#bytes.toString("latin1", this.#at, end));
      this.#at = end + 4;
      if (head.status >= 200) return head;
    }
  }

  /**
   * Checks the lines of an unfinished head or trailer, and what is there of the last one. `start`: where a status line
   * stands, if there is one.
   */
  #checkUnfinishedLines(start: number | undefined): void {
    for (let at = Math.max(this.#uncheckedAt, this.#at); ; ) {
      const end = this.#bytes.indexOf("\r\n", at, "latin1");
      const line = this.#bytes.toString("latin1", at, end < 0 ? undefined : end);
      const isStatusLine = at === start;
      if (isStatusLine && !(end < 0 ? isStatusLineBegun(line) : statusLine.test(line))) {
        throw new HttpSyntaxError("status line");
      }
      if (!isStatusLine && !(end < 0 ? fieldLineBegun : fieldLine).test(line)) {
        throw new HttpSyntaxError("header field");
      }
      this.#uncheckedAt = at;
      if (end < 0) return;
      at = end + 2;
    }
  }

  /** Returns the response once its last chunk and the fields after that one are there. */
  #readChunks(): HttpResponse | undefined {
    const bytes = this.#bytes;
    for (;;) {
      const lineEnd = bytes.indexOf("\r\n", this.#at, "latin1");
      if (lineEnd < 0) {
        if (!chunkSizeBegun.test(bytes.toString("latin1", this.#at))) throw new HttpSyntaxError("chunk size");
        return undefined;
      }
      const length = parseChunkSize(bytes.toString("latin1", this.#at, lineEnd));
      if (this.#chunkedBytes + length > maxBodyBytes) throw new HttpSyntaxError("body too large");
      const start = lineEnd + 2;
      const end = start + length;
      if (length === 0) {
        const trailerEnd = endOfTrailer(bytes, start);
        if (trailerEnd !== undefined) return this.#complete(this.#chunkedBody(), trailerEnd);
        this.#uncheckedAt = Math.max(this.#uncheckedAt, start);
        this.#checkUnfinishedLines(undefined);
        return undefined;
      }
      if (bytes.length > end && bytes[end] !== 0x0d) throw new HttpSyntaxError("chunk");
      if (bytes.length < end + 2) return undefined;
      if (bytes[end + 1] !== 0x0a) throw new HttpSyntaxError("chunk");
      this.#chunks.push({ start, end });
      this.#chunkedBytes += length;
      this.#at = end + 2;
    }
  }

  #chunkedBody(): string {
    return Buffer.concat(this.#chunks.map(({ start, end }) => this.#bytes.subarray(start, end))).toString();
  }

  #complete(body: string, end: number): HttpResponse {
    const { status, fields, isPersistent } = this.#head as Head;
    const retryAfter = fields.get("retry-after");
    const date = fields.get("date");
    return {
      status,
      body,
      // Bytes after the response answer no question: such a connection is not trusted again.
      isPersistent: isPersistent && end === this.#bytes.length && hasLength(fields),
      ...(retryAfter !== undefined && { retryAfter }),
      ...(date !== undefined && { date }),
    };
  }
}

function hasLength(fields: ReadonlyMap<string, string>): boolean {
  return fields.has("content-length") || fields.has("transfer-encoding");
}

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [^\r\n\0]*)?$/;
// The white space around the value is removed by hand: a regular expression for it would take quadratic time.
const fieldLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([^\r\n\0]*)$/;

// What may become such a line, or a chunk's size, once the rest of it is there.
const aStatusLine = "HTTP/1.1 200";
const fieldLineBegun = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]*|[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\r\n\0]*)\r?$/;
const chunkSizeBegun = /^(?:[0-9A-Fa-f]{1,8}(?:\r|[ \t]*|[ \t]*;[^\r\n\0]*\r?))?$/;

/** Returns whether a text without a line's end may become a status line. */
function isStatusLineBegun(text: string): boolean {
  // Completed by the rest of some status line.
  return statusLine.test(text.replace(/\r$/, "") + aStatusLine.slice(text.length));
}

/** Returns the head of one response, an interim one too: its lines without the empty one. */
function parseHead(text: string): Head {
  const [first = "", ...lines] = text.split("\r\n");
  const line = statusLine.exec(first);
  if (line === null) throw new HttpSyntaxError("status line");
  const status = Number(line[2]);
  // No upgrade was asked for, so 101 would be a response to something else.
  if (status === 101) throw new HttpSyntaxError("status line");
  const fields = readFields(lines);
  const connection = fields.get("connection")?.toLowerCase();
  return { status, fields, isPersistent: line[1] === "1" && !connection?.includes("close") };
}

function readFields(lines: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const field = fieldLine.exec(line);
    if (field === null) throw new HttpSyntaxError("header field");
    const name = (field[1] as string).toLowerCase();
    const isFraming = name === "content-length" || name === "transfer-encoding";
    if (isFraming && fields.has(name)) throw new HttpSyntaxError(`two of ${name}`);
    const value = withoutWhiteSpace(field[2] as string);
    // A list may come in several fields (RFC 9110, 5.3): a "close" in the first of two counts as well.
    fields.set(name, fields.has(name) ? `${fields.get(name)}, ${value}` : value);
  }
  const coding = fields.get("transfer-encoding");
  if (coding !== undefined && (coding.toLowerCase() !== "chunked" || fields.has("content-length"))) {
    throw new HttpSyntaxError("transfer-encoding");
  }
  return fields;
}

/** OWS of RFC 9110, 5.6.3, at both ends. */
function withoutWhiteSpace(value: string): string {
  let start = 0;
  let end = value.length;
  while (isWhiteSpace(value[start])) start++;
  while (end > start && isWhiteSpace(value[end - 1])) end--;
  return value.slice(start, end);
}

function isWhiteSpace(char: string | undefined): boolean {
  return char === " " || char === "\t";
}

function parseChunkSize(line: string): number {
  const size = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\r\n\0]*)?$/.exec(line);
  if (size === null) throw new HttpSyntaxError("chunk size");
  return Number.parseInt(size[1] as string, 16);
}

/** Returns where the trailer ends, or undefined while it is not whole. Its fields are checked and ignored. */
function endOfTrailer(bytes: Buffer, start: number): number | undefined {
  if (bytes.length >= start + 2 && bytes.readUInt16BE(start) === 0x0d0a) return start + 2;
  const end = bytes.indexOf("\r\n\r\n", start, "latin1");
  if (end < 0) return undefined;
  readFields(bytes.toString("latin1", start, end).split("\r\n"));
  return end + 4;
}
