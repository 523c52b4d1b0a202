// Tickets with real parts: PHP seals them, the page's module fetches them, ejabberd passes them on, the function opens them.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe } from "node:test";
import type { Page } from "playwright-core";
import { connectStrophe, logInToSite } from "../real/browser.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import { type Chain, startChain } from "./chain.ts";

const keys = `1:${randomBytes(32).toString("base64url")}`;

/** What the page holds for the test to see. */
interface Seen {
  /** Strophe's statuses by their names, and "logged out". */
  readonly said: readonly string[];
  readonly tickets: readonly string[];
}

/** Lets the page's module keep a connection, as docs/tickets.md says, but with short waits between attempts. */
function keepConnected(page: Page, service: string): Promise<void> {
  return page.evaluate(async (service) => {
    // biome-ignore lint/suspicious/noExplicitAny: the page's globals, which have no types here.
    const global = globalThis as any;
    // A variable, for what is written here is not the browser's code.
    const module = "/inspectord.js";
    const { keepConnected } = await import(module);
    const seen = { said: [] as string[], tickets: [] as string[] };
    const connection = new global.Strophe.Connection(service);
    const names = Object.entries(global.Strophe.Status);
    // Methods, not arrow functions: tsx names those by a helper that the browser lacks.
    const chat = keepConnected(connection, {
      ticketUrl: "/chat-ticket",
      onStatus(status: number) {
        seen.said.push(names.find(([, value]) => value === status)?.[0] ?? "");
      },
      onLoggedOut() {
        seen.said.push("logged out");
      },
      random() {
        return 0.02;
      },
      async fetch(url: string, init: RequestInit) {
        const response = await globalThis.fetch(url, init);
        if (response.ok) seen.tickets.push((await response.clone().json()).password);
        return response;
      },
    });
    Object.assign(global, { seen, chat, connection });
  }, service);
}

const seenBy = (page: Page) => page.evaluate("seen") as Promise<Seen>;

/** Waits until the page has heard this so many times. */
async function hears(page: Page, word: string, times = 1): Promise<void> {
  const expression = `seen.said.filter((word) => word === ${JSON.stringify(word)}).length >= ${times}`;
  await page.waitForFunction(expression, undefined, { timeout: 30_000, polling: 50 });
}

/** Cuts the page's connection, as a network does: the socket ends, and no stream is closed before. */
const cut = (page: Page) => page.evaluate("connection._proto.socket.close()");

describe("a chat by tickets", () => {
  const { it, before, after, afterEach } = needing("memcached", "php", "ejabberd", "chromium", "openssl");
  const directory = temporaryDirectory();
  let chain: Chain;
  let service: string;

  before(async () => {
    chain = await startChain(directory, { TICKETS: "required", TICKET_KEYS: keys });
    service = chain.chat.services.WebSocket;
  });
  after(() => chain?.stop());
  afterEach(() => Promise.all(chain.browser.contexts().map((context) => context.close())));

  const logIn = () => logInToSite(chain.browser, chain.site.url, "Alice");
  const lastLogin = () => chain.api.logins().at(-1);
  const onSite = (page: Page, path: string) =>
    page.evaluate(async (path) => (await fetch(path)).status, path);

  it("begins by a ticket of the visitor's own session", async () => {
    const { page } = await logIn();
    await keepConnected(page, service);
    await hears(page, "CONNECTED");
    assert.equal(lastLogin()?.outcome, "allowed");
    assert.equal((await seenBy(page)).tickets.length, 1);
  });

  it("goes on with a new ticket after the connection was cut", async () => {
    const { page } = await logIn();
    await keepConnected(page, service);
    for (let cuts = 1; cuts <= 2; cuts++) {
      await hears(page, "CONNECTED", cuts);
      await cut(page);
    }
    await hears(page, "CONNECTED", 3);
    const { tickets } = await seenBy(page);
    assert.equal(new Set(tickets).size, 3);
  });

  it("ends where the visitor has logged out on the site, and begins anew with the next login", async () => {
    const { page } = await logIn();
    await keepConnected(page, service);
    await hears(page, "CONNECTED");
    await onSite(page, "/logout");
    await cut(page);
    await hears(page, "logged out");
    const { said, tickets } = await seenBy(page);
    assert.deepEqual([said.filter((word) => word === "CONNECTED").length, tickets.length], [1, 1]);
    await onSite(page, "/login?user=Alice");
    await keepConnected(page, service);
    await hears(page, "CONNECTED");
  });

  it("begins again by the same ticket within its minute, and not after the logout", async () => {
    const { page } = await logIn();
    const { jid, password } = (await page.evaluate(
      "fetch('/chat-ticket').then((response) => response.json())",
    )) as { jid: string; password: string };
    assert.equal(await connectStrophe(page, service, jid, password), "CONNECTED");
    assert.equal(await connectStrophe(page, service, jid, password), "CONNECTED");
    await onSite(page, "/logout");
    assert.equal(await connectStrophe(page, service, jid, password), "AUTHFAIL");
    assert.equal(lastLogin()?.reason, "no-session");
  });

  it("begins for nobody else by one's ticket, and by no ticket of another key", async () => {
    const { page } = await logIn();
    const ticket = (await page.evaluate("fetch('/chat-ticket').then((response) => response.json())")) as {
      password: string;
    };
    assert.equal(await connectStrophe(page, service, "bob@localhost", ticket.password), "AUTHFAIL");
    assert.equal(lastLogin()?.reason, "other-user");
    const changed = ticket.password.replace(/.(?=.{5}$)/, (letter) => (letter === "A" ? "B" : "A"));
    assert.equal(await connectStrophe(page, service, "alice@localhost", changed), "AUTHFAIL");
    assert.equal(lastLogin()?.reason, "ticket-forged");
  });

  it("begins by no plain session id where tickets are required", async () => {
    const { page, sessionId } = await logIn();
    assert.equal(await connectStrophe(page, service, "alice@localhost", sessionId), "AUTHFAIL");
    assert.equal(lastLogin()?.reason, "ticket-required");
  });

  it("leaves no ticket, key or session id in the function's log", async () => {
    const { page, sessionId } = await logIn();
    await keepConnected(page, service);
    await hears(page, "CONNECTED");
    const log = chain.api.process.output();
    const [ticket = ""] = (await seenBy(page)).tickets;
    for (const secret of [sessionId, ...ticket.split("."), keys.slice(2)].filter(Boolean)) {
      assert.ok(!log.includes(secret), secret.slice(0, 3));
    }
  });
});
