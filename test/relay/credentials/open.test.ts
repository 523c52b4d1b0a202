import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { CredentialsError } from "../../../relay/credentials/credentials.ts";
import { openCredentials } from "../../../relay/credentials/open.ts";
import { temporaryDirectory } from "../../real/directory.ts";
import { type CredentialEndpoints, startCredentialEndpoints } from "../../stand-in/credential-endpoints.ts";

const directory = temporaryDirectory();
const keysOf = (name: string) => `aws_access_key_id = ${name}\naws_secret_access_key = S\n`;

describe("AWS's usual places of credentials", () => {
  let endpoints: CredentialEndpoints;
  before(async () => {
    endpoints = await startCredentialEndpoints();
    process.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = endpoints.url;
  });
  after(async () => {
    delete process.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"];
    await endpoints.stop();
  });

  /** A home with a profile "default" and a profile "chat". */
  const home = () => {
    const HOME = mkdtempSync(join(directory, "home-"));
    mkdirSync(join(HOME, ".aws"));
    const text = `[default]\n${keysOf("DEFAULT")}[chat]\n${keysOf("CHAT")}`;
    writeFileSync(join(HOME, ".aws", "credentials"), text);
    return { HOME };
  };
  const inEnvironment = { AWS_ACCESS_KEY_ID: "ENVIRONMENT", AWS_SECRET_ACCESS_KEY: "S" };
  const container = () => ({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoints.url}/container` });
  const nowhere = { HOME: join(directory, "nowhere") };
  const open = (environment: Readonly<Record<string, string>>, profile?: string) =>
    openCredentials({ environment, ...(profile !== undefined && { profile }) }, () => {})
      .current()
      .then(
        ({ accessKeyId }) => accessKeyId,
        ({ code, detail }: CredentialsError) => `${code}: ${detail}`,
      );

  it("are asked in the order of AWS's SDKs, and no further than the first that has some", async () => {
    endpoints.document = {
      AccessKeyId: "ENDPOINT",
      SecretAccessKey: "S",
      Token: "T",
      Expiration: "2100-01-01",
    };
    assert.equal(await open({ ...inEnvironment, ...home(), ...container() }), "ENVIRONMENT");
    assert.equal(await open({ ...home(), ...container() }), "DEFAULT");
    assert.equal(await open({ ...home(), ...container(), AWS_PROFILE: "chat" }), "CHAT");
    assert.equal(await open({ ...home(), ...container(), AWS_PROFILE: "" }), "DEFAULT");
    assert.deepEqual(endpoints.requests, []);
    assert.equal(await open({ ...nowhere, ...container() }), "ENDPOINT");
    assert.deepEqual(endpoints.requests, ["GET /container"]);
    assert.equal(await open(nowhere), "ENDPOINT");
    assert.equal(endpoints.requests[1], "PUT /latest/api/token");
    assert.equal(
      await open({ ...nowhere, AWS_EC2_METADATA_DISABLED: "true" }),
      "credentials-missing: none in any of AWS's usual places",
    );
  });

  it("are but the profile where one is asked for on the command line", async () => {
    assert.equal(await open({ ...inEnvironment, ...home() }, "chat"), "CHAT");
    assert.match(
      await open({ ...inEnvironment, ...home() }, "other"),
      /^credentials-missing: profile other:/,
    );
  });

  it("are not passed over where one is configured and at fault", async () => {
    endpoints.requests.length = 0;
    assert.match(await open({ ...home(), AWS_ACCESS_KEY_ID: "A" }), /^credentials-unreadable: environment:/);
    const webIdentity = { AWS_WEB_IDENTITY_TOKEN_FILE: "/token" };
    assert.match(await open({ ...nowhere, ...webIdentity, ...container() }), /WEB_IDENTITY/);
    assert.match(await open({ ...home(), AWS_PROFILE: "other", ...container() }), /profile other:/);
    assert.deepEqual(endpoints.requests, []);
  });

  it("are refused, and not sent, where they hold what would end a field of HTTP", async () => {
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]) {
      const sent = name === "AWS_SECRET_ACCESS_KEY" ? [] : ["VA LUE", "VAL\u00e9"];
      for (const value of ["VALUE\n", "VALUE\r\nhost: other", "VAL\0UE", ...sent]) {
        const told = await open({ ...inEnvironment, [name]: value, ...home() });
        assert.match(told, /^credentials-unreadable: the environment: the .* holds a line break/);
        assert.ok(!told.includes("VAL"), told);
      }
    }
    endpoints.document = {
      AccessKeyId: "A",
      SecretAccessKey: "S",
      Token: "T\r\nx: y",
      Expiration: "2100-01-01",
    };
    assert.match(await open({ ...nowhere, ...container() }), /endpoint: the session token holds/);
  });
});
