// A login to a real Prosody, which asks the bundled relay over HTTP. The module that asks is the test's own and asks what
// the community's mod_auth_http asks: Debian packages Prosody without that one.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { localKey } from "../../infra/local/api.ts";
import { freePort } from "../../infra/local/ports.ts";
import { type RunningProcess, startProcess } from "../../infra/local/process.ts";
import { relayPath } from "../../infra/local/relay-caller.ts";
import { makeCertificate } from "../real/certificate.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing } from "../real/parts.ts";
import { type Prosody, startProsody } from "../real/prosody.ts";
import { logInByTcp } from "../real/xmpp.ts";
import { type StandIn, say, startStandIn, tell } from "../stand-in/api-gateway.ts";

const sessionOf = (user: string) => `session0of0${user.replaceAll(/[^a-z0-9]/g, "0")}0`.padEnd(26, "0");

describe("Prosody with the relay's HTTP", () => {
  const { it, before, after } = needing("prosody", "openssl");
  const directory = temporaryDirectory();
  let api: StandIn;
  let relay: RunningProcess;
  let prosody: Prosody;

  before(async () => {
    api = await startStandIn((body, ...rest) => {
      const { user, password } = JSON.parse(body);
      tell({ allow: password === sessionOf(user) })(body, ...rest);
    });
    const secret = "prosody:a-secret-for-the-loopback";
    const secretFile = join(directory, "secret");
    writeFileSync(secretFile, `${secret}\n`, { mode: 0o600 });
    const port = await freePort();
    relay = await startProcess({
      command: process.execPath,
      args: [
        ...[relayPath, api.url, "--region", "eu-central-1", "--deadline-ms", "4000"],
        ...["--http", `127.0.0.1:${port}`, "--http-secret-file", secretFile],
      ],
      env: { ...process.env, ...localKey },
      isReady: (output) => output.includes("code=listening"),
    });
    const own = join(directory, "prosody");
    mkdirSync(own);
    prosody = await startProsody({
      directory: own,
      certificate: makeCertificate(directory),
      url: `http://127.0.0.1:${port}`,
      secret,
    });
  });
  after(async () => {
    await prosody?.process.stop();
    await relay?.stop();
    await api?.stop();
  });

  const logIn = (user: string, password: string) => logInByTcp(prosody.tcpPort, "localhost", user, password);

  it("lets in with one's own session alone", async () => {
    for (let i = 0; i < 3; i++) {
      assert.equal(await logIn("alice", sessionOf("alice")), "success");
      assert.equal(await logIn("bob", sessionOf("alice")), "failure");
    }
    assert.equal(await logIn("jürgen\\20von", sessionOf("jürgen\\20von")), "success");
    for (const password of ["a:b&c=d+e %", "pässwörd€", "", "bad0session0of0the0tests00"]) {
      assert.equal(await logIn("alice", password), "failure");
    }
  });

  it("refuses where the API does not know, and lets in once it does", async () => {
    const { reply } = api;
    api.reply = say(503, '{"error":"unavailable"}');
    assert.equal(await logIn("alice", sessionOf("alice")), "failure");
    api.reply = reply;
    assert.equal(await logIn("alice", sessionOf("alice")), "success");
  });

  it("asked the API about session ids alone", () => {
    const passwords = new Set(
      api.bodies
        .map((body) => JSON.parse(body))
        .filter(({ op }) => op === "auth")
        .map(({ password }) => password),
    );
    assert.deepEqual(
      passwords,
      new Set([sessionOf("alice"), sessionOf("jürgen\\20von"), "bad0session0of0the0tests00"]),
    );
  });
});
