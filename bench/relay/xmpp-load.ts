// Logins to ejabberd: SASL PLAIN over TCP (RFC 6120, RFC 4616), offered at a rate whatever comes of them, or so many
// at a time. A login's time is from its password to the server's word on it.
// usage: xmpp-load.ts PORT PASSWORD PASSWORDS COUNT rate PER_SECOND | concurrency N   ; writes a JSON report

import { connect } from "node:net";

const [port = "", password = "", passwords = "1", count = "0", how = "", much = "0"] = process.argv.slice(2);
const openStream =
  '<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams" to="localhost" version="1.0">';
const auth = (login: number) => {
  const message = Buffer.from(`\0alice\0${password}${login % Number(passwords)}`).toString("base64");
  return `<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">${message}</auth>`;
};
/** ejabberd's own limit on an external login, and some time for the stream. */
const patienceMs = 40_000;

const tookMs: number[] = [];
const lost: Record<string, number> = {};

let logins = 0;
function logIn(): Promise<void> {
  const login = logins++;
  return new Promise((resolve) => {
    const socket = connect(Number(port), "127.0.0.1");
    let said = "";
    let askedMs = 0;
    const end = (fault?: string) => {
      clearTimeout(timer);
      if (fault === undefined) tookMs.push(performance.now() - askedMs);
      else lost[fault] = (lost[fault] ?? 0) + 1;
      socket.destroy();
      resolve();
    };
    const timer = setTimeout(() => end("silence"), patienceMs);
    socket.setNoDelay(true).setEncoding("latin1");
    socket.on("connect", () => socket.write(openStream));
    socket.on("error", ({ message: fault }) => end(fault));
    socket.on("end", () => end("closed"));
    socket.on("data", (text: string) => {
      said += text;
      if (askedMs === 0 && said.includes("</stream:features>")) {
        askedMs = performance.now();
        socket.write(auth(login));
      } else if (said.includes("<success")) end();
      else if (said.includes("<failure")) end("failure");
    });
  });
}

const startedMs = performance.now();
const all: Promise<void>[] = [];
if (how === "rate") {
  for (let begun = 0; begun < Number(count); begun++) {
    const dueMs = startedMs + (begun * 1000) / Number(much);
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    all.push(logIn());
  }
} else {
  let left = Number(count);
  const work = async () => {
    while (left-- > 0) await logIn();
  };
  for (let at = 0; at < Number(much); at++) all.push(work());
}
await Promise.all(all);
const report = JSON.stringify({ tookMs, lost, elapsedMs: performance.now() - startedMs });
// Only then: a pipe takes a long report in pieces.
process.stdout.write(report, () => process.exit(0));
