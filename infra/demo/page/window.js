// A window's chat: what a site's page does with infra/page/inspectord.js and Strophe.js, and what the panel wants to know.

import { keepConnected } from "./inspectord.js";

const { Strophe, $msg, $pres } = globalThis;
const { window: number, me, peer, host, myName, peerName } = document.body.dataset;
const element = (id) => document.querySelector(`#${id}`);
const ticketUrl = `/${number}/chat-ticket`;
const service = `ws://${location.host}/ws`;
const peerJid = `${peer}@${host}`;

const connection = new Strophe.Connection(service);
let ticketMs = 0;
let startedMs = 0;
let loggedOutMs;
let isPeerThere = false;

const chat = keepConnected(connection, {
  ticketUrl,
  onStatus,
  onLoggedOut: ended,
  fetch: async (...asked) => {
    const sinceMs = performance.now();
    const response = await fetch(...asked);
    ticketMs = performance.now() - sinceMs;
    return response;
  },
});

function onStatus(status) {
  if (status === Strophe.Status.CONNECTING) startedMs = performance.now();
  if (status === Strophe.Status.CONNECTED) {
    tell({ kind: "login", user: `${me}@${host}`, ticketMs, chatMs: performance.now() - startedMs });
    say("The chat is open.", "open");
    connection.addHandler(onMessage, null, "message");
    connection.addHandler(onPresence, null, "presence");
    connection.send($pres());
    connection.send($pres({ to: peerJid }));
  }
  if (status === Strophe.Status.AUTHFAIL) say("The chat host refused the login.", "closed");
  if (status === Strophe.Status.DISCONNECTED && loggedOutMs === undefined)
    say("The chat is interrupted ...", "waiting");
}

/** The chat host has ended the chat, and the site has said why. */
function ended() {
  const afterMs = performance.now() - (loggedOutMs ?? performance.now());
  tell({ kind: "ended", user: `${me}@${host}`, afterMs });
  say(`The chat host ended this chat ${(afterMs / 1000).toFixed(1)} s after the logout.`, "closed");
  element("site").textContent = "is logged out";
  for (const id of ["logout", "write", "pretend"]) element(id).hidden = true;
  element("again").hidden = false;
}

function onMessage(message) {
  const body = message.querySelector("body")?.textContent;
  if (body) show(peer, body);
  return true;
}

/** Whoever comes tells the other, who answers: there is no roster here. */
function onPresence(presence) {
  const from = Strophe.getBareJidFromJid(presence.getAttribute("from"));
  const isGone = presence.getAttribute("type") === "unavailable";
  if (from !== peerJid || isPeerThere !== isGone) return true;
  isPeerThere = !isGone;
  show("", `${peerName} is ${isGone ? "gone" : "here"}`);
  if (isPeerThere) connection.send($pres({ to: peerJid }));
  return true;
}

element("write").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = element("text").value.trim();
  if (text === "" || !connection.connected) return;
  connection.send($msg({ to: peerJid, type: "chat" }).c("body").t(text));
  show(me, text);
  element("text").value = "";
});

element("logout").addEventListener("click", async () => {
  loggedOutMs = performance.now();
  element("logout").hidden = true;
  say("Logged out on the site. The chat is still open ...", "waiting");
  await fetch(`/${number}/logout`, { method: "POST" });
  element("site").textContent = "is logged out";
});

element("pretend").addEventListener("click", async () => {
  const sinceMs = performance.now();
  const { password } = await (await fetch(ticketUrl)).json();
  const waitedMs = performance.now() - sinceMs;
  const other = new Strophe.Connection(service);
  let connectingMs = 0;
  other.connect(peerJid, password, (status) => {
    if (status === Strophe.Status.CONNECTING) connectingMs = performance.now();
    if (status !== Strophe.Status.AUTHFAIL && status !== Strophe.Status.CONNECTED) return;
    tell({ kind: "login", user: peerJid, ticketMs: waitedMs, chatMs: performance.now() - connectingMs });
    const isRefused = status === Strophe.Status.AUTHFAIL;
    show("", `a login as ${peerName} with ${myName}'s ticket was ${isRefused ? "refused" : "let in"}`);
    setTimeout(() => other.disconnect("tried"));
  });
});

addEventListener("pagehide", () => chat.stop());

function say(text, kind) {
  element("status").textContent = text;
  element("status").className = kind;
}

function show(from, text) {
  const line = document.createElement("li");
  line.className = from === "" ? "note" : from === me ? "mine" : "theirs";
  line.textContent = text;
  element("messages").append(line);
  line.scrollIntoView({ block: "nearest" });
}

function tell(report) {
  void fetch("/demo/report", { method: "POST", body: JSON.stringify(report) });
}
