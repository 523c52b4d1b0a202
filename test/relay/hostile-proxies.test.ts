// What stands between the relay and the API may send an answer late, twice, to the wrong request or again. None of it
// may become another login's answer, neither as a yes nor as a no.

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { afterEach, describe, it } from "node:test";
import { Api, ApiError, loginContract } from "../../relay/api.ts";
import { askWithRetry } from "../../relay/attempts.ts";
import { Connections } from "../../relay/connections.ts";
import { RequestSlots } from "../../relay/request-slots.ts";
import { type Peer, respond, startPeer } from "./peer.ts";

const delaysMs = [0, 1, 2, 3, 4, 5, 7, 10, 15];

/** The function's response to a request: only the password "good" is allowed. */
function answerTo(request: string): string {
  const { password, nonce } = JSON.parse(request.slice(request.indexOf("\r\n\r\n")));
  return respond(JSON.stringify({ allow: password === "good", nonce, isuser: "all" }));
}

const later = (socket: Socket, bytes: string, delayMs: number) =>
  void setTimeout(() => socket.writable && socket.write(bytes), delayMs);

let peer: Peer;
let connections: Connections;
afterEach(async () => {
  connections.close();
  await peer.stop();
});

async function open(proxy: Peer["onRequest"]) {
  peer = await startPeer(proxy);
  connections = new Connections({ hostname: "127.0.0.1", port: peer.port, isSecure: false });
  const api = new Api({
    url: new URL(`http://127.0.0.1:${peer.port}/auth`),
    contract: loginContract,
    connections,
    sign: async () => ({}),
    renewCredentials: async () => false,
    now: () => new Date(),
  });
  const counts = { right: 0, faults: 0, wrong: 0 };
  const ask = async (password: string) => {
    try {
      const { allow } = await askWithRetry({
        begin: (isFresh) => api.begin({ op: "auth", user: "alice", server: "localhost", password }, isFresh),
        deadlineMs: 20_000,
        slots: new RequestSlots(),
        now: () => performance.now(),
        random: Math.random,
      });
      if (allow === (password === "good")) counts.right++;
      else counts.wrong++;
    } catch (fault) {
      if (!(fault instanceof ApiError)) throw fault;
      counts.faults++;
    }
  };
  return { ask, counts };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const passwords = (count: number) =>
  Array.from({ length: count }, (_, at) => (at % 2 === 0 ? "good" : `bad${at}`));

describe("a proxy", () => {
  for (const delayMs of delaysMs) {
    it(`that sends each answer again after ${delayMs} ms changes no answer, and costs none`, async () => {
      const { ask, counts } = await open((socket, request) => {
        const answer = answerTo(request);
        socket.write(answer);
        later(socket, answer, delayMs);
      });
      for (const [at, password] of passwords(40).entries()) {
        await ask(password);
        await pause((at * 3) % 11);
      }
      assert.deepEqual(counts, { right: 40, faults: 0, wrong: 0 });
    });

    it(`that sends a yes of before behind each answer, ${delayMs} ms later, changes no answer`, async () => {
      let yes = "";
      const { ask, counts } = await open((socket, request) => {
        const answer = answerTo(request);
        if (answer.includes("true")) yes = answer;
        socket.write(answer);
        later(socket, yes, delayMs);
      });
      for (const [at, password] of passwords(40).entries()) {
        await ask(password);
        await pause((at * 3) % 11);
      }
      assert.deepEqual(counts, { right: 40, faults: 0, wrong: 0 });
    });
  }

  it("that sends an answer twice at once, whole or in pieces, changes no answer", async () => {
    let at = 0;
    const { ask, counts } = await open((socket, request) => {
      const twice = answerTo(request).repeat(2);
      const cut = (at++ * 7) % twice.length;
      socket.write(twice.slice(0, cut));
      later(socket, twice.slice(cut), at % 5);
    });
    for (const password of passwords(100)) await ask(password);
    assert.deepEqual(counts, { right: 100, faults: 0, wrong: 0 });
  });

  it("that keeps each answer back for the request after it answers nobody", async () => {
    let before = "";
    const { ask, counts } = await open((socket, request) => {
      socket.write(before || answerTo(request));
      before = answerTo(request);
    });
    for (const password of passwords(40)) await ask(password);
    assert.deepEqual([counts.wrong, counts.right], [0, 1]);
  });

  it("that swaps the answers of two requests answers neither", async () => {
    let waiting: { socket: Socket; request: string } | undefined;
    const { ask, counts } = await open((socket, request) => {
      if (waiting === undefined) {
        waiting = { socket, request };
        return;
      }
      socket.write(answerTo(waiting.request));
      waiting.socket.write(answerTo(request));
      waiting = undefined;
    });
    for (let round = 0; round < 20; round++) await Promise.all([ask("good"), ask(`bad${round}`)]);
    assert.deepEqual(counts, { right: 0, faults: 40, wrong: 0 });
  });

  it("that answers every request with a yes, or a no, of before answers nobody", async () => {
    for (const allow of [true, false]) {
      const replayed = respond(JSON.stringify({ allow, nonce: "an0old0nonce0of0a0login" }));
      const { ask, counts } = await open((socket) => void socket.write(replayed));
      for (const password of passwords(20)) await ask(password);
      assert.deepEqual(counts, { right: 0, faults: 20, wrong: 0 });
      connections.close();
      await peer.stop();
    }
  });

  it("that answers a request's second attempt with what came for its first answers nobody", async () => {
    let first: string | undefined;
    const { ask, counts } = await open((socket, request) => {
      if (first === undefined) {
        first = answerTo(request);
        socket.resetAndDestroy();
      } else {
        socket.write(first);
        first = undefined;
      }
    });
    for (const password of passwords(20)) await ask(password);
    assert.deepEqual(counts, { right: 0, faults: 20, wrong: 0 });
  });
});
