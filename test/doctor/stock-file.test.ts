// Debian's own ejabberd.yml, and that with a fault: doing what the doctor says, and nothing else, ends in a working login.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { type ExamineOptions, examine } from "../../doctor/examine.ts";
import { type Finding, textOfFinding } from "../../doctor/finding.ts";
import { localKey } from "../../infra/local/api.ts";
import { ejabberdLibraries } from "../../infra/local/debian.ts";
import { startEjabberd } from "../../infra/local/ejabberd.ts";
import { freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { prepareDirectory } from "../end-to-end/chain.ts";
import { logInByBosh } from "../real/bosh.ts";
import type { Certificate } from "../real/certificate.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import { logInByTcp } from "../real/xmpp.ts";
import { type Reply, type StandIn, say, startStandIn } from "../stand-in/api-gateway.ts";
import { applyEdit } from "./apply-edit.ts";

const stockPath = "/etc/ejabberd/ejabberd.yml";
const session = "0123456789abcdef0123456789abcdef";

const asFunction: Reply = (body, ...rest) => {
  const { op, user, password, nonce } = JSON.parse(body);
  const allow = op === "isuser" || (user === "alice" && password === session);
  const reason = allow ? {} : { reason: "no-session" };
  say(200, JSON.stringify({ allow, ...reason, nonce, isuser: "all" }))(body, ...rest);
};

describe("Debian's own ejabberd.yml", () => {
  const { it, before, after } = needing("ejabberd", "openssl");
  const directory = temporaryDirectory();
  const socketPath = join(directory, "relay.sock");
  let certificate: Certificate;
  let api: StandIn;
  let relay: RunningProcess;
  let count = 0;

  before(async () => {
    certificate = prepareDirectory(directory);
    api = await startStandIn(asFunction, { verifies: true });
    relay = await startProcess({
      command: process.execPath,
      args: [relayPath, api.url, "--listen", socketPath],
      env: { ...process.env, ...localKey },
      isReady: (output) => output.includes("code=listening"),
    });
  });
  after(async () => {
    await relay?.stop();
    await api?.stop();
  });

  /** The host on which ejabberd runs as this user, with the module built and the relay at work. */
  const machine = (): ExamineOptions["machine"] => ({
    ejabberds: () => [],
    socketHolder: () => ({
      kind: "relay",
      relay: { pid: 1, uid: 0, args: [api.url], environment: localKey },
    }),
    relaySocket: () => socketPath,
    installation: () => ({
      erl: ["erl"],
      libraries: `${ejabberdLibraries()}:${directory}`,
      paths: [],
      version: undefined,
      environment: {},
    }),
    surroundingsOf: () => ({
      environment: { PATH: process.env["PATH"], HOME: directory },
      directory,
      user: "root",
      become: () => {},
      mayRunPrograms: true,
      finding: { level: "ok", check: "ejabberd", says: "as this process" },
    }),
    isEjabberdsOrRoots: (uid) => uid === process.getuid?.(),
    nameOf: String,
    hidden: [],
  });

  async function look(ymlPath: string): Promise<readonly Finding[]> {
    const findings: Finding[] = [];
    const options = { relayArgs: undefined, ymlPath, login: undefined, burst: undefined };
    for await (const finding of examine({ ...options, machine: machine() })) findings.push(finding);
    return findings;
  }

  /** Does what the doctor says until it says no more; returns the text and what is left to a person. */
  async function follow(text: string): Promise<{ readonly text: string; readonly left: readonly Finding[] }> {
    const path = join(directory, `${count++}.yml`);
    let current = text;
    for (let round = 0; round < 20; round++) {
      writeFileSync(path, current);
      const failed = (await look(path)).filter(({ level }) => level === "fail");
      const edit = failed.find((finding) => finding.edit !== undefined)?.edit;
      if (edit === undefined) return { text: current, left: failed };
      current = applyEdit(current, edit);
    }
    throw new Error(`the doctor never has enough:\n${current}`);
  }

  async function logsIn(text: string): Promise<void> {
    const ports = new Map<string, number>();
    for (const [, port = ""] of text.matchAll(/port: (\d+)/g)) ports.set(port, await freePort());
    const config = text
      .replaceAll(/port: (\d+)/g, (_, port: string) => `port: ${ports.get(port)}`)
      .replaceAll('ip: "::"', 'ip: "127.0.0.1"');
    const own = join(directory, `host-${count++}`);
    mkdirSync(own);
    const bosh = `https://127.0.0.1:${ports.get("5443")}/bosh`;
    const isReady = () =>
      logInByBosh(bosh, "localhost", "nobody", "x").then(
        () => true,
        () => false,
      );
    const ejabberd = await startEjabberd({ directory: own, config, libraries: [directory], isReady });
    try {
      const port = ports.get("5222") ?? 0;
      assert.equal(await logInByTcp(port, "localhost", "alice", session), "success");
      assert.equal(await logInByTcp(port, "localhost", "alice", "bad"), "failure");
      assert.equal(await logInByTcp(port, "localhost", "robert", session), "failure");
      assert.equal(await logInByBosh(bosh, "localhost", "alice", session), "success");
    } finally {
      await ejabberd.stop();
    }
  }

  const stock = () =>
    readFileSync(stockPath, "utf8").replaceAll(
      /"?\/etc\/ejabberd\/ejabberd\.pem"?/g,
      `"${certificate.bothPath}"`,
    );

  /** What a person has done to the file, by what it is. */
  const faults: Readonly<Record<string, (text: string) => string>> = {
    "as it is": (text) => text,
    "with a stranger's hand in it": (text) =>
      text
        .replace("starttls_required: true", "starttls_required: false")
        .replace(/disable_sasl_mechanisms:/, "disable_sasl_mechanisms:\n  - PLAIN")
        .replace("/ws: ejabberd_http_ws", "/ws: ejabberd_http_ws\n      /oauth: ejabberd_oauth")
        .concat('\nauth_use_cache: "False"\n'),
    "with its own database": (text) => `${text}\nauth_method: internal\n`,
    "with an older line of ours": (text) =>
      `${text}\nauth_method: [external]\nextauth_program: "/usr/bin/node /opt/inspectord/relay.mjs https://x/auth"\nauth_stored_password_types: [scram_sha256]\n`,
  };
  for (const [name, change] of Object.entries(faults)) {
    it(`lets a user in, ${name}, once all is done that the doctor says`, async () => {
      const before = change(stock());
      const { text, left } = await follow(before);
      assert.notEqual(text, before);
      // No authority of browsers signs a test's certificate.
      const others = left.filter(({ check }) => check !== "certificate");
      assert.deepEqual(others, [], others.map((one) => textOfFinding(one, false)).join("\n"));
      await logsIn(text);
    });
  }
});
