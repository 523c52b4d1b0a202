// A stand-in for API Gateway, which cannot be had on a test's machine: an HTTP server that answers as it is told.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
// The local stack's authorizer, which verifies signatures on its own.
import { isBodyOf, refusalOf } from "../../infra/local/sigv4.ts";

export type Reply = (body: string, response: ServerResponse, request: IncomingMessage) => void;

export interface StandIn {
  readonly url: string;
  /** The bodies of the requests so far. */
  readonly bodies: string[];
  /** Where signatures are verified: why each request so far was refused, or "none". */
  readonly refusals: readonly string[];
  /** How many connections were made so far. */
  connections(): number;
  /** What the next requests get. */
  reply: Reply;
  stop(): Promise<void>;
}

/** Starts it on a port of its own, or on the given one. If it `verifies`, it answers 403 to all but the local key. */
export async function startStandIn(
  reply: Reply,
  options: { port?: number; tls?: { cert: Buffer; key: Buffer }; verifies?: boolean } = {},
): Promise<StandIn> {
  const bodies: string[] = [];
  const refusals: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => {
      body += text;
    });
    request.on("end", () => {
      const { method = "", url: path = "", headers } = request;
      if (options.verifies === true) {
        const refusal = refusalOf({ method, path, headers, nowMs: Date.now() });
        refusals.push(refusal ?? (isBodyOf(headers, body) ? "none" : "body"));
        if (refusals.at(-1) !== "none") return say(403, '{"message":"Forbidden"}')(body, response, request);
      }
      bodies.push(body);
      standIn.reply(body, response, request);
    });
  };
  const server =
    options.tls === undefined ? createServer(onRequest) : createSecureServer(options.tls, onRequest);
  server.on(options.tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const standIn: StandIn = {
    url: options.tls === undefined ? `http://127.0.0.1:${port}/auth` : `https://localhost:${port}/auth`,
    bodies,
    refusals,
    connections: () => connections,
    reply,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
  return standIn;
}

/** A reply with this status and body, and more header fields. */
export function say(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return (_, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(body);
  };
}

/** A verdict as the function of today tells it: with the nonce of the question, and what else is given. */
export function tell(verdict: Readonly<Record<string, unknown>>): Reply {
  return (body, response, request) => {
    const { nonce } = JSON.parse(body);
    say(200, JSON.stringify({ ...verdict, nonce }))(body, response, request);
  };
}

/** The one session that somebody is logged in with, and one with which nobody is. */
export const goodSession = "good0session0of0the0tests0";
export const badSession = "bad0session0of0the0tests00";

/** Allows the good session, and no other. */
export const allowGood: Reply = (body, response, request) => {
  tell({ allow: JSON.parse(body).password === goodSession })(body, response, request);
};

/** The same for logins alone: the relay's own probes are answered at once, as by an API that is alive and slow. */
export function forLogins(reply: Reply): Reply {
  return (body, ...rest) => (JSON.parse(body).op === "isuser" ? allowGood : reply)(body, ...rest);
}
