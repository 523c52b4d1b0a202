import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { CredentialsError } from "../../../relay/credentials/credentials.ts";
import { fromInstance } from "../../../relay/credentials/instance.ts";
import { type CredentialEndpoints, startCredentialEndpoints } from "../../stand-in/credential-endpoints.ts";

const document = {
  Code: "Success",
  AccessKeyId: "A",
  SecretAccessKey: "S",
  Token: "T",
  Expiration: "2100-01-01T00:00:00Z",
};

describe("credentials of an instance", () => {
  let endpoints: CredentialEndpoints;
  before(async () => {
    endpoints = await startCredentialEndpoints();
    // The library reads it from the process's environment.
    process.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = endpoints.url;
  });
  beforeEach(() => {
    endpoints.requests.length = 0;
    Object.assign(endpoints, { document, delayMs: 0, role: "chat", hasTokens: true });
  });
  after(async () => {
    delete process.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"];
    await endpoints.stop();
  });

  const faultOf = () =>
    fromInstance({}).then(
      () => assert.fail("there were credentials"),
      ({ code, detail }: CredentialsError) => `${code}: ${detail}`,
    );
  const none =
    "credentials-missing: none in the environment, the shared files or a container, and no answer of the instance (IMDSv2)";
  const asked = ["PUT /latest/api/token", "GET /latest/meta-data/iam/security-credentials/"];

  it("are those of its role, asked for with a token", async () => {
    assert.deepEqual(await fromInstance({}), {
      accessKeyId: "A",
      secretAccessKey: "S",
      sessionToken: "T",
      expiration: new Date(Date.UTC(2100, 0, 1)),
    });
    assert.deepEqual(endpoints.requests, [...asked, `${asked[1]}chat`]);
  });

  it("are not asked for where the service is turned off", async () => {
    assert.equal(await fromInstance({ AWS_EC2_METADATA_DISABLED: "TRUE" }), undefined);
    assert.deepEqual(endpoints.requests, []);
  });

  it("are never asked for by version 1, which would hand them out to anybody", async () => {
    endpoints.hasTokens = false;
    assert.equal(await faultOf(), none);
    assert.equal(await faultOf(), none);
    assert.deepEqual(endpoints.requests, [asked[0], asked[0]]);
  });

  it("are asked for by version 2 again after the service was too slow once", async () => {
    endpoints.delayMs = 2_500;
    const startedMs = performance.now();
    assert.equal(await faultOf(), none);
    assert.ok(performance.now() - startedMs < 2_400, "it is not waited for");
    endpoints.delayMs = 300;
    assert.equal((await fromInstance({}))?.accessKeyId, "A");
    assert.ok(endpoints.requests.filter((request) => request === asked[0]).length >= 1);
  });

  it("are at fault where the instance has no role, or its service fails", async () => {
    endpoints.role = "";
    assert.equal(await faultOf(), "credentials-unreadable: instance (IMDSv2): the instance has no role");
    endpoints.role = "chat";
    endpoints.document = (response) => response.writeHead(503).end("thesecret");
    assert.equal(await faultOf(), "credentials-unreadable: instance (IMDSv2): status 503");
  });
});
