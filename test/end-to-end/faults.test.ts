// What goes wrong on a real site, with the real chain: each fault refuses logins while it lasts, and no longer.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { type ChatPage, connectStrophe, logInToSite } from "../real/browser.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { startMemcached } from "../real/memcached.ts";
import { needing } from "../real/parts.ts";
import { whilePaused } from "../real/pause.ts";
import { logInByTcp } from "../real/xmpp.ts";
import { type Chain, type ChatServer, startChain, type Transport, transports } from "./chain.ts";

/** Of startChat(). */
const poolSize = 4;

describe("the chain at fault", () => {
  const { it, before, after, afterEach } = needing("memcached", "php", "ejabberd", "chromium", "openssl");
  const directory = temporaryDirectory();
  let chain: Chain;

  before(async () => {
    chain = await startChain(directory);
  });
  after(() => chain?.stop());
  afterEach(() => Promise.all(chain.browser.contexts().map((context) => context.close())));

  const logIn = () => logInToSite(chain.browser, chain.site.url, "Alice");
  const connect = (chat: ChatServer, transport: Transport, { page, sessionId }: ChatPage) =>
    connectStrophe(page, chat.services[transport], "alice@localhost", sessionId);

  /** Returns the pids of the pool's programs, once all of them are there: ejabberd does not wait for them. */
  const poolOf = async (chat: ChatServer): Promise<number[]> => {
    const endsAt = performance.now() + 30_000;
    for (;;) {
      const programs = chat.ejabberd.programs("relay.mjs");
      if (programs.length === poolSize) return programs;
      assert.ok(performance.now() < endsAt, `${programs.length} programs`);
      await sleep(50);
    }
  };

  it("refuses while memcached is away and lets in once it is back, with nothing restarted", async () => {
    const programs = await poolOf(chain.chat);
    const before = await logIn();
    for (const transport of transports) {
      assert.equal(await connect(chain.chat, transport, before), "CONNECTED");
    }
    await chain.memcached.stop();
    for (const transport of transports) {
      assert.equal(await connect(chain.chat, transport, before), "AUTHFAIL");
      assert.equal(chain.api.logins().at(-1)?.fault, "store-unreachable");
    }
    chain.memcached = await startMemcached(chain.memcached.port);
    const after = await logIn();
    for (const transport of transports) {
      assert.equal(await connect(chain.chat, transport, after), "CONNECTED");
    }
    assert.deepEqual(chain.chat.ejabberd.programs("relay.mjs"), programs);
  });

  it("lets the next login in when the relay was killed during one", async () => {
    const chat = await chain.startChat({ program: [relayPath, chain.api.url], poolSize: 1 });
    const alice = await logIn();
    assert.equal(await connect(chat, "WebSocket", alice), "CONNECTED");
    // A store that hangs holds the login in the relay for long enough to be killed.
    await whilePaused(chain.memcached.process.pid, async () => {
      const interrupted = connect(chat, "WebSocket", alice);
      await sleep(500);
      const [relay] = chat.ejabberd.programs("relay.mjs");
      assert.ok(relay !== undefined);
      process.kill(relay, "SIGKILL");
      assert.notEqual(await interrupted, "CONNECTED");
    });
    for (const transport of transports) assert.equal(await connect(chat, transport, alice), "CONNECTED");
    await chat.ejabberd.stop();
  });

  const wrongPrograms = {
    "a URL where nothing listens": {
      relayArgs: ["https://localhost:1/auth"],
      says: /code=api-unreachable outcome=unavailable detail=ECONNREFUSED/,
    },
    "a URL that is not encrypted": {
      relayArgs: ["http://example.org/auth"],
      says: /code=bad-configuration detail="the URL is plain http to another machine/,
    },
    "a URL of another route": {
      relayArgs: ["URL/nowhere"],
      says: /code=api-status outcome=unavailable detail=404/,
    },
    "a flag that there is not": {
      relayArgs: ["https://example.org/auth", "--verbose"],
      says: /code=bad-configuration detail="Unknown option '--verbose'/,
    },
    "no URL at all": {
      relayArgs: [],
      says: /code=bad-configuration detail="the URL of the route is missing/,
    },
  };
  for (const [name, { relayArgs, says }] of Object.entries(wrongPrograms)) {
    it(`refuses, keeps BOSH up and says why, with a relay that was given ${name}`, async () => {
      const args = relayArgs.map((arg) => arg.replace("URL", chain.api.url));
      const chat = await chain.startChat({ program: [relayPath, ...args] });
      const programs = await poolOf(chat);
      const alice = await logIn();
      for (let tries = 0; tries < 10; tries++) {
        for (const transport of transports) {
          // AUTHFAIL over BOSH is the word of a session: a dead BOSH gives CONNFAIL.
          assert.equal(await connect(chat, transport, alice), "AUTHFAIL");
        }
      }
      assert.deepEqual(chat.ejabberd.programs("relay.mjs"), programs);
      assert.match(chat.ejabberd.log(), says);
      assert.ok(!chat.ejabberd.log().includes(alice.sessionId));
      await chat.ejabberd.stop();
    });
  }

  it("keeps its pool and BOSH through passwords of 70000 bytes, over every way in", async () => {
    const { chat } = chain;
    const programs = await poolOf(chat);
    const alice = await logIn();
    const huge = "x".repeat(70_000);
    // One after another: about twenty such logins end an unguarded ejabberd's logins for good.
    for (let i = 0; i < 30; i++) {
      assert.equal(await logInByTcp(chat.tcpPort, "localhost", "alice", huge), "stream-error");
      for (const transport of transports) {
        const status = await connectStrophe(alice.page, chat.services[transport], "alice@localhost", huge);
        assert.notEqual(status, "CONNECTED");
      }
    }
    assert.deepEqual(chat.ejabberd.programs("relay.mjs"), programs);
    for (const transport of transports) assert.equal(await connect(chat, transport, alice), "CONNECTED");
    assert.equal(await logInByTcp(chat.tcpPort, "localhost", "alice", alice.sessionId), "success");
  });

  it("keeps its pool and BOSH through them without the guard, too, over TCP and BOSH", async () => {
    const chat = await chain.startChat({ program: [relayPath, chain.api.url], authMethod: "external" });
    const programs = await poolOf(chat);
    const alice = await logIn();
    const huge = "x".repeat(70_000);
    for (let i = 0; i < 30; i++) {
      assert.equal(await logInByTcp(chat.tcpPort, "localhost", "alice", huge), "stream-error");
      const status = await connectStrophe(alice.page, chat.services.BOSH, "alice@localhost", huge);
      assert.notEqual(status, "CONNECTED");
    }
    assert.deepEqual(chat.ejabberd.programs("relay.mjs"), programs);
    for (const transport of transports) assert.equal(await connect(chat, transport, alice), "CONNECTED");
    await chat.ejabberd.stop();
  });
});
