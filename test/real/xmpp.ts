// XMPP over TCP, as far as a login goes, and some words of a client that is logged in: a stream, STARTTLS, SASL PLAIN
// and a resource (RFC 6120, RFC 4616).

import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export type LoginResult = "success" | "failure" | "stream-error" | "closed";

/** A client that is logged in. */
export interface Client {
  /** Says this, and returns what the server says from then on until it has said that. */
  say(text: string, until: string): Promise<string>;
  end(): void;
}

/** ejabberd waits up to 30 seconds for who authenticates. */
const silenceMs = 40_000;

type Step = readonly [say: string, until: string];

export interface Exchange {
  readonly result: LoginResult;
  /** What the server said to the last step. */
  readonly said: string;
}

/** Logs in, and returns what the server said to it. Throws after 40 seconds of silence. */
export async function logInByTcp(
  port: number,
  host: string,
  user: string,
  password: string,
  authorizationId = "",
): Promise<LoginResult> {
  const { socket, result } = await authenticate(port, host, user, password, authorizationId);
  socket.destroy();
  return result;
}

/** Logs in and takes a resource. Throws when the server does not let it. */
export async function connectByTcp(
  port: number,
  host: string,
  user: string,
  password: string,
): Promise<Client> {
  const { socket, result } = await authenticate(port, host, user, password);
  const all = async (steps: readonly Step[]) => {
    const exchanged = await exchange(socket, steps);
    if (exchanged.result !== "success") throw new Error(`the server ended it: ${exchanged.result}`);
    return exchanged.said;
  };
  if (result !== "success") throw new Error(`no login: ${result}`);
  await all([
    [openStream(host), "</stream:features>"],
    ['<iq type="set" id="bind"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>', "</iq>"],
  ]);
  return { say: (text, until) => all([[text, until]]), end: () => socket.destroy() };
}

async function authenticate(
  port: number,
  host: string,
  user: string,
  password: string,
  authorizationId = "",
): Promise<{ readonly socket: Socket; readonly result: LoginResult }> {
  const opened = await openSecurely(port, host);
  if (opened.result !== "success") return opened;
  const { socket } = opened;
  const message = plainMessage(user, password, authorizationId);
  const { result } = await exchange(socket, [
    [`<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">${message}</auth>`, "<success"],
  ]);
  return { socket, result };
}

/** Returns the message of SASL PLAIN in base64 (RFC 4616). */
export function plainMessage(user: string, password: string, authorizationId = ""): string {
  return Buffer.from(`${authorizationId}\0${user}\0${password}`).toString("base64");
}

/** Returns what the server offers to a client of this user that may log in: its <stream:features>, after STARTTLS. */
export async function featuresByTcp(port: number, host: string, user: string): Promise<string> {
  const { socket, said } = await openSecurely(port, host, user);
  socket.destroy();
  return /<stream:features>.*<\/stream:features>/s.exec(said)?.[0] ?? "";
}

/** Says this once the server has told its features, and returns what it answers. */
export async function sayByTcp(
  port: number,
  host: string,
  user: string,
  text: string,
  until: string,
): Promise<Exchange> {
  const { socket } = await openSecurely(port, host, user);
  const exchanged = await exchange(socket, [[text, until]]);
  socket.destroy();
  return exchanged;
}

async function openSecurely(
  port: number,
  host: string,
  user?: string,
): Promise<Exchange & { readonly socket: Socket }> {
  const plain = connect(port, "127.0.0.1");
  const started = await exchange(plain, [
    [openStream(host), "</stream:features>"],
    ['<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>', "<proceed"],
  ]);
  if (started.result !== "success") return { socket: plain, ...started };
  // The server's certificate is the test's own, of no authority.
  const socket = connectTls({ socket: plain, rejectUnauthorized: false });
  return { socket, ...(await exchange(socket, [[openStream(host, user), "</stream:features>"]])) };
}

/** `user`: who the client says it is, for SASL2 (XEP-0388). */
function openStream(host: string, user?: string): string {
  const from = user === undefined ? "" : ` from="${user}@${host}"`;
  return `<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" to="${host}"${from} version="1.0">`;
}

/** Says each text once the server has said what ends the one before. */
function exchange(socket: Socket, steps: readonly Step[]): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    let received = "";
    let step = 0;
    const say = () => socket.write(steps[step]?.[0] ?? "");
    const conclude = (result: LoginResult) => {
      socket.removeAllListeners("data");
      socket.setTimeout(0);
      resolve({ result, said: received });
    };
    socket.setTimeout(silenceMs, () => {
      reject(new Error(`silence after: ${received.slice(-300)}`));
      socket.destroy();
    });
    socket.on("data", (bytes: Buffer) => {
      received += bytes.toString();
      if (received.includes("<failure")) return conclude("failure");
      if (received.includes("<stream:error")) return conclude("stream-error");
      if (!received.includes(steps[step]?.[1] ?? "")) return;
      step++;
      if (step === steps.length) return conclude("success");
      received = "";
      say();
    });
    socket.on("error", () => conclude("closed"));
    socket.on("close", () => conclude("closed"));
    say();
  });
}
