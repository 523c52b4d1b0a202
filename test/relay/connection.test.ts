import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { afterEach, describe, it } from "node:test";
import type { TLSSocket } from "node:tls";
import { freePort } from "../../infra/local/ports.ts";
import { Connection, type ConnectionError, type Endpoint, endpointOf } from "../../relay/connection.ts";
import { type Certificate, makeCertificate } from "../real/certificate.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import { type Peer, respond, startPeer, until } from "./peer.ts";

const request = Buffer.from("POST /auth HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === "::1"));
const answered = { status: 200, body: "yes", isPersistent: true };

const peers: Peer[] = [];
const connections: Connection[] = [];
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close();
  for (const peer of peers.splice(0)) await peer.stop();
});

async function start(...args: Parameters<typeof startPeer>): Promise<Peer> {
  const peer = await startPeer(...args);
  peers.push(peer);
  return peer;
}

/** Connects, and counts how often the connection says that it is gone. */
function connect(port: number, endpoint: Partial<Endpoint> = {}) {
  const connection = new Connection({ hostname: "127.0.0.1", port, isSecure: false, ...endpoint });
  connections.push(connection);
  const gone = { times: 0 };
  connection.onGone = () => void gone.times++;
  return { connection, gone };
}

const faultOf = (connection: Connection) =>
  connection.exchange(request).then(
    () => assert.fail("there was a response"),
    ({ name, kind, detail }: ConnectionError) => ({ name, kind, detail }),
  );
const fault = (kind: ConnectionError["kind"], detail: string) => ({ name: "ConnectionError", kind, detail });
const yes = (socket: { write(text: string): unknown }) => void socket.write(respond("yes"));

describe("where the URL of a route leads", () => {
  it("is its host and port, without the brackets of an address", () => {
    for (const [url, expected] of [
      [
        "https://abc.execute-api.eu-west-1.amazonaws.com/auth",
        ["abc.execute-api.eu-west-1.amazonaws.com", 443, true],
      ],
      ["https://localhost:8443/auth", ["localhost", 8443, true]],
      ["https://[::1]/auth", ["::1", 443, true]],
      ["http://127.0.0.1/auth", ["127.0.0.1", 80, false]],
      ["http://[::1]:3000/auth", ["::1", 3000, false]],
    ] as const) {
      const { hostname, port, isSecure, ...more } = endpointOf(new URL(url), undefined);
      assert.deepEqual([[hostname, port, isSecure], more], [expected, {}]);
    }
    assert.equal(endpointOf(new URL("https://localhost/"), "PEM").ca, "PEM");
  });
});

describe("a connection to the API", () => {
  it("carries one exchange after another, each request as it is given", async () => {
    const peer = await start(yes);
    const { connection, gone } = connect(peer.port);
    for (let exchange = 0; exchange < 3; exchange++) {
      assert.deepEqual(await connection.exchange(request), answered);
      assert.equal(connection.isUsable, true);
    }
    assert.equal(peer.sockets.length, 1);
    assert.deepEqual(peer.received, new Array(3).fill(String(request)));
    assert.equal(gone.times, 0);
  });

  it("is looked after by TCP while nothing comes", async () => {
    const peer = await start(yes);
    const { connection } = connect(peer.port);
    await connection.exchange(request);
    const port = peer.sockets[0]?.remotePort?.toString(16).toUpperCase().padStart(4, "0");
    // proc(5): "tr" is 02 where the pending timer is that of keep-alive, and "tm->when" is hundredths of a second.
    const timerOf = () => {
      const line = readFileSync("/proc/net/tcp", "utf8")
        .split("\n")
        .map((text) => text.trim().split(/\s+/))
        .find((fields) => fields[1] === `0100007F:${port}`);
      return line?.[5]?.split(":") ?? [];
    };
    await until(() => timerOf()[0] === "02", `its timer is ${timerOf()}`);
    const seconds = Number.parseInt(timerOf()[1] ?? "", 16) / 100;
    assert.ok(seconds > 0 && seconds <= 30, `${seconds}`);
  });

  it("leads to a name, to an IPv4 address and to an IPv6 address", {
    skip: !hasIpv6 && "no IPv6",
  }, async () => {
    const four = await start(yes);
    const six = await start(yes, { host: "::1" });
    for (const [port, hostname] of [
      [four.port, "127.0.0.1"],
      [four.port, "localhost"],
      [six.port, "::1"],
    ] as const) {
      assert.deepEqual(await connect(port, { hostname }).connection.exchange(request), answered);
    }
  });

  it("waits for a response that comes in pieces", async () => {
    const peer = await start(async (socket) => {
      for (const piece of ["HTTP/1.1 2", "00 OK\r\ncontent-length: 3\r", "\n\r\ny", "es"]) {
        socket.write(piece);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    });
    assert.deepEqual(await connect(peer.port).connection.exchange(request), answered);
  });

  it("gives a response that ends with the connection, and can then carry no other", async () => {
    const peer = await start((socket) => void socket.end("HTTP/1.1 200 OK\r\n\r\nyes"));
    const { connection, gone } = connect(peer.port);
    assert.deepEqual(await connection.exchange(request), { ...answered, isPersistent: false });
    assert.deepEqual([connection.isUsable, gone.times], [false, 1]);
  });

  it("is closed behind a response that says so", async () => {
    const peer = await start((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\nyes");
    });
    const { connection, gone } = connect(peer.port);
    assert.deepEqual(await connection.exchange(request), { ...answered, isPersistent: false });
    assert.deepEqual([connection.isUsable, gone.times], [false, 1]);
    await until(() => peer.sockets[0]?.destroyed === true, "it is still open");
  });

  it("fails with what ended it before the response was whole", async () => {
    const half = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nye";
    for (const [onRequest, expected] of [
      [(socket) => socket.end(half), fault("unreachable", "closed")],
      [(socket) => socket.end(), fault("unreachable", "closed")],
      [(socket) => socket.resetAndDestroy(), fault("unreachable", "ECONNRESET")],
      [(socket) => socket.write("HTTP/1.1 200 OK\r\nfolded\r\n\r\n"), fault("syntax", "header field")],
    ] as const satisfies [Peer["onRequest"], unknown][]) {
      const peer = await start(onRequest);
      const { connection, gone } = connect(peer.port);
      assert.deepEqual(await faultOf(connection), expected);
      assert.deepEqual([connection.isUsable, gone.times], [false, 1]);
    }
  });

  it("fails at once where what comes is no HTTP, though the connection stays open", async () => {
    for (const [says, detail] of [
      ["SSH-2.0-OpenSSH_9.2p1\r\n", "status line"],
      ["220 mail.example ESMTP", "status line"],
      ['HTTP/1.1 200 OK\ncontent-length: 14\n\n{"allow":true}', "status line"],
      ["HTTP/1.1 200 OK\r\ncontent-length: 3\n\nyes", "header field"],
      ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\n", "header field"],
      ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\nyes", "chunk size"],
    ] as const) {
      const peer = await start((socket) => void socket.write(says));
      const { connection, gone } = connect(peer.port);
      assert.deepEqual(await faultOf(connection), fault("syntax", detail));
      assert.deepEqual([connection.isUsable, gone.times], [false, 1]);
    }
  });

  it("fails where nobody listens", async () => {
    const port = await freePort();
    assert.deepEqual(await faultOf(connect(port).connection), fault("unreachable", "ECONNREFUSED"));
    const byName = connect(port, { hostname: "localhost" }).connection;
    assert.deepEqual(await faultOf(byName), fault("unreachable", "ECONNREFUSED"));
  });

  it("is of no use after bytes that nobody asked for, and after an end of it at rest", async () => {
    for (const meanwhile of ["HTTP/1.1 408 Request Timeout\r\n\r\n", undefined]) {
      const peer = await start(yes);
      const { connection, gone } = connect(peer.port);
      await connection.exchange(request);
      if (meanwhile === undefined) peer.sockets[0]?.end();
      else peer.sockets[0]?.write(meanwhile);
      await until(() => !connection.isUsable, "it is usable still");
      await until(() => peer.sockets[0]?.destroyed === true, "it is still open");
      assert.equal(gone.times, 1);
    }
  });

  it("is abandoned with what it waits for, connected or not, and once only", async () => {
    const peer = await start(() => {});
    const { connection, gone } = connect(peer.port);
    const exchange = faultOf(connection);
    await until(() => peer.received.length > 0, "nothing came");
    connection.close();
    connection.close();
    assert.deepEqual(await exchange, fault("unreachable", "abandoned"));
    await until(() => peer.sockets[0]?.destroyed === true, "it is still open");
    assert.deepEqual([connection.isUsable, gone.times], [false, 1]);
    const early = connect(peer.port).connection;
    const never = faultOf(early);
    early.close();
    assert.deepEqual(await never, fault("unreachable", "abandoned"));
    assert.equal(peer.received.length, 1);
  });
});

describe("a connection over TLS", () => {
  const { it, before } = needing("openssl");
  let trusted: Certificate;
  let ca: string;
  const secure = { isSecure: true, hostname: "localhost" };

  before(() => {
    trusted = makeCertificate(temporaryDirectory());
    ca = String(trusted.cert);
  });

  it("trusts the authorities that are given, for a name and for addresses", async () => {
    for (const [host, hostname] of [
      ["127.0.0.1", "localhost"],
      ["127.0.0.1", "127.0.0.1"],
      ...(hasIpv6 ? [["::1", "::1"] as const] : []),
    ] as const) {
      const peer = await start(yes, { tls: { ...trusted, ALPNProtocols: ["h2", "http/1.1"] }, host });
      const { connection } = connect(peer.port, { ...secure, hostname, ca });
      assert.deepEqual(await connection.exchange(request), answered);
      const socket = peer.sockets[0] as TLSSocket & { servername: string | false };
      assert.equal(socket.servername, hostname === "localhost" ? hostname : false, "names alone are told");
      assert.equal(socket.alpnProtocol, "http/1.1");
    }
  });

  it("sends nothing to a certificate that it does not trust, and tells why", async () => {
    const other = makeCertificate(temporaryDirectory(), "other.example");
    const ofClient = makeCertificate(temporaryDirectory(), undefined, ["extendedKeyUsage=clientAuth"]);
    const otherCa = String(other.cert);
    for (const [tls, endpoint, code] of [
      [trusted, {}, "DEPTH_ZERO_SELF_SIGNED_CERT"],
      [trusted, { ca: otherCa }, "DEPTH_ZERO_SELF_SIGNED_CERT"],
      [other, { ca: otherCa }, "ERR_TLS_CERT_ALTNAME_INVALID"],
      [other, { ca: otherCa, hostname: "127.0.0.1" }, "ERR_TLS_CERT_ALTNAME_INVALID"],
      [ofClient, { ca: String(ofClient.cert) }, "INVALID_PURPOSE"],
    ] as const) {
      const peer = await start(yes, { tls });
      const { connection, gone } = connect(peer.port, { ...secure, ...endpoint });
      assert.deepEqual(await faultOf(connection), fault("certificate", code));
      assert.deepEqual([peer.received, connection.isUsable, gone.times], [[], false, 1]);
    }
  });

  it("does not speak with a peer that has only what is older than TLS 1.2, nor with one that has no TLS", async () => {
    const old = {
      ...trusted,
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    } as const;
    for (const tls of [old, undefined]) {
      const peer = await start(
        (socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
        tls && { tls },
      );
      const { kind, detail } = await faultOf(connect(peer.port, { ...secure, ca }).connection);
      assert.equal(kind, "unreachable");
      assert.match(detail, /^(EPROTO|ERR_SSL_\w+)$/);
      assert.ok(!peer.received.some((text) => text.includes("POST")));
    }
  });
});
