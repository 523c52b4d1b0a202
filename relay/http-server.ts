// `--http`: the questions of XMPP servers that ask over HTTP, on the loopback only. The answer is `200` with exactly
// `true` or `false`; everything else, a login that cannot be decided among it, is `403`.

import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { HttpAddress } from "./config.ts";
import { ListenError } from "./daemon.ts";
import type { Decide } from "./decide.ts";
import { commandOf } from "./http-question.ts";
import { type Log, logInternalError } from "./log.ts";
import { isYes } from "./outcome.ts";

/** A server asks over a pool of connections; each may have a request to the API in flight. */
export const maxHttpConnections = 1_024;
/** Beside them, connections that have not given the secret yet: one more ends the oldest of them. */
export const maxStrangers = 512;
/** No server of these asks before it has the answer to its last question on that connection. */
export const maxPipelined = 8;
/** In milliseconds: the pools of these servers keep connections open between logins. */
const keepAliveMs = 60_000;
/** In milliseconds: a request is one line and some fields. */
const requestMs = 10_000;
/** In milliseconds: how often that is looked at. */
const checkEveryMs = 1_000;

export interface HttpServerOptions extends Pick<HttpAddress, "host" | "port"> {
  /** NAME:PASSWORD of HTTP Basic (RFC 7617). Every local user reaches the loopback. */
  readonly secret: string;
  readonly decide: Decide;
  readonly log: Log;
}

export interface HttpServer {
  /** Takes no further request, and ends when those in flight are answered. */
  stop(): Promise<void>;
}

/** @throws ListenError */
export function serveHttp({ host, port, secret, decide, log }: HttpServerOptions): Promise<HttpServer> {
  const authorization = Buffer.from(`Basic ${Buffer.from(secret).toString("base64")}`);
  /** All who know the secret share a line: an XMPP server's connections are one caller. */
  const line = {};
  /** Connections that have not given the secret, the oldest first. */
  const strangers = new Set<Socket>();
  /** The connections that have. */
  const known = new Set<Socket>();
  /** Those of them with requests in flight. */
  const asking = new Map<Socket, { inFlight: number; readonly gone: AbortController }>();
  let isStopping = false;
  // Any local user can open a connection and say nothing, and a server that closes waits for it for ever.
  const closeIfDone = () => {
    if (isStopping && asking.size === 0) server.closeAllConnections();
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    // Its last chunk may hold more requests than this one.
    if (socket.destroyed) return;
    request.resume();
    if (!isEqual(request.headers.authorization, authorization)) {
      response.shouldKeepAlive = false;
      return say(response, 403, "");
    }
    if (strangers.delete(socket)) {
      if (known.size === maxHttpConnections) return socket.destroy();
      known.add(socket);
    }
    const command = request.method === "GET" ? commandOf(request.url ?? "") : undefined;
    if (command === undefined) return say(response, 403, "");
    const asked = asking.get(socket) ?? { inFlight: 0, gone: new AbortController() };
    if (asked.inFlight === maxPipelined) return socket.destroy();
    asked.inFlight++;
    asking.set(socket, asked);
    const decision = await decide(command, { gone: asked.gone.signal, line }).catch((error) => {
      logInternalError(log, error);
      return "unavailable" as const;
    });
    response.once("finish", () => {
      asked.inFlight--;
      if (asked.inFlight > 0) return;
      asking.delete(socket);
      closeIfDone();
    });
    const yes = isYes(command, decision);
    if (decision === "unavailable" && !yes) return say(response, 403, "");
    say(response, 200, String(yes));
  };
  const server = createServer(
    { connectionsCheckingInterval: checkEveryMs },
    (request, response) => void answer(request, response),
  );
  server.on("connection", (socket) => {
    const [oldest] = strangers;
    if (oldest !== undefined && strangers.size === maxStrangers) {
      strangers.delete(oldest);
      oldest.destroy();
    }
    strangers.add(socket);
    socket.once("close", () => {
      strangers.delete(socket);
      known.delete(socket);
      asking.get(socket)?.gone.abort();
      asking.delete(socket);
      closeIfDone();
    });
  });
  server.keepAliveTimeout = keepAliveMs;
  server.headersTimeout = requestMs;
  server.requestTimeout = requestMs;
  return new Promise((resolve, reject) => {
    server.on("error", ({ code }: NodeJS.ErrnoException) =>
      reject(new ListenError(`--http: ${host}:${port} cannot be listened on (${code})`)),
    );
    server.listen(port, host, () => {
      resolve({
        stop: () =>
          new Promise((resolve) => {
            isStopping = true;
            server.close(() => resolve());
            server.closeIdleConnections();
            closeIfDone();
          }),
      });
    });
  });
}

function say(response: ServerResponse, status: 200 | 403, body: string): void {
  response.writeHead(status, {
    "content-type": "text/plain",
    "content-length": body.length,
    "cache-control": "no-store",
  });
  response.end(body);
}

function isEqual(given: string | undefined, expected: Buffer): boolean {
  const bytes = Buffer.from(given ?? "");
  return bytes.length === expected.length && timingSafeEqual(bytes, expected);
}
