// The main job: a session that real PHP wrote logs its user in to a real ejabberd, from a real browser.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { connectStrophe, logInToSite } from "../real/browser.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import { logInByTcp } from "../real/xmpp.ts";
import { type Chain, startChain, type Transport, transports } from "./chain.ts";

describe("a login to the chat", () => {
  const { it, before, after, afterEach } = needing("memcached", "php", "ejabberd", "chromium", "openssl");
  const directory = temporaryDirectory();
  let chain: Chain;

  before(async () => {
    chain = await startChain(directory);
  });
  after(() => chain?.stop());
  // A page that was left open would hold its connections, and its share of the two cores.
  afterEach(() => Promise.all(chain.browser.contexts().map((context) => context.close())));

  const logIn = (user: string, lifetimeSeconds?: number) =>
    logInToSite(chain.browser, chain.site.url, user, lifetimeSeconds);
  const lastLogin = () => chain.api.logins().at(-1);

  for (const transport of transports) {
    const connect = (page: Parameters<typeof connectStrophe>[0], user: string, password: string) =>
      connectStrophe(page, chain.chat.services[transport satisfies Transport], `${user}@localhost`, password);

    describe(`over ${transport}`, () => {
      it("succeeds with one's own session", async () => {
        const alice = await logIn("Alice");
        assert.equal(await connect(alice.page, "alice", alice.sessionId), "CONNECTED");
        assert.equal(lastLogin()?.outcome, "allowed");
      });

      it("succeeds with a second session of the same user, and with the first again", async () => {
        const first = await logIn("Alice");
        const second = await logIn("Alice");
        assert.notEqual(first.sessionId, second.sessionId);
        assert.equal(await connect(first.page, "alice", first.sessionId), "CONNECTED");
        assert.equal(await connect(second.page, "alice", second.sessionId), "CONNECTED");
        assert.equal(await connect(first.page, "alice", first.sessionId), "CONNECTED");
      });

      it("fails with another user's session", async () => {
        const alice = await logIn("Alice");
        assert.equal(await connect(alice.page, "bob", alice.sessionId), "AUTHFAIL");
        assert.equal(lastLogin()?.reason, "other-user");
      });

      it("fails with a session that was destroyed on the site, which let in before", async () => {
        const alice = await logIn("Alice");
        assert.equal(await connect(alice.page, "alice", alice.sessionId), "CONNECTED");
        await alice.page.goto(`${chain.site.url}/logout`);
        assert.equal(await connect(alice.page, "alice", alice.sessionId), "AUTHFAIL");
        assert.equal(lastLogin()?.reason, "no-session");
      });

      it("fails with a session whose lifetime has passed", async () => {
        const alice = await logIn("Alice", 1);
        await new Promise((resolve) => setTimeout(resolve, 2_200));
        assert.equal(await connect(alice.page, "alice", alice.sessionId), "AUTHFAIL");
        assert.equal(lastLogin()?.reason, "no-session");
      });

      it("fails with a session that nobody has", async () => {
        const alice = await logIn("Alice");
        assert.equal(await connect(alice.page, "alice", "nobody0has0this0session0id"), "AUTHFAIL");
        assert.equal(lastLogin()?.reason, "no-session");
      });

      it("fails with a session in which nobody is logged in", async () => {
        const alice = await logIn("Alice");
        const visitor = await (await chain.browser.newContext({ ignoreHTTPSErrors: true })).newPage();
        await visitor.goto(chain.site.url);
        const { id } = (await visitor.evaluate("session")) as { id: string };
        assert.equal(await connect(alice.page, "alice", id), "AUTHFAIL");
      });

      it("fails with passwords that are no session id, and the next login succeeds", async () => {
        const alice = await logIn("Alice");
        for (const password of ["a:b:c", "pässwörd€😀", "x".repeat(60_000), ""]) {
          const status = await connect(alice.page, "alice", password);
          assert.notEqual(status, "CONNECTED");
          if (password.length < 1000 && password !== "") assert.equal(status, "AUTHFAIL");
          assert.equal(await connect(alice.page, "alice", alice.sessionId), "CONNECTED");
        }
      });
    });
  }

  it("succeeds over TCP, too, with STARTTLS and PLAIN", async () => {
    const alice = await logIn("Alice");
    assert.equal(await logInByTcp(chain.chat.tcpPort, "localhost", "alice", alice.sessionId), "success");
    assert.equal(await logInByTcp(chain.chat.tcpPort, "localhost", "bob", alice.sessionId), "failure");
  });

  it("knows a user whose name is no JID as it stands", async () => {
    const { page, sessionId } = await logIn("Jürgen von Ohlen");
    const jid = "jürgen\\20von\\20ohlen@localhost";
    for (const transport of transports) {
      assert.equal(await connectStrophe(page, chain.chat.services[transport], jid, sessionId), "CONNECTED");
    }
  });

  it("leaves no session id, no password and no user's name in the function's log", async () => {
    const alice = await logIn("Alice");
    await connectStrophe(alice.page, chain.chat.services.BOSH, "mallory@localhost", alice.sessionId);
    const log = chain.api.process.output();
    assert.match(log, /"reason":"other-user"/);
    for (const secret of [alice.sessionId, "mallory", "nobody0has0this0session0id", "a:b:c"]) {
      assert.ok(!log.includes(secret), secret.slice(0, 3));
    }
  });
});
