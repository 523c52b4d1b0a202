// `npm run test:logout`: logout ends the chat with real parts all along, in rows that take minutes: PHP, three memcacheds,
// the function in serverless-offline, the bundled relay and ejabberd. The times are printed beside what is aimed at; what
// fails a row is a chat that ends though its session lives, or one that goes on though it has ended.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { buildAll } from "../../infra/build.ts";
import { type LocalApi, startApi } from "../../infra/local/api.ts";
import { freePort } from "../../infra/local/ports.ts";
import type { RunningProcess } from "../../infra/local/process.ts";
import type { Certificate } from "../real/certificate.ts";
import { type ChatClient, connectByBosh, connectByTcp, connectByWebSocket } from "../real/chat-client.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { type Memcached, startMemcached } from "../real/memcached.ts";
import { whilePaused } from "../real/pause.ts";
import { destroySession, type Ini, memcachedIni, runPhp, writeSession } from "../real/php.ts";
import {
  hintToken,
  prepareWatched,
  startWatchedChat,
  startWatchRelay,
  type WatchedChat,
} from "./watched-chat.ts";

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const library = fileURLToPath(new URL("../../infra/php/inspectord.php", import.meta.url));
const ticketKeys = `1:${randomBytes(32).toString("base64url")}`;
const intervalMs = 10_000;
const confirmMs = 2000;
/** How long what is to end may take on a machine that does other work. */
const deadlineMs = 90_000;
/** A round of all slices, the confirmation, and a moment. */
const roundMs = intervalMs + confirmMs + 3000;
/** The design's own options, but for the brake: these sites are small. */
const options = { interval: "10s", mode: "end", brake_least: 20, brake_percent: 50, brake_hold: "20s" };

describe("logout ends the chat, row by row", () => {
  const directory = temporaryDirectory();
  const socketPath = join(directory, "relay.sock");
  const clients = new Set<ChatClient>();
  let certificate: Certificate;
  let nodes: Memcached[] = [];
  let ini: Ini;
  let api: LocalApi;
  let relay: RunningProcess;
  let chat: WatchedChat;

  before(async () => {
    await buildAll();
    certificate = prepareWatched(directory);
    nodes = await Promise.all([startMemcached(), startMemcached(), startMemcached()]);
    const names = nodes.map(({ port }) => `127.0.0.1:${port}`);
    ini = memcachedIni(...names);
    api = await startFunction(await freePort());
    relay = await startWatchRelay(api.url, socketPath);
    chat = await startChat("ejabberd");
  });
  afterEach(() => {
    for (const client of clients) client.cut();
    clients.clear();
  });
  after(async () => {
    await chat?.ejabberd.stop();
    await relay?.stop();
    await api?.process.stop();
    for (const node of nodes) await node.stop();
  });

  const startFunction = (port: number) =>
    startApi({
      port,
      settings: {
        SESSION_STORE: `memcached://${nodes.map((node) => `127.0.0.1:${node.port}`).join(",")}`,
        AUTHENTICATED_EXPRESSION: "authenticated",
        USER_EXPRESSION: "user",
        SERVED_HOSTS: "localhost",
        TICKETS: "accepted",
        TICKET_KEYS: ticketKeys,
      },
    });
  async function startChat(name: string, env: Readonly<Record<string, string>> = {}): Promise<WatchedChat> {
    const own = join(directory, name);
    mkdirSync(own);
    return startWatchedChat(own, directory, certificate, { socketPath, watch: options, env });
  }

  const logInToSite = (user: string) => writeSession({ user, authenticated: true }, ini);
  /** Changes a session as one of the site's pages does. */
  const onSite = (id: string, code: string, own: Ini = {}) =>
    runPhp(`require ${JSON.stringify(library)}; session_id(${JSON.stringify(id)}); ${code}`, {
      ...ini,
      ...own,
    }).toString();

  async function connect(user: string, password: string, by = connectByTcp, on = chat): Promise<ChatClient> {
    const port = by === connectByTcp ? on.tcpPort : on.plainPort;
    const client = await by(port, { user, password });
    clients.add(client);
    return client;
  }
  async function endsByReset(client: ChatClient): Promise<number> {
    const beganAt = performance.now();
    const condition = await Promise.race([client.ended, sleep(deadlineMs, "nothing", { ref: false })]);
    assert.equal(condition, "reset");
    return performance.now() - beganAt;
  }
  async function stay(...live: readonly ChatClient[]): Promise<void> {
    await sleep(roundMs);
    for (const client of live) assert.equal(client.hasEnded(), false);
  }
  /** Connects so many users with a session each. */
  const connectMany = (count: number) =>
    Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const user = `user${i}`;
        const id = logInToSite(user);
        return { user, id, client: await connect(user, id) };
      }),
    );

  it("ends all tabs of a session that is destroyed, over every transport, and no other session of the user", async (t) => {
    const id = logInToSite("alice");
    const tabs = await Promise.all(
      [connectByTcp, connectByBosh, connectByWebSocket].map((by) => connect("alice", id, by)),
    );
    const phone = await connect("alice", logInToSite("alice"));
    const bob = await connect("bob", logInToSite("bob"));
    destroySession(id, ini);
    t.diagnostic(`session_destroy(): ${(await Promise.all(tabs.map(endsByReset))).map(seconds).join(", ")}`);
    await stay(phone, bob);
  });

  it("ends 40 sessions that end at random", async (t) => {
    const visitors = await connectMany(40);
    const took = await Promise.all(
      visitors.map(async ({ id, client }) => {
        await sleep(Math.random() * 40_000);
        destroySession(id, ini);
        return endsByReset(client);
      }),
    );
    const sorted = took.toSorted((a, b) => a - b);
    const at = (part: number) => sorted[Math.ceil(part * sorted.length) - 1] ?? 0;
    const late = sorted.filter((ms) => ms > intervalMs + 3000).length;
    t.diagnostic(
      `p50 ${seconds(at(0.5))} (aim ${seconds(intervalMs / 2 + 4000)}), p95 ${seconds(at(0.95))}, max ${seconds(at(1))} ` +
        `(aim ${seconds(intervalMs + 3000)}, ${late} over)`,
    );
  });

  it("ends the chat where the site takes back the login, or gives the session to another user", async (t) => {
    const [left, switched] = [logInToSite("alice"), logInToSite("bob")];
    const both = [await connect("alice", left), await connect("bob", switched)];
    onSite(left, 'session_start(); $_SESSION["authenticated"] = false;');
    onSite(switched, 'session_start(); $_SESSION["user"] = "carol";');
    t.diagnostic((await Promise.all(both.map(endsByReset))).map(seconds).join(", "));
  });

  it("ends the chat where the session expires", async (t) => {
    const id = writeSession({ user: "alice", authenticated: true }, { ...ini, "session.gc_maxlifetime": 5 });
    const began = performance.now();
    await endsByReset(await connect("alice", id));
    t.diagnostic(`a session of 5 s: ${seconds(performance.now() - began)} after the login`);
  });

  it("ends the chat two seconds after PHP's own logout, by the handler's hint", async (t) => {
    const id = logInToSite("alice");
    const [client, phone] = [await connect("alice", id), await connect("alice", logInToSite("alice"))];
    const handler = `session_set_save_handler(new InspectordSessionHandler("${chat.hintUrl}", "${hintToken}", fn ($s) => $s["user"] ?? null));`;
    const code = `${handler} session_start(); $_SESSION = []; $t = microtime(true); session_destroy(); echo (microtime(true) - $t) * 1000;`;
    const inPhpMs = Number(onSite(id, code));
    t.diagnostic(`${seconds(await endsByReset(client))} (aim 3.0 s); ${inPhpMs.toFixed(1)} ms in PHP`);
    await stay(phone);
  });

  it("ends the chat where the session's id is regenerated and the old one deleted, and not where it is kept", async (t) => {
    const [deleted, kept] = [logInToSite("alice"), logInToSite("bob")];
    const [alice, bob] = [await connect("alice", deleted), await connect("bob", kept)];
    onSite(deleted, "session_start(); session_regenerate_id(true);");
    onSite(kept, "session_start(); session_regenerate_id(false);");
    t.diagnostic(`session_regenerate_id(true): ${seconds(await endsByReset(alice))}`);
    await stay(bob);
  });

  it("watches a session behind a ticket, for longer than the ticket is good", async (t) => {
    const id = logInToSite("alice");
    const ticket = onSite(id, `echo inspectord_ticket("localhost", "${ticketKeys}", 10, "${id}");`);
    const client = await connect("alice", ticket);
    await sleep(10_000);
    await stay(client);
    destroySession(id, ini);
    t.diagnostic(seconds(await endsByReset(client)));
  });

  it("ends nobody while the function is away, and then who logged out meanwhile", async (t) => {
    const [gone, ...others] = await connectMany(12);
    assert.ok(gone);
    const port = Number(new URL(api.url).port);
    await api.process.stop();
    destroySession(gone.id, ini);
    await stay(gone.client, ...others.map(({ client }) => client));
    api = await startFunction(port);
    t.diagnostic(`${seconds(await endsByReset(gone.client))} after the API's return`);
    await stay(...others.map(({ client }) => client));
  });

  it("ends nobody while memcached hangs", async () => {
    const visitors = await connectMany(12);
    const hang = (left: readonly Memcached[]): Promise<void> => {
      const [node, ...rest] = left;
      return node === undefined ? sleep(15_000) : whilePaused(node.process.pid, () => hang(rest));
    };
    await hang(nodes);
    await stay(...visitors.map(({ client }) => client));
  });

  it("ends nobody of one node of three that is away, and of the others who logs out", async (t) => {
    const visitors = await connectMany(12);
    const [lost] = nodes;
    assert.ok(lost);
    const isLost = ({ id }: { id: string }) =>
      runPhp(
        `$node = new Memcached(); $node->addServer("127.0.0.1", ${lost.port}); echo (int) ($node->get("memc.sess.key.${id}") !== false);`,
      ).toString() === "1";
    const [reached, ofLost] = [visitors.filter((visitor) => !isLost(visitor)), visitors.filter(isLost)];
    await lost.stop();
    assert.ok(reached.length > 0 && ofLost.length > 0, `${reached.length} and ${ofLost.length}`);
    const [leaving, ...staying] = reached;
    assert.ok(leaving);
    destroySession(leaving.id, ini);
    t.diagnostic(
      `${ofLost.length} of the lost node stay; logout of another node: ${seconds(await endsByReset(leaving.client))}`,
    );
    await stay(...[...ofLost, ...staying].map(({ client }) => client));
    for (const { client } of visitors) client.cut();
    nodes[0] = await startMemcached(lost.port);
  });

  it("ends nobody while the relay is away, and is as quick after it was killed", async (t) => {
    const [gone, ...others] = await connectMany(6);
    assert.ok(gone);
    relay.child.kill("SIGKILL");
    await sleep(8000);
    relay = await startWatchRelay(api.url, socketPath);
    destroySession(gone.id, ini);
    t.diagnostic(`the next logout: ${seconds(await endsByReset(gone.client))}`);
    await stay(...others.map(({ client }) => client));
  });

  it("watches all after its process was killed", async (t) => {
    const visitors = await connectMany(10);
    await chat.evaluate('exit(whereis(gen_mod:get_module_proc(<<"localhost">>, inspectord_watch)), kill)');
    const took = await Promise.all(
      visitors.map(async ({ id, client }, i) => {
        await sleep(i * 3000);
        destroySession(id, ini);
        return endsByReset(client);
      }),
    );
    t.diagnostic(`10 of 10; ${took.map(seconds).join(", ")}`);
  });

  it("kills a connection that does not take its end within 15 seconds", async (t) => {
    const id = logInToSite("alice");
    const client = await connect("alice", id);
    await chat.evaluate(
      '[Pid] = [P || {{_, _, <<"alice">>, _, P}, _} <- ets:tab2list(inspectord_logins)], ' +
        "spawn(fun() -> erlang:suspend_process(Pid), timer:sleep(90000) end)",
    );
    destroySession(id, ini);
    const beganAt = performance.now();
    await chat.isWatched("alice", 0);
    t.diagnostic(`after ${seconds(performance.now() - beganAt)}`);
    assert.match(
      chat.ejabberd.log(),
      /a connection of alice@localhost did not end within 15 s: it is killed/,
    );
    assert.equal(
      await chat.evaluate('length(ejabberd_sm:get_user_resources(<<"alice">>, <<"localhost">>))'),
      "0",
    );
    client.cut();
  });

  it("holds what ends in a mass where the store restarts empty, and ends it after the hold", async (t) => {
    const visitors = await connectMany(60);
    const ports = nodes.map(({ port }) => port);
    for (const node of nodes) await node.stop();
    nodes = await Promise.all(ports.map((port) => startMemcached(port)));
    const isOver = Promise.all(visitors.map(({ client }) => endsByReset(client)));
    await chat.logs(/mass-end-held/);
    await sleep(roundMs);
    const leaked = visitors.filter(({ client }) => client.hasEnded()).length;
    const took = await isOver;
    t.diagnostic(
      `${leaked} of 60 ended within ${seconds(roundMs)}; the last after ${seconds(Math.max(...took))} (hold of 20 s)`,
    );
    await chat.brakeIs("open");
  });

  it("ends them on both nodes of a cluster, and a hint to one reaches the other", async (t) => {
    const port = await freePort();
    // Without epmd: the nodes share a port, each on an address of its own.
    const node = (name: string, address: string) => ({
      ERL_FLAGS:
        `-name ${name}@${address} -setcookie ${hintToken} -start_epmd false -erl_epmd_port ${port} ` +
        `-kernel inet_dist_use_interface {${address.replaceAll(".", ",")}}`,
    });
    const first = await startChat("first", node("first", "127.0.0.1"));
    const second = await startChat("second", node("second", "127.0.0.2"));
    try {
      // ejabberd stops and starts with it: in a process that is none of its own.
      await second.evaluate(
        "spawn(fun() -> group_leader(whereis(user), self()), ejabberd_cluster:join('first@127.0.0.1') end)",
      );
      const isJoined = async () => (await first.evaluate("length(ejabberd_cluster:get_nodes())")) === "2";
      const endsAt = performance.now() + 60_000;
      while (!(await isJoined().catch(() => false))) {
        assert.ok(performance.now() < endsAt, "the nodes do not join");
        await sleep(200);
      }
      await sleep(2000);
      const [hinted, watched] = [logInToSite("alice"), logInToSite("bob")];
      const both = [first, second];
      const alices = await Promise.all(both.map((on) => connect("alice", hinted, connectByTcp, on)));
      const bobs = await Promise.all(both.map((on) => connect("bob", watched, connectByTcp, on)));
      const phones = await Promise.all(
        both.map((on) => connect("alice", logInToSite("alice"), connectByTcp, on)),
      );
      destroySession(hinted, ini);
      destroySession(watched, ini);
      assert.equal(await first.hint(["alice"]), 204);
      const took = async (clients: readonly ChatClient[]) =>
        (await Promise.all(clients.map(endsByReset))).map(seconds).join(", ");
      const [byHint, byRound] = await Promise.all([took(alices), took(bobs)]);
      t.diagnostic(`by a hint to the first: ${byHint}; without: ${byRound}`);
      await stay(...phones);
    } finally {
      await second.ejabberd.stop();
      await first.ejabberd.stop();
    }
  });

  it("leaves no session id, ticket, key or token in the log of ejabberd and relay", () => {
    const log = chat.ejabberd.log() + relay.output();
    assert.doesNotMatch(log, /[A-Za-z0-9,-]{26,}\.\.[A-Za-z0-9_-]+\./);
    for (const secret of [hintToken, ticketKeys.slice(2)]) assert.ok(!log.includes(secret));
  });
});
