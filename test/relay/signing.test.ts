// The bundled relay and its credentials: what it does while it has none, or those that the API refuses, and that it
// needs no restart once that has changed.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { localKey } from "../../infra/local/api.ts";
import { RelayCaller } from "../../infra/local/relay-caller.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { allowGood, goodSession, type StandIn, startStandIn } from "../stand-in/api-gateway.ts";
import { type CredentialEndpoints, startCredentialEndpoints } from "../stand-in/credential-endpoints.ts";

const directory = temporaryDirectory();
const login = `auth:alice:localhost:${goodSession}`;
const { AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "", AWS_SESSION_TOKEN = "" } = localKey;
describe("the bundled relay's credentials", () => {
  let api: StandIn;
  let endpoints: CredentialEndpoints;
  let relay: RelayCaller;
  let home: string;
  before(async () => {
    api = await startStandIn(allowGood, { verifies: true });
    endpoints = await startCredentialEndpoints();
  });
  beforeEach(() => {
    home = mkdtempSync(join(directory, "home-"));
    mkdirSync(join(home, ".aws"));
  });
  afterEach(() => relay.kill());
  after(async () => {
    await api.stop();
    await endpoints.stop();
  });

  /** Starts it with these variables and no others of AWS's. */
  const start = (variables: Readonly<Record<string, string>> = {}, ...args: string[]) => {
    relay = new RelayCaller([api.url, "--region", "eu-central-1", ...args], process.execPath, {
      ...{ PATH: process.env["PATH"], HOME: home, AWS_EC2_METADATA_DISABLED: "true" },
      ...variables,
    });
  };
  /** Puts keys in place as a tool does that rotates them: by renaming. */
  const writeKeys = (secret: string, profile = "default") => {
    const path = join(home, ".aws", "credentials");
    const token = `aws_session_token = ${AWS_SESSION_TOKEN}`;
    const text = `[${profile}]\naws_access_key_id = ${AWS_ACCESS_KEY_ID}\naws_secret_access_key = ${secret}\n${token}\n`;
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  /** Asks until the answer is yes, and gives how many it took. */
  const untilYes = async () => {
    for (let asked = 1; asked <= 100; asked++) {
      if (await relay.ask(login)) return asked;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return assert.fail(`no yes: ${relay.log}`);
  };

  it("refuses while it has none, says so, and takes those that are put in place", async () => {
    start();
    assert.equal(await relay.ask(login), false);
    assert.match(relay.log, /code=credentials-missing .*detail="none in any of AWS's usual places"/);
    writeKeys(AWS_SECRET_ACCESS_KEY);
    await untilYes();
  });

  it("takes keys that were rotated in their file, and loses not the login that tells it of them", async () => {
    writeKeys("the one before");
    start();
    assert.equal(await relay.ask(login), false);
    assert.match(relay.log, /code=api-forbidden /);
    // The files were read a moment ago, and are not read more than once a second.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    writeKeys(AWS_SECRET_ACCESS_KEY);
    assert.equal(await relay.ask(login), true, relay.log);
  });

  it("takes them from the profile that it is told", async () => {
    writeKeys(AWS_SECRET_ACCESS_KEY, "chat");
    start({ AWS_PROFILE: "other" }, "--profile", "chat");
    assert.equal(await relay.ask(login), true);
  });

  it("asks the endpoint beside its container", async () => {
    endpoints.document = {
      AccessKeyId: AWS_ACCESS_KEY_ID,
      SecretAccessKey: AWS_SECRET_ACCESS_KEY,
      Token: AWS_SESSION_TOKEN,
      Expiration: new Date(Date.now() + 3_600_000).toISOString(),
    };
    start({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoints.url}/container` });
    assert.equal(await relay.ask(login), true);
  });

  it("writes nothing of them", async () => {
    writeKeys("thesecret");
    start();
    assert.equal(await relay.ask(login), false);
    for (const secret of ["thesecret", AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN]) {
      assert.ok(!relay.log.includes(secret), relay.log);
    }
  });
});
