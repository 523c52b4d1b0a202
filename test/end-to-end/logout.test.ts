// The rows that take minutes, with PHP, memcached and the function behind the relay, are in
// test/logout/.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunningProcess } from "../../infra/local/process.ts";
import type { Certificate } from "../real/certificate.ts";
import {
  type Agent,
  type ChatClient,
  connectByBosh,
  connectByOauth,
  connectBySasl2,
  connectByTcp,
  connectByWebSocket,
  logInForResume,
} from "../real/chat-client.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { ejabberdVersion, needing } from "../real/parts.ts";
import {
  hintToken,
  prepareWatched,
  SessionsApi,
  startWatchedChat,
  startWatchRelay,
  type WatchedChat,
} from "./watched-chat.ts";

/** The first version with SASL2 and FAST (XEP-0388, XEP-0484). */
const fastSince = 24.12;
const intervalMs = 5000;
const confirmMs = 1000;
/** How long what is to end may take on a slow machine. */
const deadlineMs = 40_000;
const options = {
  interval: "5s",
  confirm_after: "1s",
  mode: "end",
  brake_least: 5,
  brake_percent: 60,
  brake_hold: "60s",
} as const;

describe("logout ends the chat", () => {
  const { it, before, after, afterEach } = needing("ejabberd", "oauth", "openssl", "socat");
  const directory = temporaryDirectory();
  const socketPath = join(directory, "relay.sock");
  const sessions = new SessionsApi();
  const clients = new Set<ChatClient>();
  let relay: RunningProcess;
  let chat: WatchedChat;
  let certificate: Certificate;

  before(async () => {
    certificate = prepareWatched(directory);
    await sessions.start();
    relay = await startWatchRelay(sessions.url, socketPath);
    const own = join(directory, "ejabberd");
    mkdirSync(own);
    chat = await startWatchedChat(own, directory, certificate, {
      socketPath,
      watch: options,
      modules: ejabberdVersion() >= fastSince ? ["mod_auth_fast: {}"] : [],
    });
  });
  afterEach(() => {
    for (const client of clients) client.cut();
    clients.clear();
    sessions.isAway = false;
    sessions.waitsFor = () => undefined;
  });
  after(async () => {
    await chat?.ejabberd.stop();
    await relay?.stop();
    await sessions.stop();
  });

  const kept = async (connecting: Promise<ChatClient>) => {
    const client = await connecting;
    clients.add(client);
    return client;
  };
  /** Connects a user with a session, a new one unless it is given. */
  const connect = (user: string, password = sessions.open(user)) =>
    kept(connectByTcp(chat.tcpPort, { user, password }));

  async function oauthToken(user: string): Promise<string> {
    const issued = await chat.command("oauth_issue_token", {
      jid: `${user}@localhost`,
      ttl: 600,
      scopes: "sasl_auth",
    });
    return (issued as { token: string }).token;
  }

  /** Returns after how many milliseconds a connection ended with `reset`. */
  async function endsByReset(client: ChatClient): Promise<number> {
    const beganAt = performance.now();
    const condition = await Promise.race([client.ended, sleep(deadlineMs, "nothing", { ref: false })]);
    assert.equal(condition, "reset");
    return Math.round(performance.now() - beganAt);
  }

  /** Has these users' sessions looked at, and sees that their connections stay, for as long as ending them takes. */
  async function stay(users: readonly string[], ...live: readonly ChatClient[]): Promise<void> {
    await chat.hint(users);
    await sleep(confirmMs + 1500);
    for (const client of live) assert.equal(client.hasEnded(), false);
  }

  it("ends the connections of that session over TCP, BOSH and WebSocket, and nobody else's", async (t) => {
    const session = sessions.open("alice");
    const login = { user: "alice", password: session };
    const tabs = await Promise.all([
      kept(connectByTcp(chat.tcpPort, login)),
      kept(connectByTcp(chat.tcpPort, login)),
      kept(connectByBosh(chat.plainPort, login)),
      kept(connectByWebSocket(chat.plainPort, login)),
    ]);
    const phone = await connect("alice");
    const bob = await connect("bob");
    sessions.close(session);
    t.diagnostic(`after ${(await Promise.all(tabs.map(endsByReset))).join(", ")} ms`);
    await stay(["alice", "bob"], phone, bob);
  });

  it("ends within a hint's time by a hint, and believes nothing of it", async (t) => {
    const [first, second, live] = [sessions.open("alice"), sessions.open("alice"), sessions.open("alice")];
    const [tab, other, phone, bob] = await Promise.all([
      connect("alice", first),
      connect("alice", second),
      connect("alice", live),
      connect("bob"),
    ]);
    assert.equal(await chat.hint(["alice", "bob", "nobody"]), 204);
    // Two of the user's sessions end within a second: the second hint is not lost in the first one's wake.
    sessions.close(first);
    await chat.hint(["Alice"]);
    sessions.close(second);
    await chat.hint(["alice"]);
    const took = await Promise.all([tab, other].map(endsByReset));
    t.diagnostic(`after ${took.join(" and ")} ms, ${confirmMs} of them confirm_after`);
    await stay(["alice", "bob"], phone, bob);
  });

  it("looks at nobody for a hint without the right token, or of another form", async () => {
    const asked = sessions.looks;
    await connect("alice");
    for (const token of ["", "x".repeat(48), hintToken.slice(1)]) {
      assert.equal(await chat.hint(["alice"], token), 403);
    }
    assert.equal((await fetch(chat.hintUrl)).status, 403);
    const headers = { authorization: `Bearer ${hintToken}` };
    const tooLong = await fetch(chat.hintUrl, { method: "POST", headers, body: "alice\n".repeat(20_000) });
    assert.equal(tooLong.status, 403);
    const basic = { authorization: `Basic ${Buffer.from(`x:${hintToken}`).toString("base64")}` };
    assert.equal((await fetch(chat.hintUrl, { method: "POST", headers: basic, body: "alice" })).status, 403);
    // Whatever is named, and however, the answer is the same.
    const form = { ...headers, "content-type": "application/x-www-form-urlencoded" };
    assert.equal((await fetch(chat.hintUrl, { method: "POST", headers: form, body: "alice" })).status, 204);
    const garbage = Buffer.from([0xff, 0xfe, 0x0a, 0x00, 0x0a, 0xc3]);
    const wild = await fetch(chat.hintUrl, { method: "POST", headers, body: garbage });
    assert.equal(wild.status, 204);
    // A round may have come meanwhile, and one look by a hint would follow it at once.
    assert.ok(sessions.looks - asked <= 1, `${sessions.looks - asked} looks`);
  });

  it("looks once a second at a user, however many hints there are", async () => {
    await connect("carol");
    const asked = sessions.looks;
    const beganAt = performance.now();
    for (let i = 0; i < 200; i++) await chat.hint(["carol"]);
    const seconds = (performance.now() - beganAt) / 1000;
    // One a second, each round's own, and one more for a second that has begun.
    const allowed = Math.ceil(seconds) + Math.ceil((seconds * 1000) / intervalMs) + 2;
    assert.ok(sessions.looks - asked <= allowed, `${sessions.looks - asked} looks in ${seconds} s`);
  });

  it("ends the connection where the session is another user's now", async (t) => {
    const session = sessions.open("alice");
    const client = await connect("alice", session);
    sessions.users.set(session, "bob");
    await chat.hint(["alice"]);
    t.diagnostic(`after ${await endsByReset(client)} ms`);
  });

  it("leaves who logs in with the same id again, while an answer from before that is on its way", async () => {
    await chat.reload({ ...options, interval: "off" });
    const session = sessions.open("alice");
    await connect("alice", session);
    let confirm = () => {};
    const confirmed = new Promise<void>((resolve) => {
      confirm = resolve;
    });
    let ended = 0;
    const second = new Promise<void>((resolve) => {
      sessions.waitsFor = (live) => {
        if (!live.includes("0") || ++ended !== 2) return undefined;
        resolve();
        return confirmed;
      };
    });
    sessions.close(session);
    await chat.hint(["alice"]);
    await second;
    // PHP without strict mode opens a session with the cookie's id once more.
    sessions.users.set(session, "alice");
    const again = await connect("alice", session);
    confirm();
    await stay(["alice"], again);
    await chat.reload(options);
  });

  /** Connects so that the connection can be resumed, and returns the id to do it by (XEP-0198). */
  async function connectResumable(
    user: string,
    session: string,
  ): Promise<{ client: ChatClient; id: string }> {
    const client = await connect(user, session);
    client.say('<enable xmlns="urn:xmpp:sm:3" resume="true"/>');
    const said = await client.hears("<enabled");
    return { client, id: / id=['"]([^'"]+)/.exec(said.slice(said.indexOf("<enabled")))?.[1] ?? "" };
  }
  async function resume(
    user: string,
    password: string,
    id: string,
  ): Promise<{ client: ChatClient; said: string }> {
    const client = await kept(logInForResume(chat.tcpPort, { user, password }));
    client.say(`<resume xmlns="urn:xmpp:sm:3" h="0" previd="${id}"/>`);
    return { client, said: await client.hears(/<resumed|<failed/) };
  }

  it("resumes no connection whose session ended while it waited for that", async () => {
    const session = sessions.open("alice");
    const { client, id } = await connectResumable("alice", session);
    client.cut();
    sessions.close(session);
    await chat.hint(["alice"]);
    await chat.isWatched("alice", 0);
    assert.match((await resume("alice", sessions.open("alice"), id)).said, /<failed/);
  });

  it("ties a connection that is resumed to the session that it was resumed with", async () => {
    const [before, now] = [sessions.open("alice"), sessions.open("alice")];
    const { client, id } = await connectResumable("alice", before);
    client.cut();
    const resumed = await resume("alice", now, id);
    assert.match(resumed.said, /<resumed/);
    sessions.close(before);
    await stay(["alice"], resumed.client);
    sessions.close(now);
    await chat.hint(["alice"]);
    await endsByReset(resumed.client);
  });

  it("ends nothing while the API is away or the relay restarts, and what ended meanwhile afterwards", async (t) => {
    const session = sessions.open("alice");
    const leaving = await connect("alice", session);
    const staying = await Promise.all(["bob", "carol", "dave"].map((user) => connect(user)));
    sessions.isAway = true;
    sessions.close(session);
    await sleep(intervalMs + confirmMs + 1500);
    await stay(["alice", "bob", "carol", "dave"], leaving, ...staying);
    await relay.stop();
    await chat.hint(["alice", "bob"]);
    sessions.isAway = false;
    relay = await startWatchRelay(sessions.url, socketPath);
    t.diagnostic(`after ${await endsByReset(leaving)} ms`);
    await stay(["bob", "carol", "dave"], ...staying);
    assert.match(chat.ejabberd.log(), /watch-unknown: .* could not be looked up/);
  });

  it("watches on after its process was killed, and crashed", async (t) => {
    const [first, second] = [sessions.open("alice"), sessions.open("bob")];
    const clients = [await connect("alice", first), await connect("bob", second)] as const;
    const watch = 'gen_mod:get_module_proc(<<"localhost">>, inspectord_watch)';
    await chat.evaluate(`exit(whereis(${watch}), kill)`);
    sessions.close(first);
    await chat.hint(["alice"]);
    t.diagnostic(`killed: after ${await endsByReset(clients[0])} ms`);
    await chat.evaluate(`gen_server:cast(${watch}, {answers, first, none})`);
    sessions.close(second);
    await chat.hint(["bob"]);
    t.diagnostic(`crashed: after ${await endsByReset(clients[1])} ms`);
    assert.match(chat.ejabberd.log(), /inspectord_watch/);
  });

  it("watches on after its module was restarted, taken out and put back", async (t) => {
    const [first, second] = [sessions.open("alice"), sessions.open("bob")];
    const clients = [await connect("alice", first), await connect("bob", second)] as const;
    await chat.command("restart_module", { host: "localhost", module: "mod_inspectord" });
    sessions.close(first);
    await chat.hint(["alice"]);
    t.diagnostic(`restarted: after ${await endsByReset(clients[0])} ms`);
    await chat.reload(options, "mod_time: {}");
    assert.equal(await chat.hint(["bob"]), 403);
    const unwatched = await connect("carol");
    await chat.reload(options);
    sessions.close(second);
    await chat.hint(["bob"]);
    t.diagnostic(`put back: after ${await endsByReset(clients[1])} ms`);
    assert.equal(unwatched.hasEnded(), false);
  });

  it("keeps a table that only its owner writes to, and that shows no password", async () => {
    const session = sessions.open("alice");
    await connect("alice", session);
    assert.equal(await chat.evaluate("ets:info(inspectord_logins, protection)"), "protected");
    const shown = await chat.evaluate("ets:tab2list(inspectord_logins)");
    assert.match(shown, /<<"alice">>/);
    assert.doesNotMatch(shown, new RegExp(session));
    const state = 'sys:get_status(gen_mod:get_module_proc(<<"localhost">>, inspectord_watch))';
    assert.doesNotMatch(await chat.evaluate(state), /alice/);
  });

  it("holds what ends in a mass, ends none of it once the sessions are back, and ends it when told to", async (t) => {
    const users = Array.from({ length: 12 }, (_, i) => `user${i}`);
    const own = new Map(users.map((user) => [user, sessions.open(user)]));
    const clients = await Promise.all(users.map((user) => connect(user, own.get(user))));
    /** Ends all sessions at once, and returns the connections that the brake holds: a round may end some before it. */
    const endAll = async () => {
      const open = clients.filter((client) => !client.hasEnded());
      for (const id of own.values()) sessions.close(id);
      await chat.hint(users);
      await chat.brakeIs("held");
      const held = open.filter((client) => !client.hasEnded());
      assert.ok(held.length > open.length - options.brake_least, `${held.length} of ${open.length} are held`);
      return held;
    };
    const held = await endAll();
    for (const [user, id] of own) sessions.users.set(id, user);
    await stay(users, ...held);
    await chat.brakeIs("open");
    const again = await endAll();
    const told = await chat.command("inspectord_release", { host: "localhost" });
    assert.match(JSON.stringify(told), /\d+ logins are released/);
    t.diagnostic(`after ${Math.max(...(await Promise.all(again.map(endsByReset))))} ms`);
    await chat.brakeIs("open");
    assert.match(chat.ejabberd.log(), /mass-end-held: the sessions of \d+ of \d+ users on localhost/);
  });

  it("refuses a login by OAuth's token, behind which no session stands", async () => {
    const token = await oauthToken("alice");
    await assert.rejects(connectByOauth(chat.tcpPort, "alice", token), /not-authorized/);
    await chat.logs(/sessionless-login: a login of alice@localhost by ejabberd_oauth is refused/);
  });

  it("observes where told to: says what would end, and ends and refuses nothing", async () => {
    await chat.reload({ ...options, mode: "observe" });
    const session = sessions.open("alice");
    const client = await connect("alice", session);
    await kept(connectByOauth(chat.tcpPort, "bob", await oauthToken("bob")));
    sessions.close(session);
    await chat.hint(["alice"]);
    await chat.logs(/would-end: 1 logins on localhost whose session has ended on the site: alice/);
    await chat.logs(/sessionless-login: bob@localhost logged in by ejabberd_oauth/);
    await stay(["alice"], client);
    assert.equal(chat.ejabberd.log().match(/would-end: 1 logins.*alice/g)?.length, chat.logCopies);
    await chat.reload(options);
    await endsByReset(client);
  });

  it("says what is wrong with an option, and what to write, but never the token", async () => {
    const wrong = [
      [{ interval: "1s" }, /mod_inspectord.*interval.*Write off, or a time from 5s to 10m/],
      [{ interval: "1 hour" }, /mod_inspectord.*interval.*Write off, or a time from 5s to 10m/],
      [{ confirm_after: "2m" }, /confirm_after.*Write a time from 1s to 60s/],
      [{ mode: "kill" }, /mode.*Unexpected value: kill.*observe/],
      [{ brake_percent: 101 }, /brake_percent.*from 1 to 100/],
      [{ brake_hold: "0s" }, /brake_hold/],
      [{ sessionless: "yes" }, /sessionless.*refuse/],
      [{ hint_token: "tooshort" }, /hint_token.*openssl rand -hex 24/],
      [{ socket: "relay.sock" }, /socket.*begins with \//],
      [{ intervall: "10s" }, /intervall.*Did you mean interval/],
    ] as const;
    for (const [option, message] of wrong) {
      await chat.reload({ ...options, ...option });
      await chat.logs(message);
    }
    assert.doesNotMatch(chat.ejabberd.log(), /tooshort/);
    await chat.reload(options);
  });

  it("says of a host that is not watched that it is not", async () => {
    const seen = await chat.command("inspectord_watch", { host: "other.example" });
    assert.match(JSON.stringify(seen), /mod_inspectord.*not loaded on this host/);
  });

  it("is as quick with the guard, over a connection of its own", async (t) => {
    const own = join(directory, "guarded");
    mkdirSync(own);
    const guarded = await startWatchedChat(own, directory, certificate, {
      socketPath,
      watch: options,
      authMethod: "extguard",
    });
    try {
      const session = sessions.open("alice");
      const login = { user: "alice", password: session };
      const [tab, phone] = await Promise.all([
        kept(connectByTcp(guarded.tcpPort, login)),
        kept(connectByTcp(guarded.tcpPort, { user: "alice", password: sessions.open("alice") })),
      ]);
      sessions.close(session);
      await guarded.hint(["alice"]);
      t.diagnostic(`after ${await endsByReset(tab)} ms`);
      assert.equal(phone.hasEnded(), false);
    } finally {
      await guarded.ejabberd.stop();
    }
  });

  if (ejabberdVersion() >= fastSince) {
    const agent = (user: string): Agent => ({ user, id: randomUUID() });

    it("ends a connection of SASL2, and neither offers nor grants FAST's tokens", async (t) => {
      const session = sessions.open("alice");
      const { client, features, token } = await connectBySasl2(
        chat.tcpPort,
        agent("alice"),
        { password: session },
        true,
      );
      clients.add(client);
      assert.match(features, /urn:xmpp:sasl:2/);
      assert.doesNotMatch(features, /urn:xmpp:fast/);
      assert.equal(token, undefined);
      sessions.close(session);
      await chat.hint(["alice"]);
      t.diagnostic(`after ${await endsByReset(client)} ms`);
    });

    it("refuses a FAST token that was granted before", async () => {
      await chat.reload({ ...options, sessionless: "allow" });
      const alice = agent("alice");
      const password = sessions.open("alice");
      const { client, token } = await connectBySasl2(chat.tcpPort, alice, { password }, true);
      clients.add(client);
      assert.ok(token !== undefined);
      const byToken = await connectBySasl2(chat.tcpPort, alice, { token });
      clients.add(byToken.client);
      await chat.reload(options);
      await assert.rejects(connectBySasl2(chat.tcpPort, alice, { token }), /not-authorized/);
    });
  }

  it("has no session id and no token in ejabberd's log", () => {
    const log = chat.ejabberd.log();
    assert.match(log, /session-ended: 4 connections of 1 logins on localhost: alice/);
    for (const secret of [...sessions.all, hintToken]) assert.ok(!log.includes(secret), secret.slice(0, 4));
  });
});
