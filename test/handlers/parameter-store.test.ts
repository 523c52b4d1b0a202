// AWS's own client against a stand-in of SSM.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { readParameter } from "../../handlers/parameter-store.ts";
import { fail, type Ssm, say, startSsm } from "../stand-in/ssm.ts";

describe("a parameter of SSM", () => {
  let ssm: Ssm;
  // As Lambda sets them.
  const variables = {
    AWS_REGION: "eu-central-1",
    AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_SESSION_TOKEN: "token",
  };
  const before_ = { ...process.env };
  before(async () => {
    ssm = await startSsm();
    Object.assign(process.env, variables, { AWS_ENDPOINT_URL_SSM: ssm.url });
  });
  after(async () => {
    for (const name of [...Object.keys(variables), "AWS_ENDPOINT_URL_SSM"]) delete process.env[name];
    Object.assign(process.env, before_);
    await ssm.stop();
  });

  it("is asked for by its name, decrypted, in one signed request", async () => {
    ssm.reply = say("the value");
    ssm.requests.length = 0;
    assert.equal(await readParameter("/inspectord/key"), "the value");
    assert.deepEqual(ssm.requests, [{ Name: "/inspectord/key", WithDecryption: true }]);
  });

  it("that is not there, or not ours, fails by the name of SSM's error", async () => {
    for (const name of ["ParameterNotFound", "AccessDeniedException"]) {
      ssm.reply = fail(name, "words");
      await assert.rejects(readParameter("/inspectord/key"), { name });
    }
  });

  it("is asked for a second time where SSM has trouble, and no third time", async () => {
    ssm.requests.length = 0;
    ssm.reply = (response, name) => {
      if (ssm.requests.length === 1) response.writeHead(500).end();
      else say("the value")(response, name);
    };
    assert.equal(await readParameter("/inspectord/key"), "the value");
    ssm.requests.length = 0;
    ssm.reply = (response) => response.writeHead(500).end();
    await assert.rejects(readParameter("/inspectord/key"));
    assert.equal(ssm.requests.length, 2);
  });

  it("fails within the ten seconds of a cold start where SSM is silent", async () => {
    ssm.reply = () => {};
    const startedMs = performance.now();
    await assert.rejects(readParameter("/inspectord/key"), { name: "TimeoutError" });
    assert.ok(performance.now() - startedMs < 9_000);
  });
});
