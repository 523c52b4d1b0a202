import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ApiFault } from "../../relay/api.ts";
import { type Credentials, CredentialsFault } from "../../relay/credentials/credentials.ts";
import { createSign } from "../../relay/sign.ts";

const key = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const token = "AQoDYXdzEPT//////////wEXAMPLEtoken==";
const body = Buffer.from('{"op":"auth","user":"jürgen"}');
const bodyHash = "21dcc0074aa1238be75a6b44b86c140b9597b1e24517dab3f3c07ce2e062db2f";
const plainUrl = "https://id.execute-api.eu-central-1.amazonaws.com/auth";

function open(
  url: string,
  current: () => Promise<Credentials>,
  now = () => new Date(Date.UTC(2015, 7, 30, 12, 36)),
) {
  return createSign({ url: new URL(url), region: "eu-central-1", credentials: { current }, now });
}

describe("a request's signature", () => {
  // What botocore 1.43.107 makes of the same requests.
  const signatures = [
    { url: plainUrl, signature: "c84bd999680780178917da942d6309d446b9b9918b908007bf66f27af710ac07" },
    {
      url: plainUrl,
      token,
      signature: "5fdff43d9a015e83bbad8908ab6d60c9e89ca207a036a9814ef5d30e7dd1055b",
    },
    {
      url: "https://chat.example.org:8443/v1/a%20b/auth",
      signature: "1190e6f727f8d7b907061efd92c6aecb71519ccbf5efe50237ce1699102d3cd3",
    },
    {
      url: "https://chat.example.org:8443/v1/a%20b/auth",
      token,
      signature: "c5e5bec94502e4ca82527ccd76d12d9950a08bc0115597bbafb8f5e83f56bd33",
    },
  ];

  for (const { url, token, signature } of signatures) {
    it(`is that of AWS's own signer: ${new URL(url).pathname}, ${token === undefined ? "no" : "a"} token`, async () => {
      const sign = open(url, async () => ({ ...key, ...(token !== undefined && { sessionToken: token }) }));
      const signed = await sign(body);
      const names = `content-type;host;x-amz-content-sha256;x-amz-date${token === undefined ? "" : ";x-amz-security-token"}`;
      assert.equal(signed["x-amz-date"], "20150830T123600Z");
      assert.equal(signed["x-amz-content-sha256"], bodyHash);
      assert.equal(signed["x-amz-security-token"], token);
      assert.equal(
        signed["authorization"],
        `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-central-1/execute-api/aws4_request, SignedHeaders=${names}, Signature=${signature}`,
      );
    });
  }

  it("adds what is to be sent beside it, and nothing that a request has by itself", async () => {
    const names = Object.keys(
      await open(plainUrl, async () => ({ ...key, sessionToken: token }))(body),
    ).sort();
    assert.deepEqual(names, ["authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"]);
  });

  it("is made with the credentials and the day of its moment", async () => {
    let now = new Date(Date.UTC(2015, 7, 30, 23, 59, 59));
    let current: Credentials = key;
    const sign = open(
      plainUrl,
      async () => current,
      () => now,
    );
    const scopeOf = async () => /Credential=(\w+\/\d+)/.exec((await sign(body))["authorization"] ?? "")?.[1];
    assert.equal(await scopeOf(), "AKIDEXAMPLE/20150830");
    now = new Date(Date.UTC(2015, 7, 31));
    assert.equal(await scopeOf(), "AKIDEXAMPLE/20150831");
    const before = (await sign(body))["authorization"];
    current = { ...key, secretAccessKey: "another" };
    assert.notEqual((await sign(body))["authorization"], before, "the same key with another secret");
    current = { ...key, accessKeyId: "AKIDOTHER" };
    assert.equal(await scopeOf(), "AKIDOTHER/20150831");
  });

  it("cannot be made without credentials, which is said", async () => {
    const sign = open(plainUrl, () => Promise.reject(new CredentialsFault("credentials-missing", "nowhere")));
    await assert.rejects(sign(body), (fault) => {
      return fault instanceof ApiFault && fault.code === "credentials-missing" && fault.detail === "nowhere";
    });
    const fails = open(plainUrl, () => Promise.reject(new TypeError("x")));
    await assert.rejects(fails(body), TypeError);
  });
});
