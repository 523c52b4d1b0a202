// XMPP over TCP, as far as a login goes: a stream and SASL PLAIN (RFC 6120, RFC 4616), unencrypted, on loopback.

import { connect } from "node:net";

export type LoginResult = "success" | "failure" | "stream-error" | "closed";

/** Logs in, and gives what the server said to it. Throws after ten seconds of silence. */
export function logInByTcp(port: number, host: string, user: string, password: string): Promise<LoginResult> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    let asked = false;
    const conclude = (result: LoginResult) => {
      resolve(result);
      socket.destroy();
    };
    socket.setTimeout(10_000, () => {
      reject(new Error(`silence after: ${received.slice(-300)}`));
      socket.destroy();
    });
    socket.setEncoding("utf8");
    socket.on("connect", () =>
      socket.write(
        `<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" to="${host}" version="1.0">`,
      ),
    );
    socket.on("data", (text: string) => {
      received += text;
      if (received.includes("<success")) return conclude("success");
      if (received.includes("<failure")) return conclude("failure");
      if (received.includes("<stream:error")) return conclude("stream-error");
      if (!asked && received.includes("</stream:features>")) {
        asked = true;
        const message = Buffer.from(`\0${user}\0${password}`).toString("base64");
        socket.write(`<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">${message}</auth>`);
      }
    });
    socket.on("error", () => conclude("closed"));
    socket.on("close", () => conclude("closed"));
  });
}
