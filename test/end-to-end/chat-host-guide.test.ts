// docs/chat-host.md done to the letter: its lines appended to Debian's own ejabberd.yml let a user in, and its shell
// command asks the relay.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { promisify } from "node:util";
import { localKey } from "../../infra/local/api.ts";
import { startEjabberd } from "../../infra/local/ejabberd.ts";
import { freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { logInByBosh } from "../real/bosh.ts";
import type { Certificate } from "../real/certificate.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import { logInByTcp } from "../real/xmpp.ts";
import { allowGood, badSession, goodSession, type StandIn, startStandIn } from "../stand-in/api-gateway.ts";
import { prepareDirectory } from "./chain.ts";

const guide = readFileSync(new URL("../../docs/chat-host.md", import.meta.url), "utf8");
const stockPath = "/etc/ejabberd/ejabberd.yml";

/** Returns the guide's first block of this language with this text in it, without its indentation. */
function block(language: "sh" | "yaml", word: string): string {
  const blocks = guide.matchAll(new RegExp(`^( *)\`\`\`${language}\\n([^]*?)^\\1\`\`\``, "gm"));
  for (const [, indent = "", text = ""] of blocks) {
    if (text.includes(word)) return text.replaceAll(new RegExp(`^${indent}`, "gm"), "");
  }
  throw new Error(`the guide has no ${language} block with ${word}`);
}

describe("the chat host's guide", () => {
  const { it, before, after } = needing("ejabberd", "openssl", "socat");
  const directory = temporaryDirectory();
  const socketPath = join(directory, "relay.sock");
  let certificate: Certificate;
  let api: StandIn;
  let relay: RunningProcess;

  before(async () => {
    certificate = prepareDirectory(directory);
    api = await startStandIn(allowGood);
    relay = await startProcess({
      command: process.execPath,
      args: [relayPath, api.url, "--listen", socketPath, "--region", "eu-central-1"],
      env: { ...process.env, ...localKey },
      isReady: (output) => output.includes("code=listening"),
    });
  });
  after(async () => {
    await relay?.stop();
    await api?.stop();
  });

  /** This machine's own paths and ports, in place of those that a chat host has. */
  async function onThisMachine(text: string): Promise<{ config: string; ports: Map<number, number> }> {
    const ports = new Map<number, number>();
    for (const [, port] of text.matchAll(/port: (\d+)/g)) ports.set(Number(port), await freePort());
    const config = text
      .replaceAll(/port: (\d+)/g, (_, port: string) => `port: ${ports.get(Number(port))}`)
      .replaceAll('ip: "::"', 'ip: "127.0.0.1"')
      .replaceAll("/run/inspectord/relay.sock", socketPath)
      .replaceAll("/etc/ejabberd/ejabberd.pem", certificate.bothPath);
    return { config, ports };
  }

  for (const [name, word] of [
    ["the module", "auth_method: [inspectord]"],
    ["extauth", "auth_method: [external]"],
  ] as const) {
    it(`gives lines that make Debian's own ejabberd.yml ask, with ${name}`, async () => {
      const stock = readFileSync(stockPath, "utf8");
      const { config, ports } = await onThisMachine(`${stock}\n${block("yaml", word)}`);
      const own = join(directory, name.replaceAll(" ", "-"));
      mkdirSync(own);
      const bosh = `https://127.0.0.1:${ports.get(5443)}/bosh`;
      const ejabberd = await startEjabberd({
        directory: own,
        config,
        libraries: [directory],
        isReady: () =>
          logInByBosh(bosh, "localhost", "nobody", "x")
            .then(() => true)
            .catch(() => false),
      });
      try {
        const port = ports.get(5222) ?? 0;
        assert.equal(await logInByTcp(port, "localhost", "alice", goodSession), "success");
        assert.equal(await logInByTcp(port, "localhost", "alice", badSession), "failure");
        assert.equal(await logInByBosh(bosh, "localhost", "alice", goodSession), "success");
        assert.equal(await logInByBosh(bosh, "localhost", "alice", badSession), "failure");
        const { user, server, password } = JSON.parse(api.bodies.at(-1) ?? "");
        assert.deepEqual([user, server, password], ["alice", "localhost", badSession]);
      } finally {
        await ejabberd.stop();
      }
    });
  }

  it("gives a command that asks the relay, whatever the question's length", async () => {
    const command = block("sh", "question=")
      .replace("apt-get install socat\n", "")
      // The test's relay is not of ejabberd's group.
      .replace("runuser -u ejabberd -- ", "")
      .replace("/run/inspectord/relay.sock", socketPath);
    for (const [password, answer] of [
      ["nobody0has0this0session0id", "00 02 00 00"],
      [goodSession, "00 02 00 01"],
      ["x".repeat(200), "00 02 00 00"],
    ] as const) {
      const changed = command.replace(/auth:[^']+/, `auth:alice:example.org:${password}`);
      for (const shell of ["sh", "bash"]) {
        const { stdout } = await promisify(execFile)(shell, ["-c", changed]);
        assert.equal(stdout.trim(), answer);
      }
      const { server, password: asked } = JSON.parse(api.bodies.at(-1) ?? "");
      assert.deepEqual([server, asked], ["example.org", password]);
    }
  });
});
