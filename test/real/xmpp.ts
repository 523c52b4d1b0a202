// XMPP over TCP, as far as a login goes: a stream, STARTTLS and SASL PLAIN (RFC 6120, RFC 4616).

import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export type LoginResult = "success" | "failure" | "stream-error" | "closed";

/** Logs in, and gives what the server said to it. Throws after ten seconds of silence. */
export async function logInByTcp(
  port: number,
  host: string,
  user: string,
  password: string,
): Promise<LoginResult> {
  const plain = connect(port, "127.0.0.1");
  const secure = await exchange(plain, [
    [openStream(host), "</stream:features>"],
    ['<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>', "<proceed"],
  ]);
  if (secure !== "done") return secure;
  // The server's certificate is the test's own, of no authority.
  const socket = connectTls({ socket: plain, rejectUnauthorized: false });
  const message = Buffer.from(`\0${user}\0${password}`).toString("base64");
  const result = await exchange(socket, [
    [openStream(host), "</stream:features>"],
    [`<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">${message}</auth>`, "<success"],
  ]);
  socket.destroy();
  return result === "done" ? "success" : result;
}

function openStream(host: string): string {
  return `<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" to="${host}" version="1.0">`;
}

/** Says each text once the server has said what ends the one before. */
function exchange(
  socket: Socket,
  steps: readonly (readonly [string, string])[],
): Promise<Exclude<LoginResult, "success"> | "done"> {
  return new Promise((resolve, reject) => {
    let received = "";
    let step = 0;
    const say = () => socket.write(steps[step]?.[0] ?? "");
    const conclude = (result: Exclude<LoginResult, "success"> | "done") => {
      socket.removeAllListeners("data");
      socket.setTimeout(0);
      resolve(result);
    };
    socket.setTimeout(10_000, () => {
      reject(new Error(`silence after: ${received.slice(-300)}`));
      socket.destroy();
    });
    socket.on("data", (bytes: Buffer) => {
      received += bytes.toString();
      if (received.includes("<failure")) return conclude("failure");
      if (received.includes("<stream:error")) return conclude("stream-error");
      if (!received.includes(steps[step]?.[1] ?? "")) return;
      received = "";
      step++;
      if (step === steps.length) return conclude("done");
      say();
    });
    socket.on("error", () => conclude("closed"));
    socket.on("close", () => conclude("closed"));
    say();
  });
}
