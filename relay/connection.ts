// One connection to the API: a request's bytes out, its response in, one exchange at a time.

import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectSecure, TLSSocket } from "node:tls";
import { type HttpResponse, HttpSyntaxError, ResponseReader } from "./http-response.ts";

export interface Endpoint {
  readonly hostname: string;
  readonly port: number;
  readonly isSecure: boolean;
  /** PEM text of the authorities to trust in place of Node's own. */
  readonly ca?: string;
}

/** Returns the host and port of the URL of a route. `ca`: PEM text of the authorities to trust in place of Node's own. */
export function endpointOf({ protocol, hostname, port }: URL, ca: string | undefined): Endpoint {
  const isSecure = protocol === "https:";
  return {
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? (isSecure ? 443 : 80) : Number(port),
    isSecure,
    ...(ca !== undefined && { ca }),
  };
}

/** There is no response. `detail` is a code of the system or of TLS, or says what came instead. */
export class ConnectionError extends Error {
  readonly kind: "unreachable" | "certificate" | "syntax";
  readonly detail: string;

  constructor(kind: ConnectionError["kind"], detail: string) {
    super(`${kind}: ${detail}`);
    this.name = "ConnectionError";
    this.kind = kind;
    this.detail = detail;
  }
}

/** In milliseconds: TCP keep-alive finds an idle connection whose peer is gone. */
const keepAliveMs = 30_000;

/**
 * Happy eyeballs: each address of a name has this many milliseconds before the next one is tried beside it. Node's own
 * 250 ms are too few for every address of an API that is far away.
 */
const everyAddress = { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 1_000 };

interface Waiting {
  readonly reader: ResponseReader;
  readonly resolve: (response: HttpResponse) => void;
  readonly reject: (fault: ConnectionError) => void;
}

export class Connection {
  readonly #socket: Socket;
  #waiting: Waiting | undefined;
  #isUsable = true;
  /** Called once, when the connection can carry no further exchange. */
  onGone = () => {};

  /** Begins to connect; the first exchange waits for it. `session` resumes an earlier TLS session. */
  constructor(endpoint: Endpoint, session?: Buffer) {
    this.#socket = endpoint.isSecure ? secure(endpoint, session) : plain(endpoint);
    this.#socket.setNoDelay(true).setKeepAlive(true, keepAliveMs);
    this.#socket.on("data", (chunk: Buffer) => this.#receive((reader) => reader.push(chunk)));
    this.#socket.on("end", () => {
      this.#receive((reader) => reader.end());
      this.#fail(new ConnectionError("unreachable", "closed"));
    });
    this.#socket.on("error", (error: NodeJS.ErrnoException) => this.#fail(faultOf(error, this.#socket)));
    this.#socket.on("close", () => this.#fail(new ConnectionError("unreachable", "closed")));
  }

  /** Hands over the TLS sessions that the peer offers, so that a later connection is cheaper. */
  onSession(take: (session: Buffer) => void): void {
    this.#socket.on("session", take);
  }

  get isUsable(): boolean {
    return this.#isUsable;
  }

  /** Resolves to the response. The connection must be usable and idle. @throws ConnectionError */
  exchange(request: Buffer): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      this.#waiting = { reader: new ResponseReader(), resolve, reject };
      this.#socket.write(request);
    });
  }

  /** Abandons the connection, and the exchange in flight. */
  close(): void {
    this.#fail(new ConnectionError("unreachable", "abandoned"));
  }

  #receive(read: (reader: ResponseReader) => HttpResponse | undefined): void {
    const waiting = this.#waiting;
    // Nobody asked. Such bytes could only be taken for the next answer, so there is no next exchange.
    if (waiting === undefined) {
      this.#fail(new ConnectionError("syntax", "unasked bytes"));
      return;
    }
    let response: HttpResponse | undefined;
    try {
      response = read(waiting.reader);
    } catch (error) {
      if (!(error instanceof HttpSyntaxError)) throw error;
      this.#fail(new ConnectionError("syntax", error.detail));
      return;
    }
    if (response === undefined) return;
    this.#waiting = undefined;
    if (!response.isPersistent) this.close();
    waiting.resolve(response);
  }

  #fail(fault: ConnectionError): void {
    if (this.#isUsable) {
      this.#isUsable = false;
      this.#socket.destroy();
      this.onGone();
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(fault);
  }
}

function plain({ hostname, port }: Endpoint): Socket {
  return connectPlain({ host: hostname, port, ...everyAddress });
}

/** Verifies the certificate and the name in it. No option turns that off. */
function secure({ hostname, port, ca }: Endpoint, session: Buffer | undefined): TLSSocket {
  return connectSecure({
    host: hostname,
    port,
    ...everyAddress,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["http/1.1"],
    // Set, so that NODE_TLS_REJECT_UNAUTHORIZED does not turn it off.
    rejectUnauthorized: true,
    ...(isName(hostname) && { servername: hostname }),
    ...(ca !== undefined && { ca }),
    ...(session !== undefined && { session }),
  });
}

/** Addresses have no place in TLS's server_name (RFC 6066). */
function isName(hostname: string): boolean {
  return !/^[\d.]+$|:/.test(hostname);
}

function faultOf({ code = "unknown" }: NodeJS.ErrnoException, socket: Socket): ConnectionError {
  // Node sets authorizationError for every certificate that it does not trust. Its codes are many and have no prefix.
  const isCertificate = socket instanceof TLSSocket && Boolean(socket.authorizationError);
  return new ConnectionError(isCertificate ? "certificate" : "unreachable", code);
}
