import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { fromContainer } from "../../../relay/credentials/container.ts";
import type { CredentialsError } from "../../../relay/credentials/credentials.ts";
import { maxDocumentBytes } from "../../../relay/credentials/credentials-document.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { type CredentialEndpoints, startCredentialEndpoints } from "../../stand-in/credential-endpoints.ts";

const document = { AccessKeyId: "A", SecretAccessKey: "S", Token: "T", Expiration: "2030-01-01T00:00:00Z" };

describe("credentials of a container", () => {
  let endpoints: CredentialEndpoints;
  before(async () => {
    endpoints = await startCredentialEndpoints();
  });
  beforeEach(() => {
    endpoints.document = document;
    delete endpoints.authorization;
  });
  after(() => endpoints.stop());

  const full = (path = "/v1/credentials") => ({ AWS_CONTAINER_CREDENTIALS_FULL_URI: endpoints.url + path });
  const faultOf = (environment: Readonly<Record<string, string>>) =>
    fromContainer(environment).then(
      () => assert.fail("there were credentials"),
      ({ code, detail }: CredentialsError) => `${code}: ${detail}`,
    );

  it("are asked for where the variables say", async () => {
    assert.equal(await fromContainer({}), undefined);
    assert.deepEqual(await fromContainer(full()), {
      accessKeyId: "A",
      secretAccessKey: "S",
      sessionToken: "T",
      expiration: new Date(Date.UTC(2030, 0, 1)),
    });
    assert.equal(endpoints.requests.at(-1), "GET /v1/credentials");
  });

  it("are asked for with the token, which is read anew from its file each time", async () => {
    endpoints.authorization = "first";
    assert.equal(await faultOf(full()), "credentials-unreadable: container endpoint: status 401");
    const inline = { ...full(), AWS_CONTAINER_AUTHORIZATION_TOKEN: "first" };
    assert.equal((await fromContainer(inline))?.accessKeyId, "A");
    const path = join(temporaryDirectory(), "token");
    writeFileSync(path, "first\n");
    const byFile = { ...full(), AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: path };
    assert.equal((await fromContainer(byFile))?.accessKeyId, "A");
    writeFileSync(path, "second");
    endpoints.authorization = "second";
    assert.equal((await fromContainer(byFile))?.accessKeyId, "A");
  });

  it("are at fault where the token's file cannot be read, or its content is no header", async () => {
    const AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE = join(temporaryDirectory(), "token");
    const environment = { ...full(), AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE };
    assert.match(await faultOf(environment), /TOKEN_FILE cannot be read \(ENOENT\)$/);
    writeFileSync(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, "thetoken\r\nhost: elsewhere");
    const said = await faultOf(environment);
    assert.match(said, /control character$/);
    assert.ok(!said.includes("thetoken"));
  });

  it("are not asked for by plain http from another machine, and a path cannot make another machine of it", async () => {
    for (const variables of [
      { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://192.0.2.1/credentials" },
      { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1.example.org/credentials" },
      { AWS_CONTAINER_CREDENTIALS_FULL_URI: "ftp://127.0.0.1/credentials" },
      { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "@example.org/credentials" },
      { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: ".example.org/credentials" },
    ]) {
      assert.match(await faultOf(variables), /plain http to another machine$/);
    }
    assert.match(await faultOf({ AWS_CONTAINER_CREDENTIALS_FULL_URI: "credentials" }), /is no URL$/);
  });

  it("are at fault where the endpoint is away, fails, or is cut off", async () => {
    const away = await startCredentialEndpoints();
    await away.stop();
    const url = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${away.url}/` };
    assert.equal(await faultOf(url), "credentials-unreadable: container endpoint: ECONNREFUSED");
    endpoints.document = (response) => response.writeHead(500).end('{"message":"thesecret"}');
    assert.equal(await faultOf(full()), "credentials-unreadable: container endpoint: status 500");
    endpoints.document = (response) => {
      response.writeHead(200, { "content-length": 1000 }).write('{"AccessKeyId":');
      setTimeout(() => response.destroy(), 20);
    };
    assert.match(await faultOf(full()), /container endpoint: (cut off|ECONNRESET)$/);
    endpoints.document = (response) => response.end(" ".repeat(maxDocumentBytes + 1));
    assert.equal(await faultOf(full()), "credentials-unreadable: container endpoint: too large");
  });

  it("are given up after five seconds, although a byte comes every now and then", async () => {
    let drip: NodeJS.Timeout | undefined;
    endpoints.document = (response) => {
      response.writeHead(200);
      drip = setInterval(() => response.write(" "), 200);
    };
    const startedMs = performance.now();
    assert.match(await faultOf(full()), /^credentials-unreadable: container endpoint: /);
    clearInterval(drip);
    assert.ok(performance.now() - startedMs < 10_000);
  });
});
