// The one address that a browser asks: the site, the chat's WebSocket and the panel's events behind it.

import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { type DemoEvents, readPageReport } from "./demo-events.ts";

export interface FrontOptions {
  /** All on 127.0.0.1. */
  readonly port: number;
  readonly sitePort: number;
  readonly chatPort: number;
  readonly events: DemoEvents;
}

const maxReportBytes = 1_000;
const maxPanels = 20;

/** @throws the system's error if it cannot listen on the port */
export async function startFront(options: FrontOptions): Promise<{ stop(): Promise<void> }> {
  const { port, sitePort, chatPort, events } = options;
  const panels = new Set<ServerResponse>();
  const tunnels = new Set<Socket>();

  const server = createServer((asked, answer) => {
    // A page of elsewhere has no business here, and no name but these leads here.
    if (!isOwn(asked, port)) answer.writeHead(403).end();
    else if (asked.url === "/demo/events") panel(answer);
    else if (asked.url === "/demo/report" && asked.method === "POST") void report(asked, answer);
    else passOn(asked, answer, sitePort);
  });

  const panel = (answer: ServerResponse): void => {
    if (panels.size >= maxPanels) {
      answer.writeHead(503).end();
      return;
    }
    answer.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    answer.flushHeaders();
    panels.add(answer);
    const end = events.listen((event) => answer.write(`data: ${JSON.stringify(event)}\n\n`));
    answer.on("close", () => {
      end();
      panels.delete(answer);
    });
  };

  const report = async (asked: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const text = await read(asked).catch(() => undefined);
    const told = text === undefined ? undefined : readPageReport(text);
    if (told !== undefined) events.page(told, Date.now());
    answer.writeHead(told === undefined ? 400 : 204).end();
  };

  server.on("upgrade", (asked: IncomingMessage, socket: Socket, head: Buffer) => {
    if (asked.url !== "/ws" || !isOwn(asked, port)) {
      socket.destroy();
      return;
    }
    const chat = connect(chatPort, "127.0.0.1", () => {
      chat.write(`${asked.method} ${asked.url} HTTP/1.1\r\n${headersOf(asked)}\r\n\r\n`);
      chat.write(head);
      socket.pipe(chat).pipe(socket);
    });
    for (const [one, other] of [
      [socket, chat],
      [chat, socket],
    ] as const) {
      tunnels.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        tunnels.delete(one);
        other.destroy();
      });
    }
  });

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    stop: async () => {
      for (const tunnel of tunnels) tunnel.destroy();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Returns whether a request is by the address that the demo is opened by, and by no page of another one. */
function isOwn({ headers }: IncomingMessage, port: number): boolean {
  const own = [`127.0.0.1:${port}`, `localhost:${port}`];
  const { host = "", origin } = headers;
  return own.includes(host) && (origin === undefined || origin === `http://${host}`);
}

/** Returns the body, or undefined for a longer one. */
async function read(asked: IncomingMessage): Promise<string | undefined> {
  let text = "";
  for await (const chunk of asked.setEncoding("utf8")) {
    text += chunk;
    if (text.length > maxReportBytes) return undefined;
  }
  return text;
}

function passOn(asked: IncomingMessage, answer: ServerResponse, port: number): void {
  const { method, url, rawHeaders } = asked;
  const passed = request({ host: "127.0.0.1", port, method, path: url, headers: rawHeaders });
  passed.on("error", () => answer.destroy());
  passed.on("response", (response) => {
    answer.writeHead(response.statusCode ?? 502, response.rawHeaders);
    response.pipe(answer);
  });
  asked.pipe(passed);
}

function headersOf({ rawHeaders }: IncomingMessage): string {
  const lines: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  return lines.join("\r\n");
}
