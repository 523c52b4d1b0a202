import assert from "node:assert/strict";
import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import { describe, it } from "node:test";
import { SignatureV4 } from "@smithy/signature-v4";
import fc from "fast-check";
import { ApiError } from "../../relay/api.ts";
import { type Credentials, CredentialsError } from "../../relay/credentials/credentials.ts";
import { createSign, signature as signatureOf, signingKey } from "../../relay/sign.ts";

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

  it("names each header once, in order", async () => {
    for (const sessionToken of [undefined, token]) {
      const credentials = { ...key, ...(sessionToken !== undefined && { sessionToken }) };
      const { authorization = "" } = await open(plainUrl, async () => credentials)(body);
      const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(";") ?? [];
      assert.ok(names.length > 3);
      assert.deepEqual(names, [...new Set(names)].sort());
    }
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
    const sign = open(plainUrl, () => Promise.reject(new CredentialsError("credentials-missing", "nowhere")));
    await assert.rejects(sign(body), (fault) => {
      return fault instanceof ApiError && fault.code === "credentials-missing" && fault.detail === "nowhere";
    });
    const fails = open(plainUrl, () => Promise.reject(new TypeError("x")));
    await assert.rejects(fails(body), TypeError);
  });

  it("is that of AWS's own library, for any path, host, region, credentials, moment and body", async () => {
    const text = fc.string({ unit: "grapheme", maxLength: 12 });
    const path = fc.array(fc.oneof(text, fc.constantFrom("", "a", "..", "%2F", "a%20b", "~!'()*", "é")), {
      maxLength: 5,
    });
    const ascii = fc.string({ minLength: 1, maxLength: 40 });
    const token = fc.option(
      fc.oneof(ascii, fc.base64String({ maxLength: 900 }), fc.constantFrom("", "a  b", " x ", "a\tb")),
      { nil: undefined },
    );
    await fc.assert(
      fc.asyncProperty(
        path,
        fc.domain(),
        fc.option(fc.integer({ min: 1, max: 65_535 })),
        fc.constantFrom("eu-central-1", "us-gov-west-1", "cn-north-1", "ap-southeast-3"),
        ascii,
        fc.string({ minLength: 1, maxLength: 60, unit: "grapheme" }),
        token,
        fc.date({ min: new Date(0), max: new Date(Date.UTC(2100, 0)), noInvalidDate: true }),
        fc.uint8Array({ maxLength: 200 }),
        async (segments, domain, port, region, accessKeyId, secretAccessKey, sessionToken, now, bytes) => {
          const url = new URL(`https://${domain}${port === null ? "" : `:${port}`}`);
          url.pathname = segments.join("/");
          const credentials = {
            accessKeyId,
            secretAccessKey,
            ...(sessionToken !== undefined && { sessionToken }),
          };
          const sign = createSign({
            url,
            region,
            credentials: { current: async () => credentials },
            now: () => now,
          });
          const body = Buffer.from(bytes);
          const expected = await signByLibrary(url, region, credentials, now, body);
          // Twice: the second one takes what the first one has kept.
          for (let i = 0; i < 2; i++) assert.deepEqual(await sign(body), expected);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it("is that of AWS's published examples", () => {
    const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    // AWS General Reference, "Examples of how to derive a signing key".
    const derived = signingKey(secret, "20120215/us-east-1/iam/aws4_request").export().toString("hex");
    assert.equal(derived, "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d");
    // The Signature Version 4 test suite: get-vanilla, post-vanilla.
    const scope = "20150830/us-east-1/service/aws4_request";
    for (const [hash, expected] of [
      [
        "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
      ],
      [
        "553f88c9e4d10fc9e109e2aeb65f030801b70c2f6468faca261d401ae622fc87",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
      ],
    ] as const) {
      const toSign = `AWS4-HMAC-SHA256\n20150830T123600Z\n${scope}\n${hash}`;
      assert.equal(signatureOf(signingKey(secret, scope), toSign), expected);
    }
  });
});

/** Node's SHA-256 and HMAC, as the library takes them. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = key === undefined ? createHash("sha256") : createHmac("sha256", key as Buffer | string);
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new Error("one hash is for one text");
  }
}

async function signByLibrary(url: URL, region: string, credentials: Credentials, now: Date, body: Buffer) {
  const signer = new SignatureV4({ service: "execute-api", region, sha256: Sha256, credentials });
  const { protocol, hostname, pathname: path } = url;
  const headers = { host: url.host, "content-type": "application/json" };
  const request = { method: "POST", protocol, hostname, path, headers, body };
  const {
    host: _host,
    "content-type": _type,
    ...added
  } = (await signer.sign(request, { signingDate: now })).headers;
  return added;
}
