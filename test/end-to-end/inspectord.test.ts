// `auth_method: [inspectord]` in a real ejabberd, with the bundled relay: every way in, and what becomes of the logins
// while the relay is absent, restarted and killed.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { localKey } from "../../infra/local/api.ts";
import { freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { logInByBosh } from "../real/bosh.ts";
import { connectStrophe, startBrowser } from "../real/browser.ts";
import type { Certificate } from "../real/certificate.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import { logInByHttp, logInByMqtt } from "../real/ways-in.ts";
import { logInByTcp } from "../real/xmpp.ts";
import { type StandIn, say, startStandIn, tell } from "../stand-in/api-gateway.ts";
import { type ChatServer, prepareDirectory, startChatServer } from "./chain.ts";

const strophePath = fileURLToPath(
  new URL("../../node_modules/strophe.js/dist/strophe.umd.min.js", import.meta.url),
);
const clients = 8;
/** An API's answer takes as long as one may, so that a restart meets logins that are in flight. */
const apiMs = 20;

const firstSession = "first0session0of0carol00000";
const secondSession = "second0session0of0carol0000";
const sessionOf = (user: string) => `session0of0${user.replaceAll(/[^a-z0-9]/g, "0")}0`.padEnd(26, "0");

interface Login {
  readonly user: string;
  readonly password: string;
}

/** A chat server with ports of its own for what the recommended configuration does not serve. */
interface Server extends ChatServer {
  readonly httpPort: number;
  readonly mqttPort: number;
  readonly configPath: string;
  /** Calls one of ejabberd's commands. */
  command(name: string, args?: object): Promise<unknown>;
}

describe("ejabberd with auth_method: [inspectord]", () => {
  const { it, before, after } = needing("ejabberd", "openssl", "chromium");
  const directory = temporaryDirectory();
  const socketPath = join(directory, "relay.sock");
  let certificate: Certificate;
  let api: StandIn;
  let relay: RunningProcess | undefined;
  let chat: Server;
  let browser: Browser;
  let page: Page;
  let servers = 0;

  /** What the API answers: whether to let in, and the policy that it tells with it; or that it does not know. */
  const isOwn = ({ user, password }: Login) => password === sessionOf(user);
  let allows = isOwn;
  let policy: "all" | "none" = "all";
  let isAway = false;

  before(async () => {
    certificate = prepareDirectory(directory);
    api = await startStandIn((body, ...rest) => {
      const answer = isAway
        ? say(503, '{"error":"unavailable"}')
        : tell({ allow: allows(JSON.parse(body)), isuser: policy });
      setTimeout(answer, apiMs, body, ...rest);
    });
    await startRelay();
    // The cache is on: the module must not be had by it.
    chat = await startChat({ changes: [[/auth_use_cache: false/, "auth_use_cache: true"]] });
    browser = await startBrowser();
    page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    await page.addScriptTag({ path: strophePath });
  });
  after(async () => {
    await browser?.close();
    await chat?.ejabberd.stop();
    await relay?.stop();
    await api?.stop();
  });

  async function startRelay(path = socketPath): Promise<RunningProcess> {
    relay = await startProcess({
      command: process.execPath,
      args: [relayPath, api.url, "--listen", path, "--region", "eu-central-1"],
      env: { ...process.env, ...localKey },
      isReady: (output) => output.includes("listening"),
    });
    return relay;
  }

  async function startChat({
    program = `sh -c 'exec socat - UNIX-CONNECT:${socketPath},retry=280,interval=0.1'`,
    changes = [],
  }: {
    readonly program?: string;
    readonly changes?: readonly (readonly [RegExp, string])[];
  }): Promise<Server> {
    const own = join(directory, `ejabberd${++servers}`);
    mkdirSync(own);
    const [httpPort, mqttPort] = [await freePort(), await freePort()];
    const further = `listen:
  - port: ${httpPort}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers: {/api: mod_http_api}
  - port: ${mqttPort}
    ip: "127.0.0.1"
    module: mod_mqtt
`;
    const chat = await startChatServer(own, directory, certificate, {
      authMethod: "inspectord",
      program,
      modules: ["mod_admin_extra: {}", "mod_mqtt: {}"],
      changes: [
        [/listen:\n/, further],
        [/modules:\n/, 'api_permissions:\n  test:\n    who: {ip: "127.0.0.1"}\n    what: "*"\nmodules:\n'],
        ...changes,
      ],
    });
    const command = async (name: string, args: object = {}) => {
      const url = `http://127.0.0.1:${httpPort}/api/${name}`;
      const response = await fetch(url, { method: "POST", body: JSON.stringify(args) });
      return response.json();
    };
    return { ...chat, httpPort, mqttPort, configPath: join(own, "ejabberd.yml"), command };
  }

  const logIn = (user: string, password: string) => logInByTcp(chat.tcpPort, "localhost", user, password);

  const userExists = async () => {
    const code = await chat.command("check_account", { user: "dave", host: "localhost" });
    assert.ok(code === 0 || code === 1, `check_account: ${JSON.stringify(code)}`);
    return code === 0;
  };

  /** Lets in by every way whom it should, and nobody else. */
  async function assertWorks(on = chat): Promise<void> {
    const { BOSH, WebSocket } = on.services;
    for (const [user, isRight] of [
      ["alice", true],
      ["bob", false],
    ] as const) {
      const password = sessionOf("alice");
      assert.equal((await logInByTcp(on.tcpPort, "localhost", user, password)) === "success", isRight, "TCP");
      assert.equal((await logInByBosh(BOSH, "localhost", user, password)) === "success", isRight, "BOSH");
      const webSocket = await connectStrophe(page, WebSocket, `${user}@localhost`, password);
      assert.equal(webSocket, isRight ? "CONNECTED" : "AUTHFAIL", "WebSocket");
      assert.equal((await logInByMqtt(on.mqttPort, `${user}@localhost`, password)) === 0, isRight, "MQTT");
      const status = await logInByHttp(
        `http://127.0.0.1:${on.httpPort}/api/status`,
        `${user}@localhost`,
        password,
      );
      assert.equal(status === 401, !isRight, `HTTP Basic: ${status}`);
    }
  }

  /** Clients that log in again and again, by turns with their own session and another's, until told to stop. */
  function startLogins(): () => Promise<{ right: number; wrong: number }> {
    const counts = { right: 0, wrong: 0 };
    let isOn = true;
    const all = Promise.all(
      Array.from({ length: clients }, async (_, client) => {
        const user = `user${client}`;
        while (isOn) {
          assert.equal(await logIn(user, sessionOf(user)), "success");
          counts.right++;
          assert.equal(await logIn(user, sessionOf("bob")), "failure");
          counts.wrong++;
        }
      }),
    );
    // A client that fails is reported when they are stopped.
    all.catch(() => {});
    return async () => {
      isOn = false;
      await all;
      return counts;
    };
  }

  it("lets in by every way with one's own session alone, and starts no program", async () => {
    await assertWorks();
    assert.deepEqual(chat.ejabberd.programs(socketPath), []);
  });

  it("asks about each login, whatever auth_use_cache says", async () => {
    allows = ({ user }) => user === "carol";
    assert.equal(await logIn("carol", firstSession), "success");
    assert.equal(await logIn("carol", secondSession), "success");
    assert.equal(await logIn("carol", firstSession), "success");
    allows = isOwn;
    assert.equal(await logIn("carol", firstSession), "failure");
  });

  it("refuses to act for another user", async () => {
    const asked = api.bodies.length;
    const session = sessionOf("alice");
    assert.equal(await logInByTcp(chat.tcpPort, "localhost", "alice", session, "bob@localhost"), "failure");
    assert.equal(await logInByTcp(chat.tcpPort, "localhost", "alice", session, "bob"), "failure");
    assert.equal(api.bodies.length, asked);
  });

  it("refuses where the API does not know, and lets in once it does", async () => {
    isAway = true;
    assert.equal(await logIn("alice", sessionOf("alice")), "failure");
    isAway = false;
    assert.equal(await logIn("alice", sessionOf("alice")), "success");
  });

  it("tells ejabberd that a user exists where that is not known", async () => {
    assert.equal(await userExists(), true);
    policy = "none";
    assert.equal(await logIn("alice", sessionOf("alice")), "success");
    assert.equal(await userExists(), false);
    // A relay learns the policy with the first answer to a login.
    await relay?.stop();
    await startRelay();
    assert.equal(await userExists(), true);
    assert.equal(await logIn("alice", sessionOf("alice")), "success");
    assert.equal(await userExists(), false);
    policy = "all";
    assert.equal(await logIn("alice", sessionOf("alice")), "success");
  });

  it("refuses passwords of 70000 bytes by every way in, and lets the next login in", async () => {
    const huge = "x".repeat(70_000);
    const { BOSH, WebSocket } = chat.services;
    const asked = api.bodies.length;
    for (let i = 0; i < 30; i++) {
      assert.equal(await logIn("alice", huge), "stream-error");
      for (const service of [BOSH, WebSocket]) {
        assert.notEqual(await connectStrophe(page, service, "alice@localhost", huge), "CONNECTED");
      }
      assert.notEqual(await logInByMqtt(chat.mqttPort, "alice@localhost", huge.slice(0, 65_535)), 0);
      const url = `http://127.0.0.1:${chat.httpPort}/api/status`;
      assert.equal(await logInByHttp(url, "alice@localhost", huge).catch(() => 401), 401);
    }
    assert.equal(api.bodies.length, asked);
    await assertWorks();
  });

  it("loses no login to ten restarts of the relay, every second one a kill", async () => {
    const stopLogins = startLogins();
    for (let restart = 0; restart < 10; restart++) {
      if (restart % 2 === 1) relay?.child.kill("SIGKILL");
      await relay?.stop();
      await startRelay();
      assert.equal(await logIn("alice", sessionOf("alice")), "success");
      await sleep(200);
    }
    const { right, wrong } = await stopLogins();
    assert.ok(right > 2 * clients && wrong > 2 * clients, `${right} and ${wrong} logins`);
    await assertWorks();
  });

  it("waits for a relay that is away, refuses a login after 25 seconds, and says once that it is away", async () => {
    // The log's file names the function; the console has the same lines without it.
    const absences = () => chat.ejabberd.log().match(/inspectord_connection.* no relay at /g)?.length ?? 0;
    const before = absences();
    await relay?.stop();
    const beganAt = performance.now();
    // A client that does not end the wait itself.
    const waiting = logInByMqtt(chat.mqttPort, "alice@localhost", sessionOf("alice"));
    assert.equal(await userExists(), true);
    // A relay that ends may still take a connection.
    await sleep(5_000 - (performance.now() - beganAt));
    const told = absences();
    assert.ok(told > before);
    await sleep(22_000 - (performance.now() - beganAt));
    const late = logIn("alice", sessionOf("alice"));
    assert.notEqual(await waiting, 0);
    assert.equal(absences(), told);
    await startRelay();
    assert.equal(await late, "success");
    await assertWorks();
  });

  it("goes over to another socket by reload_config, and serves a host that is added", async () => {
    const other = join(directory, "other.sock");
    const first = relay;
    const second = await startRelay(other);
    const config = readFileSync(chat.configPath, "utf8");
    writeFileSync(
      chat.configPath,
      config
        .replace(/extauth_program: .*/, `extauth_program: ${other}`)
        .replace("  - localhost\n", "  - localhost\n  - b.test\n"),
    );
    await first?.stop();
    // It waits for the relay of before, and goes over with the reload.
    const waiting = logIn("alice", sessionOf("alice"));
    await sleep(500);
    await chat.command("reload_config");
    assert.equal(await waiting, "success");
    await assertWorks();
    assert.equal(await logInByTcp(chat.tcpPort, "b.test", "alice", sessionOf("alice")), "success");
    // The connection to the socket of before has ended: nobody looks for it.
    writeFileSync(chat.configPath, config);
    await chat.command("reload_config");
    await second.stop();
    await startRelay();
    await assertWorks();
  });

  it("refuses logins, and goes on running, where a reload takes the socket away", async () => {
    const config = readFileSync(chat.configPath, "utf8");
    writeFileSync(
      chat.configPath,
      config.replace(/extauth_program: .*/, 'extauth_program: "/bin/some program"'),
    );
    await chat.command("reload_config");
    assert.equal(await logIn("alice", sessionOf("alice")), "failure");
    assert.match(chat.ejabberd.log(), /extauth_program names no socket/);
    writeFileSync(chat.configPath, config);
    await chat.command("reload_config");
    await assertWorks();
  });

  it("has no session id in ejabberd's log", () => {
    const log = chat.ejabberd.log();
    assert.match(log, /inspectord: connected to the relay/);
    assert.doesNotMatch(log, /session0of0/);
    assert.doesNotMatch(log, /CRASH REPORT|crasher|\[error\] .*(Stopping|badmatch|function_clause)/);
  });

  describe("beside login_anon", () => {
    const beside = (method: "inspectord" | "extguard") =>
      [[/auth_method: .*/, `auth_method: [${method}, anonymous]\nanonymous_protocol: login_anon`]] as const;
    const wrong = (on: Server) => logInByTcp(on.tcpPort, "localhost", "alice", "nobody0has0this0session");

    it("does not start where the relay says that users do not exist, and says why", async () => {
      policy = "none";
      for (const method of ["inspectord", "extguard"] as const) {
        await relay?.stop();
        await startRelay();
        const started = startChat({ changes: beside(method) });
        await assert.rejects(started, /host localhost does not start.*login_anon/s, method);
      }
      policy = "all";
    });

    it("does not start where extauth_program names no socket, and says what to write", async () => {
      const program = "/usr/bin/node /opt/inspectord/relay.mjs https://example.org/auth";
      await assert.rejects(
        startChat({ program }),
        /Write the path of the relay's socket, extauth_program: \/run/s,
      );
    });

    it("starts where they exist, and lets nobody in with a wrong password, whatever the relay says later", async () => {
      for (const method of ["inspectord", "extguard"] as const) {
        const anonymous = await startChat({ changes: beside(method) });
        assert.equal(await wrong(anonymous), "failure");
        policy = "none";
        // Twice: the first one tells the relay.
        for (let i = 0; i < 2; i++) assert.equal(await wrong(anonymous), "failure");
        policy = "all";
        isAway = true;
        assert.equal(await wrong(anonymous), "failure");
        isAway = false;
        await assertWorks(anonymous);
        await anonymous.ejabberd.stop();
      }
    });

    it("starts without the relay, says what that means, and lets nobody in with a wrong password", async () => {
      await relay?.stop();
      const anonymous = await startChat({ changes: beside("inspectord") });
      assert.match(anonymous.ejabberd.log(), /login_anon lets nobody in until it does/);
      policy = "none";
      await startRelay();
      for (let i = 0; i < 2; i++) assert.equal(await wrong(anonymous), "failure");
      const { tcpPort } = anonymous;
      assert.equal(await logInByTcp(tcpPort, "localhost", "alice", sessionOf("alice")), "success");
      policy = "all";
      await anonymous.ejabberd.stop();
    });
  });
});
