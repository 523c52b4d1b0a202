// `--http`: the questions of XMPP servers that ask over HTTP, on the loopback only. The answer is `200` with exactly
// `true` or `false`; everything else, a login that cannot be decided among it, is `403`.

import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { HttpAddress } from "./config.ts";
import { ListenError } from "./daemon.ts";
import type { Decide } from "./decide.ts";
import { commandOf } from "./http-question.ts";
import type { Log } from "./log.ts";
import { isYes } from "./outcome.ts";

/** A server asks over a pool of connections; each may have a request to the API in flight. */
export const maxHttpConnections = 1_024;
/** In milliseconds: the pools of these servers keep connections open between logins. */
const keepAliveMs = 60_000;
/** In milliseconds: a request is one line and some fields. */
const requestMs = 10_000;

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
  /** Of callers that gave the secret. */
  const inFlight = new Set<ServerResponse>();
  let isStopping = false;
  // Any local user can open a connection and say nothing, and a server that closes waits for it for ever.
  const closeIfDone = () => {
    if (isStopping && inFlight.size === 0) server.closeAllConnections();
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    request.resume();
    const isMeant = request.method === "GET" && isEqual(request.headers.authorization, authorization);
    const command = isMeant ? commandOf(request.url ?? "") : undefined;
    if (command === undefined) return say(response, 403, "");
    const gone = new AbortController();
    inFlight.add(response);
    response.once("close", () => {
      gone.abort();
      inFlight.delete(response);
      closeIfDone();
    });
    const decision = await decide(command, gone.signal).catch((error) => {
      log("error", "internal-error", () => ({ kind: error instanceof Error ? error.name : "unknown" }));
      return "unavailable" as const;
    });
    const yes = isYes(command, decision);
    if (decision === "unavailable" && !yes) return say(response, 403, "");
    say(response, 200, String(yes));
  };
  const server = createServer((request, response) => void answer(request, response));
  server.maxConnections = maxHttpConnections;
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
