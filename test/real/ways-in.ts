// The ways in to ejabberd that take a password and speak no XMPP: HTTP Basic and MQTT.

import { connect } from "node:net";

/** Returns the status of a request with HTTP Basic (RFC 7617). */
export async function logInByHttp(url: string, jid: string, password: string): Promise<number> {
  const authorization = `Basic ${Buffer.from(`${jid}:${password}`).toString("base64")}`;
  const response = await fetch(url, { method: "POST", headers: { authorization }, body: "{}" });
  await response.arrayBuffer();
  return response.status;
}

/** Returns the return code of MQTT's CONNACK (MQTT 3.1.1, 3.2.2.3): 0 for a login, or "closed". */
export function logInByMqtt(port: number, jid: string, password: string): Promise<number | "closed"> {
  const text = (value: string) => {
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  // Protocol level 4, the flags of a user name, a password and a clean session, and a keep-alive of a minute.
  const body = Buffer.concat([
    text("MQTT"),
    Buffer.of(4, 0xc2, 0, 60),
    text("client"),
    text(jid),
    text(password),
  ]);
  const length: number[] = [];
  for (let left = body.length; left > 0; left >>= 7) length.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("data", (bytes) => {
      resolve(bytes[3] ?? "closed");
      socket.destroy();
    });
    socket.on("error", () => resolve("closed"));
    socket.on("close", () => resolve("closed"));
    socket.write(Buffer.concat([Buffer.of(0x10, ...length), body]));
  });
}
