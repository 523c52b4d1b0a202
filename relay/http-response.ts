// Bytes -> response: the part of HTTP/1.1 that API Gateway speaks with a client which sends no other method than
// POST, asks for no upgrade and accepts no coding. What is beyond it is an error, and the connection is given up.
//
//   response    = *interim status-line *field CRLF body
//   interim     = "HTTP/1.1 1" 2DIGIT *( %x20-7E ) CRLF *field CRLF        ; skipped
//   status-line = "HTTP/1." ( "0" / "1" ) SP 3DIGIT [ SP *OCTET ] CRLF
//   field       = name ":" OWS *OCTET OWS CRLF                              ; no folding
//   body        = content-length OCTETs / chunked / until the end of the connection
//   chunked     = *( 1*8HEXDIG *OCTET CRLF 1*OCTET CRLF ) 1*"0" *OCTET CRLF *field CRLF
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

/** The bytes are no response as the grammar above has it. `detail` says where they left it; it holds none of them. */
export class HttpBreach extends Error {
  readonly detail: string;

  constructor(detail: string) {
    super(`not HTTP/1.1: ${detail}`);
    this.name = "HttpBreach";
    this.detail = detail;
  }
}

interface Head {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
  readonly isPersistent: boolean;
  /** Where the body begins. */
  readonly end: number;
}

/** Puts one response together from chunks of any size. Holds at most 64 KB and what came with the last chunk. */
export class ResponseReader {
  #bytes: Buffer = Buffer.alloc(0);
  #head: Head | undefined;

  /** Gives the response once it is whole, and then may not be used again. Throws HttpBreach. */
  push(chunk: Buffer): HttpResponse | undefined {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    if (this.#bytes.length > maxResponseBytes) throw new HttpBreach("response too large");
    return this.#read(false);
  }

  /** Gives the response that the end of the connection completes, if it does. Throws HttpBreach. */
  end(): HttpResponse | undefined {
    return this.#read(true);
  }

  #read(isEnd: boolean): HttpResponse | undefined {
    this.#head ??= readHead(this.#bytes);
    if (this.#head === undefined) return undefined;
    const { fields, end: start } = this.#head;
    const length = fields.get("content-length");
    if (fields.has("transfer-encoding")) {
      const chunked = readChunked(this.#bytes, start);
      return chunked && this.#complete(chunked.body, chunked.end);
    }
    if (length === undefined) {
      if (this.#bytes.length - start > maxBodyBytes) throw new HttpBreach("body too large");
      return isEnd ? this.#complete(this.#bytes.toString("utf8", start), this.#bytes.length) : undefined;
    }
    if (!/^\d{1,9}$/.test(length)) throw new HttpBreach("content-length");
    const end = start + Number(length);
    if (end - start > maxBodyBytes) throw new HttpBreach("body too large");
    return this.#bytes.length < end
      ? undefined
      : this.#complete(this.#bytes.toString("utf8", start, end), end);
  }

  #complete(body: string, end: number): HttpResponse {
    const { status, fields, isPersistent } = this.#head as Head;
    const retryAfter = fields.get("retry-after");
    const date = fields.get("date");
    return {
      status,
      body,
      // Bytes behind the response answer nothing that was asked: such a connection is not trusted again.
      isPersistent: isPersistent && end === this.#bytes.length && hasLength(fields),
      ...(retryAfter !== undefined && { retryAfter }),
      ...(date !== undefined && { date }),
    };
  }
}

function hasLength(fields: ReadonlyMap<string, string>): boolean {
  return fields.has("content-length") || fields.has("transfer-encoding");
}

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [^\r\n]*)?$/;
// Without the white space around the value, for which a regular expression would look again from each of its places.
const fieldLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([^\r\n\0]*)$/;

/** Gives the head of the final response, or nothing where it is not there as a whole yet. */
function readHead(bytes: Buffer): Head | undefined {
  let start = 0;
  for (;;) {
    const end = bytes.indexOf("\r\n\r\n", start, "latin1");
    if (end < 0 ? bytes.length - start > maxHeadBytes : end - start > maxHeadBytes) {
      throw new HttpBreach("head too large");
    }
    if (end < 0) return undefined;
    const [first = "", ...lines] = bytes.toString("latin1", start, end).split("\r\n");
    const line = statusLine.exec(first);
    if (line === null) throw new HttpBreach("status line");
    const status = Number(line[2]);
    start = end + 4;
    // No upgrade was asked for, so 101 would be a response to something else.
    if (status === 101) throw new HttpBreach("status line");
    if (status < 200) continue;
    const fields = readFields(lines);
    const connection = fields.get("connection")?.toLowerCase();
    return { status, fields, isPersistent: line[1] === "1" && !connection?.includes("close"), end: start };
  }
}

function readFields(lines: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const field = fieldLine.exec(line);
    if (field === null) throw new HttpBreach("header field");
    const name = (field[1] as string).toLowerCase();
    const isFraming = name === "content-length" || name === "transfer-encoding";
    if (isFraming && fields.has(name)) throw new HttpBreach(`two of ${name}`);
    fields.set(name, withoutWhiteSpace(field[2] as string));
  }
  const coding = fields.get("transfer-encoding");
  if (coding !== undefined && (coding.toLowerCase() !== "chunked" || fields.has("content-length"))) {
    throw new HttpBreach("transfer-encoding");
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

/** Gives the body of the chunks and where they end, or nothing where the last one has not come yet. */
function readChunked(bytes: Buffer, start: number): { body: string; end: number } | undefined {
  const parts: Buffer[] = [];
  let length = 0;
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at, "latin1");
    if (lineEnd < 0) return undefined;
    const size = /^([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\r\n]*)?$/.exec(bytes.toString("latin1", at, lineEnd));
    if (size === null) throw new HttpBreach("chunk size");
    const chunkLength = Number.parseInt(size[1] as string, 16);
    length += chunkLength;
    if (length > maxBodyBytes) throw new HttpBreach("body too large");
    at = lineEnd + 2;
    if (chunkLength === 0) {
      const end = endOfTrailer(bytes, at);
      return end === undefined ? undefined : { body: Buffer.concat(parts).toString(), end };
    }
    if (bytes.length < at + chunkLength + 2) return undefined;
    parts.push(bytes.subarray(at, at + chunkLength));
    at += chunkLength;
    if (bytes.readUInt16BE(at) !== 0x0d0a) throw new HttpBreach("chunk");
    at += 2;
  }
}

/** Trailer fields say nothing to us: only where they end is asked. */
function endOfTrailer(bytes: Buffer, start: number): number | undefined {
  if (bytes.length >= start + 2 && bytes.readUInt16BE(start) === 0x0d0a) return start + 2;
  const end = bytes.indexOf("\r\n\r\n", start, "latin1");
  return end < 0 ? undefined : end + 4;
}
