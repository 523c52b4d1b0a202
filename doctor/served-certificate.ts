// The certificate that a listener of the running ejabberd serves for a host: by TLS, or by STARTTLS of XMPP (RFC 6120, 5.4).

import { X509Certificate } from "node:crypto";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls, type PeerCertificate, type TLSSocket } from "node:tls";

interface ServedCertificate {
  readonly certificate: X509Certificate;
  /** Whether Node trusts it, the name aside; or its code for why not. */
  readonly distrust: string | undefined;
}

export type Served = ServedCertificate | { readonly problem: string };

export interface ListenerAddress {
  readonly host: string;
  readonly port: number;
  readonly isStartTls: boolean;
}

const maxStreamBytes = 65_536;

/** Returns what is served for this host. Sends no login. */
export async function servedCertificate(
  { host: address, port, isStartTls }: ListenerAddress,
  host: string,
  timeoutMs: number,
): Promise<Served> {
  const socket = connectPlain({ host: address, port });
  socket.setTimeout(timeoutMs, () => socket.destroy(Object.assign(new Error(), { code: "ETIMEDOUT" })));
  try {
    await new Promise<void>((done, fail) => {
      socket.once("connect", done);
      socket.once("error", fail);
    });
    if (isStartTls) await startTls(socket, host);
    return await handshake(socket, host);
  } catch (error) {
    return { problem: (error as NodeJS.ErrnoException).code ?? "closed" };
  } finally {
    socket.destroy();
  }
}

function handshake(socket: Socket, host: string): Promise<Served> {
  return new Promise((done, fail) => {
    const secure: TLSSocket = connectTls({
      socket,
      servername: host,
      // Whatever it is, it is looked at; nothing is sent.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    secure.once("error", fail);
    secure.once("close", () => fail(Object.assign(new Error(), { code: "ECONNRESET" })));
    secure.once("secureConnect", () => {
      const { raw } = secure.getPeerCertificate() as PeerCertificate;
      if (raw === undefined) return fail(Object.assign(new Error(), { code: "no certificate" }));
      const distrust = secure.authorized ? undefined : String(secure.authorizationError);
      done({ certificate: new X509Certificate(raw), distrust });
    });
  });
}

function startTls(socket: Socket, host: string): Promise<void> {
  const name = host.replace(/[<>&'"]/g, "");
  socket.write(
    `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${name}' version='1.0'>`,
  );
  return new Promise((done, fail) => {
    let received = "";
    let isAsked = false;
    const take = (chunk: Buffer) => {
      received += chunk.toString("latin1");
      if (received.length > maxStreamBytes || /<stream:error|<failure/.test(received)) {
        end(() => fail(Object.assign(new Error(), { code: "no STARTTLS" })));
      } else if (!isAsked && received.includes("</stream:features>")) {
        isAsked = true;
        if (!received.includes("urn:ietf:params:xml:ns:xmpp-tls")) {
          end(() => fail(Object.assign(new Error(), { code: "no STARTTLS" })));
        } else {
          socket.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        }
      } else if (received.includes("<proceed")) {
        end(done);
      }
    };
    const end = (then: () => void) => {
      socket.off("data", take);
      socket.pause();
      then();
    };
    socket.on("data", take);
    socket.once("error", fail);
    socket.once("close", () => fail(Object.assign(new Error(), { code: "ECONNRESET" })));
  });
}
