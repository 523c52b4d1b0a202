// A chat client that stays connected and hears how its connection ends: over TCP with SASL or SASL2, over BOSH and over
// WebSocket (RFC 6120, RFC 7395, XEP-0124, XEP-0206, XEP-0388).

import { createHmac, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export interface ChatClient {
  /** Says this. Over BOSH it goes with the next request. */
  say(text: string): void;
  /** Resolves to what was heard up to this, and forgets it. Rejects when the connection ends, or it takes too long. */
  hears(word: string | RegExp): Promise<string>;
  /** Resolves to the stream error's condition (RFC 6120, 4.9.3), or "closed", once the connection has ended. */
  readonly ended: Promise<string>;
  /** Whether it has. */
  hasEnded(): boolean;
  /** Ends the connection as a network does, without a word. */
  cut(): void;
}

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** The login was refused: with this condition of SASL, or the stream's error. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
}

const silenceMs = 30_000;
const host = "localhost";

/** What a transport has heard, and who waits for it. */
class Heard {
  #text = "";
  #isOver = false;
  #over: (condition: string) => void = () => {};
  readonly #waiting = new Set<() => void>();
  readonly ended = new Promise<string>((resolve) => {
    this.#over = resolve;
  });

  get isOver(): boolean {
    return this.#isOver;
  }

  add(text: string): void {
    this.#text += text;
    const error = /<(?:stream:)?error[^>]*>\s*<([a-z-]+)[^>]*streams['"]/.exec(this.#text)?.[1];
    if (error !== undefined) this.end(error);
    for (const check of this.#waiting) check();
  }

  end(condition = "closed"): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#over(condition);
    for (const check of this.#waiting) check();
  }

  hears(word: string | RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        act();
      };
      const check = () => {
        const at = typeof word === "string" ? this.#text.indexOf(word) : this.#text.search(word);
        if (at >= 0) {
          const said = this.#text;
          this.#text = "";
          settle(() => resolve(said));
        } else if (this.#isOver) {
          settle(() => reject(new Error(`it ended before ${word}: ${this.#text.slice(-300)}`)));
        }
      };
      const timer = setTimeout(
        () => settle(() => reject(new Error(`no ${word} in: ${this.#text.slice(-300)}`))),
        silenceMs,
      );
      this.#waiting.add(check);
      check();
    });
  }
}

const plain = ({ user, password }: Login) => Buffer.from(`\0${user}\0${password}`).toString("base64");
const auth = (login: Login) =>
  `<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">${plain(login)}</auth>`;
const bind = '<iq type="set" id="bind"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>';
const outcome = /<success|<failure|<(?:stream:)?error/;

async function succeeds(client: ChatClient): Promise<string> {
  const said = await client.hears(outcome);
  if (said.includes("<success")) return said;
  throw new RefusedError(/<(?:failure|(?:stream:)?error)[^>]*>\s*<([a-z-]+)/.exec(said)?.[1] ?? said);
}

// TCP

function openStream(from?: string): string {
  const attributes = from === undefined ? "" : ` from="${from}@${host}"`;
  return `<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" to="${host}"${attributes} version="1.0">`;
}

function overSocket(socket: Socket): ChatClient {
  const heard = new Heard();
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => heard.add(text));
  socket.on("error", () => heard.end());
  socket.on("close", () => heard.end());
  return {
    say: (text) => void socket.write(text),
    hears: (word) => heard.hears(word),
    ended: heard.ended,
    hasEnded: () => heard.isOver,
    cut: () => void socket.destroy(),
  };
}

/** Returns a client that has not logged in yet, behind STARTTLS and with the stream's features heard. */
async function reach(port: number, from?: string): Promise<{ client: ChatClient; features: string }> {
  const socket = connect(port, "127.0.0.1");
  const bare = overSocket(socket);
  bare.say(openStream());
  await bare.hears("</stream:features>");
  bare.say('<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>');
  await bare.hears("<proceed");
  socket.removeAllListeners("data");
  // The server's certificate is the test's own, of no authority.
  const client = overSocket(connectTls({ socket, rejectUnauthorized: false }));
  client.say(openStream(from));
  return { client, features: await client.hears("</stream:features>") };
}

/** Logs in by SASL, and neither binds a resource nor resumes one yet. */
export async function logInForResume(port: number, login: Login): Promise<ChatClient> {
  const { client } = await reach(port);
  client.say(auth(login));
  await succeeds(client);
  client.say(openStream());
  await client.hears("</stream:features>");
  return client;
}

/** Logs in and takes a resource. */
export async function connectByTcp(port: number, login: Login): Promise<ChatClient> {
  const client = await logInForResume(port, login);
  client.say(bind);
  await client.hears("</iq>");
  return client;
}

/** Logs in by OAUTH's token in place of a password. */
export async function connectByOauth(port: number, user: string, token: string): Promise<ChatClient> {
  const { client } = await reach(port);
  const message = plain({ user, password: token });
  client.say(`<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="X-OAUTH2">${message}</auth>`);
  await succeeds(client);
  return client;
}

/** What a client of SASL2 has in hand: who it is over its logins, and FAST's token once it has one (XEP-0484). */
export interface Agent {
  readonly user: string;
  readonly id: string;
}

export interface Sasl2 {
  readonly client: ChatClient;
  readonly features: string;
  /** FAST's token, where one was granted. */
  readonly token: string | undefined;
}

/** Logs in by SASL2 with a password or FAST's token, binds a resource, and asks for a token where it is told to. */
export async function connectBySasl2(
  port: number,
  { user, id }: Agent,
  by: { readonly password: string } | { readonly token: string },
  asksToken = false,
): Promise<Sasl2> {
  const { client, features } = await reach(port, user);
  const isToken = "token" in by;
  const proof = isToken
    ? Buffer.concat([Buffer.from(`${user}\0`), createHmac("sha256", by.token).update("Initiator").digest()])
    : Buffer.from(`\0${user}\0${by.password}`);
  client.say(
    `<authenticate xmlns="urn:xmpp:sasl:2" mechanism="${isToken ? "HT-SHA-256-NONE" : "PLAIN"}">` +
      `<initial-response>${proof.toString("base64")}</initial-response>` +
      `<user-agent id="${id}"><software>test</software></user-agent>` +
      (isToken ? '<fast xmlns="urn:xmpp:fast:0"/>' : "") +
      (asksToken ? '<request-token xmlns="urn:xmpp:fast:0" mechanism="HT-SHA-256-NONE"/>' : "") +
      '<bind xmlns="urn:xmpp:bind:0"><tag>test</tag></bind></authenticate>',
  );
  const said = await succeeds(client);
  return { client, features, token: /<token[^>]* token=['"]([^'"]+)/.exec(said)?.[1] };
}

// WebSocket

const framing = 'xmlns="urn:ietf:params:xml:ns:xmpp-framing"';

/** Logs in over a WebSocket without TLS, and takes a resource. */
export async function connectByWebSocket(port: number, login: Login): Promise<ChatClient> {
  const socket = connect(port, "127.0.0.1");
  const heard = new Heard();
  let bytes = Buffer.alloc(0);
  let isUpgraded = false;
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    if (!isUpgraded) {
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      isUpgraded = true;
      heard.add(bytes.toString("utf8", 0, end));
      bytes = bytes.subarray(end + 4);
    }
    for (let frame = frameOf(bytes); frame !== undefined; frame = frameOf(bytes)) {
      bytes = bytes.subarray(frame.end);
      heard.add(frame.text);
    }
  });
  socket.on("error", () => heard.end());
  socket.on("close", () => heard.end());
  socket.write(
    `GET /ws HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\nSec-WebSocket-Version: 13\r\n` +
      "Sec-WebSocket-Protocol: xmpp\r\n\r\n",
  );
  const client: ChatClient = {
    say: (text) => void socket.write(maskedFrame(text)),
    hears: (word) => heard.hears(word),
    ended: heard.ended,
    hasEnded: () => heard.isOver,
    cut: () => void socket.destroy(),
  };
  // ejabberd drops what comes before it has answered.
  await client.hears(/^HTTP\/1\.1 101/);
  const open = `<open ${framing} to="${host}" version="1.0"/>`;
  client.say(open);
  await client.hears("</stream:features>");
  client.say(auth(login));
  await succeeds(client);
  client.say(open);
  await client.hears("</stream:features>");
  client.say(bind.replace("<iq ", '<iq xmlns="jabber:client" '));
  await client.hears("</iq>");
  return client;
}

/** A text frame of a client (RFC 6455, 5.2), of less than 64 KB. */
function maskedFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const head =
    payload.length < 126
      ? Buffer.of(0x81, 0x80 | payload.length)
      : Buffer.of(0x81, 0xfe, payload.length >> 8, payload.length & 0xff);
  // A mask of zeros leaves the text as it is.
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}

/** The first whole frame of a server. */
function frameOf(bytes: Buffer): { readonly text: string; readonly end: number } | undefined {
  if (bytes.length < 4) return undefined;
  const short = (bytes[1] ?? 0) & 0x7f;
  const [length, start] = short === 126 ? [bytes.readUInt16BE(2), 4] : [short, 2];
  if (bytes.length < start + length) return undefined;
  const isText = ((bytes[0] ?? 0) & 0x0f) === 1;
  return { text: isText ? bytes.toString("utf8", start, start + length) : "", end: start + length };
}

// BOSH

/** Logs in over BOSH without TLS, takes a resource, and always has a request waiting. */
export async function connectByBosh(port: number, login: Login): Promise<ChatClient> {
  const heard = new Heard();
  const gone = new AbortController();
  let requestId = Math.floor(Math.random() * 2 ** 32);
  const post = async (attributes: string, content: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/bosh`, {
      method: "POST",
      headers: { "content-type": "text/xml" },
      body: `<body xmlns="http://jabber.org/protocol/httpbind" rid="${requestId++}" ${attributes}>${content}</body>`,
      signal: gone.signal,
    });
    const said = await response.text();
    heard.add(said);
    if (/type=['"]terminate/.test(said)) heard.end();
    return said;
  };
  const opened = await post(
    `to="${host}" wait="20" hold="1" ver="1.6" xmpp:version="1.0" xmlns:xmpp="urn:xmpp:xbosh"`,
    "",
  );
  const session = /\bsid=['"]([^'"]+)/.exec(opened)?.[1];
  if (session === undefined) throw new RefusedError("no BOSH");
  const own = `sid="${session}"`;
  const say = (text: string, attributes = "") =>
    void post(`${own} ${attributes}`, text).catch(() => heard.end());
  const client: ChatClient = {
    say,
    hears: (word) => heard.hears(word),
    ended: heard.ended,
    hasEnded: () => heard.isOver,
    cut: () => gone.abort(),
  };
  say(auth(login));
  await succeeds(client);
  say("", 'xmpp:restart="true" xmlns:xmpp="urn:xmpp:xbosh"');
  await client.hears("stream:features");
  say(bind.replace("<iq ", '<iq xmlns="jabber:client" '));
  await client.hears("</iq>");
  const poll = async () => {
    while (!heard.isOver) await post(own, "");
  };
  void poll().catch(() => heard.end());
  return client;
}
