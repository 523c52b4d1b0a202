// The demo's one address: what it passes on, and whom it sends away.

import assert from "node:assert/strict";
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type Server,
} from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { DemoEvents } from "../../../infra/demo/demo-events.ts";
import { startFront } from "../../../infra/demo/front.ts";
import { freePort } from "../../../infra/local/ports.ts";

describe("the demo's front", () => {
  let site: Server;
  let chat: Server;
  let port: number;
  let front: Awaited<ReturnType<typeof startFront>>;
  const events = new DemoEvents();

  before(async () => {
    site = createServer(({ method, url, headers }, answer) =>
      answer.writeHead(201, { "x-theirs": "1" }).end(`${method} ${url} ${headers.cookie}`),
    ).listen(0, "127.0.0.1");
    chat = createServer().listen(0, "127.0.0.1");
    chat.on("upgrade", ({ headers }, socket) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nupgrade: ${headers.upgrade}\r\nconnection: upgrade\r\n\r\n`,
      );
      socket.pipe(socket);
    });
    await Promise.all([once(site, "listening"), once(chat, "listening")]);
    port = await freePort();
    const portOf = (server: Server) => (server.address() as AddressInfo).port;
    front = await startFront({ port, sitePort: portOf(site), chatPort: portOf(chat), events });
  });
  after(async () => {
    await front?.stop();
    for (const server of [site, chat]) server?.close().closeAllConnections();
  });

  const ask = async (path: string, headers: OutgoingHttpHeaders = {}, body?: string) => {
    const sent = request({
      ...{ port, path, host: "127.0.0.1", method: body === undefined ? "GET" : "POST" },
      headers: { host: `127.0.0.1:${port}`, ...headers },
    });
    sent.end(body);
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    return response;
  };
  const textOf = async (response: IncomingMessage) => {
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) text += chunk;
    return text;
  };

  it("passes a page's request on to the site, and its answer back", async () => {
    const response = await ask(
      "/1/login?x=1",
      { cookie: "a=b", origin: `http://127.0.0.1:${port}` },
      "user=alice",
    );
    assert.deepEqual([response.statusCode, response.headers["x-theirs"]], [201, "1"]);
    assert.equal(await textOf(response), "POST /1/login?x=1 a=b");
    assert.equal((await ask("/", { host: `localhost:${port}` })).resume().statusCode, 201);
  });

  it("answers no page of another site, and no other name that leads here", async () => {
    for (const headers of [
      { origin: "http://example.org" },
      { origin: "null" },
      { origin: `http://localhost:${port}` },
      { host: `example.org:${port}` },
    ]) {
      for (const path of ["/", "/demo/events"]) {
        assert.equal((await ask(path, headers)).resume().statusCode, 403, JSON.stringify(headers));
      }
      const upgrade = request({
        ...{ port, host: "127.0.0.1", path: "/ws" },
        headers: { host: `127.0.0.1:${port}`, ...headers, connection: "upgrade", upgrade: "websocket" },
      });
      upgrade.end();
      await assert.rejects(once(upgrade, "upgrade"), { code: "ECONNRESET" });
    }
  });

  it("tunnels a WebSocket to the chat host", async () => {
    const sent = request({
      ...{ port, host: "127.0.0.1", path: "/ws" },
      headers: { host: `127.0.0.1:${port}`, connection: "upgrade", upgrade: "websocket" },
    });
    sent.end();
    const [response, socket] = await once(sent, "upgrade");
    assert.equal(response.headers.upgrade, "websocket");
    socket.write("there and back");
    const [echoed] = await once(socket, "data");
    assert.equal(String(echoed), "there and back");
    socket.destroy();
  });

  it("takes a page's report, no other body and no long one, and tells the panel", async () => {
    const panel = await ask("/demo/events");
    assert.equal(panel.headers["content-type"], "text/event-stream");
    const report = { kind: "ended", user: "alice@localhost", afterMs: 1500 };
    const status = async (body: string) => (await ask("/demo/report", {}, body)).resume().statusCode;
    assert.equal(await status("no JSON"), 400);
    assert.equal(await status(JSON.stringify({ ...report, more: "x".repeat(2000) })), 400);
    assert.equal(await status(JSON.stringify(report)), 204);
    const [chunk] = await once(panel, "data");
    assert.match(
      String(chunk),
      /^data: \{"kind":"ended","user":"alice@localhost","afterMs":1500,"id":1,"timeMs":\d+\}\n\n$/,
    );
    panel.destroy();
  });

  it("tells so many panels, and no more", async () => {
    const panels = await Promise.all(Array.from({ length: 21 }, () => ask("/demo/events")));
    assert.deepEqual(panels.map(({ statusCode }) => statusCode).sort(), [...Array(20).fill(200), 503]);
    for (const panel of panels) panel.destroy();
  });
});
