// Many chats of a page whose host restarts, with real parts: the recipe of docs/storm.md in a browser.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import type { Page } from "playwright-core";
import { localKey } from "../../infra/local/api.ts";
import { type Ejabberd, startEjabberd } from "../../infra/local/ejabberd.ts";
import { logInToSite } from "../real/browser.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import { type Chain, startChain, type Transport, transports } from "./chain.ts";
import { prepareWatched } from "./watched-chat.ts";

/** A browser has six connections to a host over HTTP/1.1, and a chat by BOSH takes up to two. */
const chatCounts = { BOSH: 2, WebSocket: 12 };
const spreadSeconds = 4;
/** The part of a wait that each chat draws. */
const drawn = (chat: number) => chat / 12;

interface Wait {
  readonly chat: number;
  readonly ms: number;
}

/** What the page holds for the test to see. */
interface Seen {
  /** "CHAT STATUS CONDITION", in the order in which Strophe said them. */
  readonly said: readonly string[];
  /** The waits that the module asked for. */
  readonly waits: readonly Wait[];
  readonly connected: number;
}

/** Lets the page's module keep these chats, by real tickets; each one's first is worthless if `isRefused`. */
function keepChats(page: Page, service: string, chatCount: number, isRefused: boolean): Promise<void> {
  return page.evaluate(
    async ({ service, chatCount, isRefused, spreadSeconds }) => {
      // biome-ignore lint/suspicious/noExplicitAny: the page's globals, which have no types here.
      const global = globalThis as any;
      const module = "/inspectord.js";
      const { keepConnected } = await import(module);
      const seen = { said: [] as string[], waits: [] as object[], connected: 0 };
      const names = Object.entries(global.Strophe.Status);
      for (let chat = 0; chat < chatCount; chat++) {
        // Methods, not arrow functions: tsx names those by a helper that the browser lacks.
        let asked = 0;
        keepConnected(new global.Strophe.Connection(service), {
          ticketUrl: "/chat-ticket",
          onStatus(status: number, condition: unknown) {
            const name = names.find(([, value]) => value === status)?.[0] ?? "";
            seen.said.push(`${chat} ${name} ${condition ?? ""}`.trim());
            if (name === "CONNECTED") seen.connected++;
          },
          random() {
            return chat / 12;
          },
          setTimer(run: () => void, ms: number) {
            seen.waits.push({ chat, ms });
            return setTimeout(run, ms);
          },
          async fetch(url: string, init: RequestInit) {
            const answer = await (await globalThis.fetch(url, init)).json();
            if (isRefused && asked++ === 0) answer.password = "nobody0has0this0session0id";
            return Response.json({ ...answer, spreadSeconds });
          },
        });
      }
      Object.assign(global, { seen });
    },
    { service, chatCount, isRefused, spreadSeconds },
  );
}

const seenBy = (page: Page) => page.evaluate("seen") as Promise<Seen>;

async function connected(page: Page, times: number): Promise<void> {
  const options = { timeout: 60_000, polling: 50 };
  await page
    .waitForFunction(`seen.connected >= ${times}`, undefined, options)
    .catch(async () => assert.fail(JSON.stringify(await seenBy(page))));
}

describe("the chats of a page whose host restarts", () => {
  const { it, before, after, afterEach } = needing("memcached", "php", "ejabberd", "chromium", "openssl");
  const directory = temporaryDirectory();
  let chain: Chain;
  let current: Ejabberd;
  let restarts = 0;

  before(async () => {
    prepareWatched(directory);
    chain = await startChain(directory, {
      TICKETS: "accepted",
      TICKET_KEYS: `1:${randomBytes(32).toString("base64url")}`,
    });
    current = chain.chat.ejabberd;
  });
  after(async () => {
    if (restarts > 0) await current.stop();
    await chain?.stop();
  });
  afterEach(() => Promise.all(chain.browser.contexts().map((context) => context.close())));

  /** The same server with the same ports, as after `systemctl restart ejabberd`. */
  const restart = async () => {
    const config = readFileSync(join(directory, "ejabberd1", "ejabberd.yml"), "utf8").replaceAll(
      "/bosh: mod_bosh",
      "/eval: ejabberd_eval\n      /bosh: mod_bosh",
    );
    const own = join(directory, `again${++restarts}`);
    mkdirSync(own);
    await current.stop();
    current = await startEjabberd({
      directory: own,
      config,
      isReady: () =>
        fetch(`http://127.0.0.1:${chain.chat.plainPort}/bosh`).then(
          ({ status }) => status === 200,
          () => false,
        ),
      env: { ...localKey, NODE_EXTRA_CA_CERTS: join(directory, "cert.pem") },
      libraries: [directory],
    });
  };
  /** As the module does when a session has ended on the site. */
  const resetAll = async () => {
    const reset = 'xmpp:serr_reset(<<"Session ended on the site">>, <<"en">>)';
    const all = "{U, S, R} <- ejabberd_sm:dirty_get_sessions_list()";
    const body = `length([ejabberd_c2s:send(ejabberd_sm:get_session_pid(U, S, R), ${reset}) || ${all}])`;
    await fetch(`http://127.0.0.1:${chain.chat.plainPort}/eval`, { method: "POST", body });
  };
  const chats = async (transport: Transport, isRefused = false) => {
    const { page } = await logInToSite(chain.browser, chain.site.url, "Alice");
    await keepChats(page, chain.chat.services[transport], chatCounts[transport], isRefused);
    await connected(page, chatCounts[transport]);
    return page;
  };

  for (const transport of transports) {
    it(`come back by ${transport}, each after its own part of the span that the site hands out`, async () => {
      const chatCount = chatCounts[transport];
      const page = await chats(transport);
      /** Sees what each chat waits for first after this, and that all come back. */
      const waitAfter = async (work: () => Promise<unknown>, seconds: number) => {
        const before = await seenBy(page);
        await work();
        await connected(page, before.connected + chatCount);
        const { waits, said } = await seenBy(page);
        for (let chat = 0; chat < chatCount; chat++) {
          const first = waits.slice(before.waits.length).find((wait) => wait.chat === chat);
          assert.equal(first?.ms, Math.round(drawn(chat) * seconds * 1000), said.join("\n"));
        }
      };
      await waitAfter(restart, spreadSeconds);
      // The end of a session is no restart: the site is asked at once.
      await waitAfter(resetAll, 1);
    });

    it(`come back by ${transport} after a refusal, by a new ticket and after a wait of their own`, async () => {
      const page = await chats(transport, true);
      const { waits, said } = await seenBy(page);
      const ofChat = (chat: number) => waits.filter((wait) => wait.chat === chat)[0]?.ms;
      for (let chat = 0; chat < chatCounts[transport]; chat++) {
        assert.equal(ofChat(chat), Math.round(drawn(chat) * 5_000), said.join("\n"));
        assert.ok(said.includes(`${chat} AUTHFAIL`) && said.includes(`${chat} CONNECTED`));
      }
    });
  }
});
