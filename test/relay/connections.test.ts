import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { afterEach, describe, it } from "node:test";
import type { TLSSocket, TlsOptions } from "node:tls";
import { Connections, maxIdle } from "../../relay/connections.ts";
import { makeCertificate } from "../real/certificate.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import { type Peer, respond, startPeer, until } from "./peer.ts";

const request = Buffer.from("POST /auth HTTP/1.1\r\n\r\n");
const abandoned = { name: "ConnectionError", kind: "unreachable", detail: "abandoned" };

const mayKeep = () => true;

let peer: Peer;
let connections: Connections;
afterEach(async () => {
  connections.close();
  await peer.stop();
});

/** Starts a peer that answers with the number of the connection, or as it is told. */
async function open(onRequest: Peer["onRequest"] = (socket, _, at) => void socket.write(respond(`${at}`))) {
  peer = await startPeer(onRequest);
  connections = new Connections({ hostname: "127.0.0.1", port: peer.port, isSecure: false });
}

/** Returns the number of the connection that carried an exchange. */
const ask = async (isFresh = false) =>
  Number((await connections.exchange(request, { isFresh, mayKeep }).response).body);

/** Answers no request by itself, but all that came when it is told to, in this order of connections. */
function answerLater() {
  const waiting = new Map<number, Socket>();
  return {
    waiting,
    onRequest: (socket: Socket, _: string, at: number) => void waiting.set(at, socket),
    answer: (...order: number[]) => {
      for (const at of order) {
        waiting.get(at)?.write(respond(`${at}`));
        waiting.delete(at);
      }
    },
  };
}

describe("the connections to the API", () => {
  it("carry one exchange after another over one of them, and a fresh one where it is asked for", async () => {
    await open();
    const first = connections.exchange(request, { isFresh: false, mayKeep });
    assert.equal(first.isReused, false);
    await first.response;
    const second = connections.exchange(request, { isFresh: false, mayKeep });
    assert.equal(second.isReused, true);
    await second.response;
    const fresh = connections.exchange(request, { isFresh: true, mayKeep });
    assert.equal(fresh.isReused, false);
    await fresh.response;
    assert.deepEqual([connections.count, peer.sockets.length], [2, 2]);
  });

  it("are as many as there are exchanges at a time, and the one used last is used first", async () => {
    const { waiting, onRequest, answer } = answerLater();
    await open(onRequest);
    const both = [ask(), ask()];
    await until(() => waiting.size === 2, "not both came");
    answer(1);
    assert.equal(await Promise.race(both), 1);
    answer(2);
    assert.deepEqual((await Promise.all(both)).sort(), [1, 2]);
    peer.onRequest = (socket, _, at) => void socket.write(respond(`${at}`));
    assert.deepEqual([await ask(), await ask()], [2, 2]);
    assert.equal(connections.count, 2);
  });

  it("are not used again once they were closed, said something unasked, or told that they end", async () => {
    await open();
    const ends: ((socket: Socket) => unknown)[] = [
      (socket) => socket.end(),
      (socket) => socket.resetAndDestroy(),
      (socket) => socket.write("HTTP/1.1 408 Request Timeout\r\n\r\n"),
    ];
    for (const [at, end] of ends.entries()) {
      assert.equal(await ask(), at + 1);
      end(peer.sockets[at] as Socket);
      await until(() => connections.count === 0, "it is there still");
    }
    const last = ends.length + 1;
    peer.onRequest = (socket) =>
      void socket.write(`HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\n${last}`);
    assert.equal(await ask(), last);
    assert.equal(connections.count, 0);
  });

  it("are not used again after a response that they may not be kept behind", async () => {
    await open();
    for (const at of [1, 2]) {
      const { response } = connections.exchange(request, {
        isFresh: false,
        mayKeep: ({ body }) => body !== `${at}`,
      });
      assert.equal((await response).body, `${at}`);
      assert.equal(connections.count, 0);
    }
  });

  it("end with an exchange that is abandoned, and no other does", async () => {
    const { waiting, onRequest, answer } = answerLater();
    await open(onRequest);
    const one = connections.exchange(request, { isFresh: false, mayKeep });
    const other = ask();
    await until(() => waiting.size === 2, "not both came");
    one.abandon();
    await assert.rejects(one.response, abandoned);
    assert.equal(connections.count, 1);
    answer(2);
    assert.equal(await other, 2);
  });

  it("stay with whoever has them, when an exchange that is over is abandoned", async () => {
    await open();
    const over = connections.exchange(request, { isFresh: false, mayKeep });
    await over.response;
    over.abandon();
    assert.equal(connections.count, 1);
    const next = ask();
    over.abandon();
    assert.equal(await next, 1);
  });

  it("are closed all at once, with what they carry", async () => {
    const { waiting, onRequest, answer } = answerLater();
    await open(onRequest);
    const [idle, inFlight] = [ask(), connections.exchange(request, { isFresh: false, mayKeep })];
    await until(() => waiting.size === 2, "not both came");
    answer(1);
    await idle;
    connections.close();
    await assert.rejects(inFlight.response, abandoned);
    assert.equal(connections.count, 0);
    await until(() => peer.sockets.every(({ destroyed }) => destroyed), "one is open still");
  });

  it(`are closed where more than ${maxIdle} would be idle`, async () => {
    const { waiting, onRequest, answer } = answerLater();
    await open(onRequest);
    const storm = Array.from({ length: maxIdle + 3 }, () => ask());
    await until(() => waiting.size === storm.length, "not all came");
    assert.equal(connections.count, storm.length);
    answer(...waiting.keys());
    await Promise.all(storm);
    assert.equal(connections.count, maxIdle);
  });
});

describe("the connections to the API over TLS", () => {
  const { it } = needing("openssl");

  const openSecure = async (tls: TlsOptions & { cert: Buffer }, port?: number) => {
    peer = await startPeer((socket, _, at) => void socket.write(respond(`${at}`)), {
      tls,
      ...(port !== undefined && { port }),
    });
    connections = new Connections({
      hostname: "localhost",
      port: peer.port,
      isSecure: true,
      ca: String(tls.cert),
    });
  };
  const areResumed = () => peer.sockets.map((socket) => (socket as TLSSocket).isSessionReused());

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it(`resume the session of one before: ${version}`, async () => {
      const certificate = makeCertificate(temporaryDirectory());
      await openSecure({ ...certificate, minVersion: version, maxVersion: version });
      assert.deepEqual([await ask(true), await ask(true), await ask(true)], [1, 2, 3]);
      assert.deepEqual(areResumed(), [false, true, true]);
    });

    it(`begin anew where the peer does not know the session: ${version}`, async () => {
      const tls = { ...makeCertificate(temporaryDirectory()), minVersion: version, maxVersion: version };
      await openSecure(tls);
      await ask();
      await peer.stop();
      const before = connections;
      await openSecure(tls, peer.port);
      connections = before;
      assert.equal(await ask(true), 1);
      assert.deepEqual(areResumed(), [false]);
    });

    it(`never resume the session of a peer whose certificate is for another: ${version}`, async () => {
      const certificate = makeCertificate(temporaryDirectory(), "other.example");
      await openSecure({ ...certificate, minVersion: version, maxVersion: version });
      for (let tries = 0; tries < 3; tries++) {
        await assert.rejects(ask(), { kind: "certificate", detail: "ERR_TLS_CERT_ALTNAME_INVALID" });
      }
      assert.deepEqual([peer.received, connections.count], [[], 0]);
    });
  }
});
