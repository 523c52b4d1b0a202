// The users of a small storm: the page's own module for each, with a real XMPP connection in place of Strophe's.
// usage: clients.ts PORT SCENARIO   ; a JSON report goes to stdout once all are in, or have given up, or the time is over
//
//   User `u17` has the session id `sessionIdOf(17)`.

import { connect, type Socket } from "node:net";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";
import type { StropheConnection } from "../../../infra/page/inspectord.d.ts";
import { type Chat, keepConnected } from "../../../infra/page/inspectord.js";
import { firstAttemptMs } from "../clients.ts";
import type { Scenario } from "../scenario.ts";
import { sessionIdOf } from "./users.ts";

/** Strophe.Status. */
const said = { AUTHFAIL: 4, CONNECTED: 5, DISCONNECTED: 6 };
const openStream =
  '<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" to="localhost" version="1.0">';

export interface ClientsReport {
  readonly in: number;
  readonly gaveUp: number;
  readonly refusedOnce: number;
  readonly attempts: number;
  readonly lastInMs: number;
  /** Of those who are in. */
  readonly waitsMs: readonly number[];
}

/** A login over TCP, by SASL PLAIN (RFC 6120, RFC 4616). It ends with its outcome: nobody chats here. */
class Login implements StropheConnection {
  #socket: Socket | undefined;

  connect(jid: string, password: string, onStatus: (status: number) => unknown): void {
    const message = Buffer.from(`\0${jid.split("@")[0]}\0${password}`).toString("base64");
    const socket = connect(port, "127.0.0.1");
    this.#socket = socket;
    let received = "";
    let isAsked = false;
    let isOver = false;
    const end = (...statuses: number[]) => {
      if (isOver) return;
      isOver = true;
      socket.destroy();
      for (const status of statuses) onStatus(status);
    };
    socket.setNoDelay(true).setEncoding("latin1");
    socket.on("connect", () => socket.write(openStream));
    socket.on("error", () => end(said.DISCONNECTED));
    socket.on("close", () => end(said.DISCONNECTED));
    socket.on("data", (text: string) => {
      received += text;
      if (!isAsked && received.includes("</stream:features>")) {
        isAsked = true;
        socket.write(`<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">${message}</auth>`);
      } else if (received.includes("<success")) end(said.CONNECTED);
      else if (received.includes("<failure")) end(said.AUTHFAIL, said.DISCONNECTED);
    });
  }

  disconnect(): void {
    this.#socket?.destroy();
  }

  reset(): void {
    this.#socket?.destroy();
  }
}

const port = Number(process.argv[2]);
const scenario = JSON.parse(process.argv[3] ?? "") as Scenario;
const generator = xoroshiro128plus(scenario.seed);
const random = () => (generator.next() >>> 0) / 2 ** 32;
const startedMs = performance.now();
const nowMs = () => performance.now() - startedMs;
const waitsMs: number[] = [];
let attempts = 0;
let refusedOnce = 0;
let gaveUp = 0;
let lastInMs = 0;

for (let user = 0; user < scenario.users; user++) {
  setTimeout(comeBack, firstAttemptMs(scenario.arrivals, random), user);
}
setTimeout(report, scenario.horizonMs);

function comeBack(user: number): void {
  const arrivedMs = nowMs();
  let refusals = 0;
  // What is in the air when a chat has ended is not heard.
  let isOver = false;
  const ticket = { jid: `u${user}@localhost`, password: sessionIdOf(user) };
  const chat: Chat = keepConnected(new Login(), {
    ticketUrl: "",
    random,
    fetch: async () => {
      attempts++;
      return Response.json(ticket);
    },
    onStatus: (status) => {
      if (isOver) return;
      if (status === said.CONNECTED) {
        isOver = true;
        lastInMs = nowMs();
        waitsMs.push(lastInMs - arrivedMs);
      } else if (refusals++ === 0) {
        refusedOnce++;
        if (scenario.client === "once") {
          isOver = true;
          gaveUp++;
        }
      }
      if (!isOver) return;
      setImmediate(() => chat.stop());
      if (waitsMs.length + gaveUp === scenario.users) setTimeout(report, 200);
    },
  });
}

function report(): void {
  const all: ClientsReport = { in: waitsMs.length, gaveUp, refusedOnce, attempts, lastInMs, waitsMs };
  process.stdout.write(JSON.stringify(all), () => process.exit(0));
}
