// What ejabberd's versions differ in, beside the module: SASL2 and mod_last.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import type { Browser, Page } from "playwright-core";
import { localKey } from "../../infra/local/api.ts";
import { freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { startBrowser } from "../real/browser.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { ejabberdVersion, needing } from "../real/parts.ts";
import { logInBySasl2, logInBySasl2OverWebSocket, offersByTcp } from "../real/sasl2.ts";
import { connectByTcp, logInByTcp } from "../real/xmpp.ts";
import { type StandIn, startStandIn, tell } from "../stand-in/api-gateway.ts";
import { type ChatServer, prepareDirectory, startChatServer } from "./chain.ts";

/** SASL2 (XEP-0388), over TCP with STARTTLS. */
const hasSasl2 = ejabberdVersion() >= 24.12;
/** ejabberd counts no WebSocket as encrypted, and offers SASL2 there only where it is told to. */
const hasSasl2OverWebSocket = ejabberdVersion() >= 26;
const session = "session0of0alice0and0only00";
const otherSession = "session0of0bob0and0nobody00";

describe("the module in this version of ejabberd", () => {
  const { it, before, after } = needing("ejabberd", "openssl", "chromium");
  const directory = temporaryDirectory();
  let api: StandIn;
  let relay: RunningProcess;
  let chat: ChatServer;
  let httpPort: number;
  let browser: Browser;
  let page: Page;
  let policy: "all" | "none" = "none";

  before(async () => {
    const certificate = prepareDirectory(directory);
    api = await startStandIn((body, ...rest) => {
      const { user, password } = JSON.parse(body);
      tell({ allow: user === "alice" && password === session, isuser: policy })(body, ...rest);
    });
    const socket = join(directory, "relay.sock");
    relay = await startProcess({
      command: process.execPath,
      args: [relayPath, api.url, "--listen", socket, "--region", "eu-central-1"],
      env: { ...process.env, ...localKey },
      isReady: (output) => output.includes("listening"),
    });
    const own = join(directory, "ejabberd");
    mkdirSync(own);
    httpPort = await freePort();
    chat = await startChatServer(own, directory, certificate, {
      program: socket,
      authMethod: "inspectord",
      modules: ["mod_admin_extra: {}", "mod_last: {}", "mod_offline: {}"],
      changes: [
        [
          /listen:\n/,
          `listen:
  - port: ${httpPort}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers: {/api: mod_http_api}
`,
        ],
        ...(hasSasl2OverWebSocket
          ? ([[/ {4}tls: true\n/, "    tls: true\n    allow_unencrypted_sasl2: true\n"]] as const)
          : []),
        [/modules:\n/, 'api_permissions:\n  test:\n    who: {ip: "127.0.0.1"}\n    what: "*"\nmodules:\n'],
      ],
    });
    browser = await startBrowser();
    page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
  });
  after(async () => {
    await browser?.close();
    await chat?.ejabberd.stop();
    await relay?.stop();
    await api?.stop();
  });

  const command = async (name: string, args: object): Promise<unknown> => {
    const url = `http://127.0.0.1:${httpPort}/api/${name}`;
    const response = await fetch(url, { method: "POST", body: JSON.stringify(args) });
    return response.json();
  };
  const bySasl2 = (user: string, password: string) => logInBySasl2(chat.tcpPort, "localhost", user, password);
  const byWebSocket = (user: string, password: string) =>
    logInBySasl2OverWebSocket(page, chat.services.WebSocket, "localhost", user, password);

  it("offers PLAIN and nothing that a session id cannot answer, by SASL2, too, where ejabberd has it", async () => {
    const { sasl, sasl2 } = await offersByTcp(chat.tcpPort, "localhost", "alice");
    assert.deepEqual(sasl, ["PLAIN"]);
    assert.deepEqual(sasl2, hasSasl2 ? ["PLAIN"] : []);
  });

  /** The ways in by SASL2 that this version has. */
  const ways = [...(hasSasl2 ? [bySasl2] : []), ...(hasSasl2OverWebSocket ? [byWebSocket] : [])];

  it("lets in by SASL2 with one's own session alone", async () => {
    for (const logIn of ways) {
      assert.equal(await logIn("alice", session), "success");
      assert.equal(await logIn("alice", otherSession), "failure");
      assert.equal(await logIn("bob", session), "failure");
      assert.equal(await logIn("alice", session), "success");
    }
    for (const logIn of [bySasl2, byWebSocket].filter((way) => !ways.includes(way))) {
      assert.notEqual(await logIn("alice", session), "success");
    }
  });

  it("refuses passwords of 70000 bytes by SASL2, and lets the next login in", async () => {
    const huge = "x".repeat(70_000);
    const asked = api.bodies.length;
    for (const logIn of ways) {
      for (let i = 0; i < 10; i++) assert.notEqual(await logIn("alice", huge), "success");
    }
    assert.equal(api.bodies.length, asked);
    for (const logIn of ways) assert.equal(await logIn("alice", session), "success");
  });

  it("answers for whether a user exists itself, whatever mod_last knows of that user", async () => {
    const account = { user: "alice", host: "localhost" };
    const client = await connectByTcp(chat.tcpPort, "localhost", "alice", session);
    client.end();
    // mod_last writes it when the connection has ended.
    const lastSeen = async () => JSON.stringify(await command("get_last", account));
    const endsAt = performance.now() + 30_000;
    while (!/\d{4}-\d\d-\d\d/.test(await lastSeen()) || (await lastSeen()).includes("ONLINE")) {
      assert.ok(performance.now() < endsAt, await lastSeen());
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    for (const [answer, code] of [
      ["none", 1],
      ["all", 0],
    ] as const) {
      policy = answer;
      assert.equal(await logInByTcp(chat.tcpPort, "localhost", "alice", session), "success");
      assert.equal(await command("check_account", account), code, answer);
    }
  });

  it("leaves no crash and no session id in ejabberd's log", () => {
    const log = chat.ejabberd.log();
    assert.doesNotMatch(log, /0of0alice|0of0bob/);
    assert.doesNotMatch(log, /CRASH REPORT|crasher|Hook .* crashed/);
  });
});
