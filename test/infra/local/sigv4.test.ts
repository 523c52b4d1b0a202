// What verifies signatures on this machine: held to AWS's published examples, and asked, as serverless-offline asks
// it, about requests that the relay's signer made and that somebody changed on their way.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { type LocalApi, startApi } from "../../../infra/local/api.ts";
import { freePort } from "../../../infra/local/ports.ts";
import { sampleSettings } from "../../../infra/local/sample-logins.ts";
import { isBodyOf, localKey, refusalOf, signatureOf } from "../../../infra/local/sigv4.ts";
import { fromEnvironment } from "../../../relay/credentials/environment.ts";
import { createSign } from "../../../relay/sign.ts";

type Headers = Readonly<Record<string, string>>;

const body = Buffer.from(
  JSON.stringify({
    op: "auth",
    user: "alice",
    server: "localhost",
    password: "alice0session0of0the0samples",
  }),
);

/** The header fields of a request that is signed with this key, so many milliseconds from now. */
async function signed(
  url: string,
  variables: Headers = {},
  offsetMs = 0,
  region = "eu-central-1",
): Promise<Headers> {
  const sign = createSign({
    url: new URL(url),
    region,
    credentials: { current: async () => fromEnvironment({ ...localKey, ...variables }) ?? assert.fail() },
    now: () => new Date(Date.now() + offsetMs),
  });
  return { ...(await sign(body)), host: new URL(url).host, "content-type": "application/json" };
}

describe("the verifier of signatures", () => {
  it("makes the signatures of AWS's published examples (Signature Version 4 test suite)", () => {
    const host = ["host", "example.amazonaws.com"];
    const date = ["x-amz-date", "20150830T123600Z"];
    const form = ["content-type", "application/x-www-form-urlencoded"];
    const examples = [
      ["GET", [host, date], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
      ["POST", [host, date], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
      [
        "POST",
        [form, host, date],
        "Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
      ],
    ] as const;
    for (const [method, headers, text, signature] of examples) {
      const made = signatureOf({
        ...{ method, path: "/", query: "", headers, date: date[1] ?? "" },
        bodyHash: createHash("sha256").update(text).digest("hex"),
        scope: ["20150830", "us-east-1", "service"],
        secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
      });
      assert.equal(made.toString("hex"), signature);
    }
  });

  it("lets in what the local key signed, and says what is wrong with anything else", async () => {
    const url = "http://127.0.0.1:3000/auth";
    const right = await signed(url);
    const reasonOf = (headers: Headers, change: { method?: string; path?: string; query?: string } = {}) =>
      refusalOf({ method: "POST", path: "/auth", headers, nowMs: Date.now(), ...change });
    assert.equal(reasonOf(right), undefined);
    assert.ok(isBodyOf(right, body));
    assert.equal(isBodyOf(right, null), false);
    assert.equal(reasonOf(right, { method: "GET" }), "signature");
    assert.equal(reasonOf(right, { path: "/sessions" }), "signature");
    assert.equal(reasonOf(right, { query: "a=b" }), "signature");
    assert.equal(reasonOf({ ...right, host: "127.0.0.1:3001" }), "signature");
    assert.equal(reasonOf({ ...right, "content-type": "text/plain" }), "signature");
    assert.equal(reasonOf({ ...right, "x-amz-content-sha256": "0".repeat(64) }), "signature");
    const { authorization = "", ...unsigned } = right;
    assert.equal(reasonOf(unsigned), "unsigned");
    assert.equal(reasonOf({ ...right, authorization: `${authorization} ` }), "unsigned");
    assert.equal(
      reasonOf({ ...right, authorization: authorization.replace(/\w{64}$/, "0".repeat(64)) }),
      "signature",
    );
    assert.equal(
      reasonOf({ ...right, authorization: authorization.replace("content-type;host;", "content-type;") }),
      "signed-headers",
    );
    assert.equal(
      reasonOf({ ...right, authorization: authorization.replace("content-type;host", "host;content-type") }),
      "signed-headers",
    );
    assert.equal(
      reasonOf({ ...right, authorization: authorization.replace(";host;", ";host;host;") }),
      "signed-headers",
    );
    assert.equal(reasonOf(await signed(url, {}, 0, "us-east-1")), "scope");
    assert.equal(reasonOf(await signed(url, {}, 299_000)), undefined);
    for (const offsetMs of [-302_000, 302_000])
      assert.equal(reasonOf(await signed(url, {}, offsetMs)), "date");
  });
});

describe("a route of the local API", () => {
  let api: LocalApi | undefined;
  before(async () => {
    api = await startApi({ port: await freePort(), settings: sampleSettings });
  });
  after(() => api?.process.stop());

  async function post(headers: Headers, bytes: Buffer = body) {
    const { host: _, ...sent } = headers;
    const response = await fetch(api?.url ?? "", {
      method: "POST",
      headers: sent,
      body: new Uint8Array(bytes),
    });
    return `${response.status} ${await response.text()}`;
  }
  const url = () => api?.url ?? "";
  const forbidden = '403 {"message":"Forbidden"}';

  it("answers who signed, over and over", async () => {
    const right = await signed(url());
    assert.equal(await post(right), '200 {"allow":true}');
    assert.equal(await post(right), '200 {"allow":true}');
  });

  it("answers a signer that does not send the body's hash, as curl does not, and forbids another body", async () => {
    const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
    const { AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token = "" } = localKey;
    const scope = [date.slice(0, 8), "eu-central-1", "execute-api"];
    const headers = [
      ["content-type", "application/json"],
      ["host", new URL(url()).host],
      ["x-amz-date", date],
      ["x-amz-security-token", token],
    ];
    const bodyHash = createHash("sha256").update(body).digest("hex");
    const about = { method: "POST", path: "/auth", query: "", headers, bodyHash, date, scope, secret };
    const signature = signatureOf(about).toString("hex");
    const names = headers.map(([name]) => name).join(";");
    const authorization = `AWS4-HMAC-SHA256 Credential=${key}/${scope.join("/")}/aws4_request, SignedHeaders=${names}, Signature=${signature}`;
    const sent: Headers = { ...Object.fromEntries(headers), authorization };
    assert.equal(await post(sent), '200 {"allow":true}');
    assert.equal(await post(sent, Buffer.from(String(body).replace("alice", "Alice"))), forbidden);
  });

  it("forbids what is unsigned, signed with another key, for another region, or too early or too late", async () => {
    assert.equal(await post({ "content-type": "application/json" }), forbidden);
    assert.equal(await post(await signed(url(), { AWS_SECRET_ACCESS_KEY: "another" })), forbidden);
    assert.equal(await post(await signed(url(), { AWS_ACCESS_KEY_ID: "AKIAANOTHER" })), forbidden);
    assert.equal(await post(await signed(url(), { AWS_SESSION_TOKEN: "" })), forbidden);
    assert.equal(await post(await signed(url(), {}, 0, "us-east-1")), forbidden);
    assert.equal(await post(await signed(url(), {}, -302_000)), forbidden);
    assert.equal(await post(await signed(url(), {}, 302_000)), forbidden);
  });

  it("forbids what was changed on its way: a letter of the body, the token, a signed field, the body's hash", async () => {
    const right = await signed(url());
    const changed = Buffer.from(String(body).replace("alice", "Alice"));
    const hash = createHash("sha256").update(changed).digest("hex");
    assert.equal(await post(right, changed), forbidden);
    assert.equal(await post({ ...right, "x-amz-content-sha256": hash }, changed), forbidden);
    assert.equal(await post(right, Buffer.concat([body, Buffer.from(" ")])), forbidden);
    assert.equal(await post(right, Buffer.alloc(0)), forbidden);
    assert.equal(await post({ ...right, "x-amz-security-token": "another" }), forbidden);
    assert.equal(await post({ ...right, "content-type": "text/plain" }), forbidden);
    assert.equal(await post(right), '200 {"allow":true}');
  });

  it("runs the function for nobody whom it forbids", async () => {
    const before = api?.logins().length;
    assert.equal(await post({ "content-type": "application/json" }), forbidden);
    assert.equal(await post(await signed(url()), Buffer.from("{}")), forbidden);
    assert.equal(await post(await signed(url())), '200 {"allow":true}');
    assert.equal(api?.logins().length, (before ?? 0) + 1);
  });
});
