// The pool that infra/ejabberd/ejabberd.yml recommends, with a real ejabberd and the bundled relay: what becomes of it,
// of the logins and of BOSH while the relay is absent, stopped, started anew and killed.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe } from "node:test";
import { localKey } from "../../infra/local/api.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { logInByBosh } from "../real/bosh.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import { logInByTcp } from "../real/xmpp.ts";
import { type StandIn, startStandIn } from "../stand-in/api-gateway.ts";
import { type ChatServer, prepareDirectory, startChatServer } from "./chain.ts";

const poolSize = 64;
const clients = 8;
/** An API's answer takes as long as one may, so that a restart meets logins that are under way. */
const apiMs = 20;
/** How long a member waits before it connects, and a little more. */
const memberStartMs = 2_500;
const supervisorGaveUp = /reached_max_restart_intensity/;

const recommended = readFileSync(new URL("../../infra/ejabberd/ejabberd.yml", import.meta.url), "utf8");

describe("the recommended pool", () => {
  const { it, before, after } = needing("ejabberd", "openssl", "socat");
  const directory = temporaryDirectory();
  const socketPath = join(directory, "relay.sock");
  let api: StandIn;
  let chat: ChatServer;
  let relay: RunningProcess | undefined;

  before(async () => {
    api = await startStandIn((body, response) => {
      const { user, password, nonce } = JSON.parse(body);
      const answer = JSON.stringify({ allow: password === sessionOf(user), nonce });
      setTimeout(() => response.end(answer), apiMs);
    });
    chat = await startChat("recommended", recommendedProgram());
  });
  after(async () => {
    await chat?.ejabberd.stop();
    await relay?.stop();
    await api?.stop();
  });

  /** The line of the file that we recommend, with a socket of the test's own. */
  function recommendedProgram(): string {
    const line = /^#extauth_program: "(.*)"$/m.exec(recommended)?.[1] ?? "";
    assert.ok(line.includes("/run/inspectord/relay.sock"));
    return line.replace("/run/inspectord/relay.sock", socketPath);
  }

  function startChat(name: string, program: string): Promise<ChatServer> {
    const own = join(directory, name);
    mkdirSync(own);
    return startChatServer(own, own, prepareDirectory(own), { program, poolSize });
  }

  async function startRelay(): Promise<void> {
    relay = await startProcess({
      command: process.execPath,
      args: [relayPath, api.url, "--listen", socketPath, "--region", "eu-central-1"],
      env: { ...process.env, ...localKey },
      isReady: (output) => output.includes("listening"),
    });
  }

  async function killRelay(): Promise<void> {
    relay?.child.kill("SIGKILL");
    await relay?.stop();
  }

  const members = () => chat.ejabberd.programs(socketPath);
  /** Returns the members once all are there: ejabberd starts them, and those that ended, without being waited for. */
  const allMembers = async (): Promise<number[]> => {
    const endsAt = performance.now() + 30_000;
    while (members().length !== poolSize && performance.now() < endsAt) await pause(50);
    assert.equal(members().length, poolSize);
    return members();
  };
  const logIn = (user: string, password: string) => logInByTcp(chat.tcpPort, "localhost", user, password);

  /** All of the pool is there, and lets in by TCP and BOSH whom it should. */
  async function assertWorks(): Promise<void> {
    assert.equal(await logIn("alice", sessionOf("alice")), "success");
    assert.equal(await logIn("alice", sessionOf("bob")), "failure");
    const { BOSH } = chat.services;
    assert.equal(await logInByBosh(BOSH, "localhost", "alice", sessionOf("alice")), "success");
    assert.equal(await logInByBosh(BOSH, "localhost", "alice", sessionOf("bob")), "failure");
    await allMembers();
    assert.doesNotMatch(chat.ejabberd.log(), supervisorGaveUp);
  }

  /**
   * Logs in as a user does: once more a second later. ejabberd refuses those who come in the moment when each member
   * has ended and none is started anew.
   */
  async function logInTwice(user: string): Promise<void> {
    if ((await logIn(user, sessionOf(user))) === "success") return;
    await pause(1_000);
    assert.equal(await logIn(user, sessionOf(user)), "success");
  }

  /** Clients that log in again and again, by turns with their own session and another's, until told to stop. */
  function startLogins(): () => Promise<{ right: number; wrong: number }> {
    const counts = { right: 0, wrong: 0 };
    let isOn = true;
    const all = Promise.all(
      Array.from({ length: clients }, async (_, client) => {
        const user = `user${client}`;
        while (isOn) {
          await logInTwice(user);
          counts.right++;
          assert.equal(await logIn(user, sessionOf("bob")), "failure");
          counts.wrong++;
        }
      }),
    );
    // A client that fails is told of when they are stopped.
    all.catch(() => {});
    return async () => {
      isOn = false;
      await all;
      return counts;
    };
  }

  it("waits when ejabberd starts before the relay, and so do the logins", async () => {
    const first = await allMembers();
    const byTcp = logIn("alice", sessionOf("alice"));
    const byBosh = logInByBosh(chat.services.BOSH, "localhost", "alice", sessionOf("alice"));
    await pause(memberStartMs);
    assert.deepEqual(members(), first);
    await startRelay();
    assert.deepEqual([await byTcp, await byBosh], ["success", "success"]);
    assert.deepEqual(members(), first);
    await assertWorks();
  });

  it("outlives a relay that is stopped for six seconds, and the logins wait for the next one", async () => {
    const stopLogins = startLogins();
    await pause(500);
    await relay?.stop();
    await pause(6_000);
    assert.equal(members().length, poolSize);
    await startRelay();
    const { right, wrong } = await stopLogins();
    assert.ok(right > clients && wrong > clients, `${right} and ${wrong} logins`);
    await assertWorks();
  });

  it("outlives ten restarts under load, every second one a kill, and no login needs a third try", async () => {
    const stopLogins = startLogins();
    for (let restart = 0; restart < 10; restart++) {
      await (restart % 2 === 0 ? relay?.stop() : killRelay());
      await startRelay();
      await logInTwice("alice");
      await pause(200);
    }
    const { right, wrong } = await stopLogins();
    assert.ok(right > 2 * clients && wrong > 2 * clients, `${right} and ${wrong} logins`);
    await assertWorks();
  });

  it("outlives a relay that ends each connection at once", async () => {
    await relay?.stop();
    let connections = 0;
    const ending = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => ending.listen(socketPath, resolve));
    // Each member at least once, and then again as often as it was started anew.
    const endsAt = performance.now() + 60_000;
    while (connections < 2 * poolSize && performance.now() < endsAt) await pause(50);
    await new Promise((resolve) => ending.close(resolve));
    assert.ok(connections >= 2 * poolSize, `${connections} connections`);
    await startRelay();
    await logInTwice("alice");
    await assertWorks();
  });

  it("outlives the end of all its members at one moment, and lets in by BOSH again", async () => {
    const before = await allMembers();
    for (const pid of before) process.kill(pid, "SIGKILL");
    await logInTwice("alice");
    const { BOSH } = chat.services;
    assert.equal(await logInByBosh(BOSH, "localhost", "alice", sessionOf("alice")), "success");
    const after = await allMembers();
    assert.deepEqual(
      after.filter((pid) => before.includes(pid)),
      [],
    );
    await assertWorks();
  });

  it("asked the relay whole questions only", () => {
    for (const body of api.bodies) {
      const { op, user, server, password } = JSON.parse(body);
      assert.deepEqual([op, server], ["auth", "localhost"]);
      assert.ok(password === sessionOf(user) || password === sessionOf("bob"));
    }
    assert.ok(api.bodies.length > 4 * clients);
  });

  it("would take ejabberd's supervisors down without the wait and the tries", async () => {
    const bare = await startChat("bare", `socat - UNIX-CONNECT:${join(directory, "nobody.sock")}`);
    const endsAt = performance.now() + 60_000;
    while (!supervisorGaveUp.test(bare.ejabberd.log()) && performance.now() < endsAt) await pause(50);
    assert.match(bare.ejabberd.log(), supervisorGaveUp);
    await bare.ejabberd.stop();
    rmSync(join(directory, "bare"), { recursive: true });
  });
});

function sessionOf(user: string): string {
  return `session0of0the0user0${user}`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
