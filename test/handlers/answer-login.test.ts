import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { answerLogin, type Inspect } from "../../handlers/answer-login.ts";
import { createLog } from "../../handlers/log.ts";
import { allowed, refused, unavailable, type Verdict } from "../../inspector/verdict.ts";
import { MAX_REQUEST_BYTES } from "../../protocol/limits.ts";

const login = { op: "auth", user: "theuser", server: "thehost", password: "thepassword" };

/** Answers an event with this body, and gives the response and the log. */
async function answer(body: string | undefined, inspect: Inspect, isBase64Encoded = false, context = {}) {
  const lines: string[] = [];
  let nowMs = 0;
  const event = {
    body,
    isBase64Encoded,
    requestContext: { requestId: "id-1", ...context },
  } as APIGatewayProxyEventV2;
  const response = await answerLogin(
    event,
    inspect,
    createLog((line) => lines.push(line)),
    () => (nowMs += 3.4),
  );
  return { ...response, log: lines.map((line) => JSON.parse(line)), text: lines.join("\n") };
}

describe("POST /auth", () => {
  it("answers 200 and one bit for a verdict", async () => {
    const yes = await answer(JSON.stringify(login), async () => allowed);
    assert.equal(yes.statusCode, 200);
    assert.equal(yes.body, '{"allow":true}');
    assert.deepEqual(yes.headers, { "content-type": "application/json", "cache-control": "no-store" });
    const no = await answer(JSON.stringify(login), async () => refused("other-user"));
    assert.equal(no.statusCode, 200);
    assert.equal(no.body, '{"allow":false}');
  });

  it("answers 503 when there is no verdict, without saying why", async () => {
    const response = await answer(JSON.stringify(login), async () => unavailable("store-timeout"));
    assert.equal(response.statusCode, 503);
    assert.equal(response.body, '{"error":"unavailable"}');
  });

  it("says why to a caller that asks and whom API Gateway knows by its signature, and to nobody else", async () => {
    const asking = JSON.stringify({ ...login, explain: true });
    const iam = { authorizer: { iam: { accessKey: "AKIA" } } };
    const bodyOf = async (body: string, verdict: Verdict, context: object) =>
      (await answer(body, async () => verdict, false, context)).body;
    const no = refused("unreadable-session", "truncated");
    assert.equal(await bodyOf(asking, no, iam), '{"allow":false,"reason":"unreadable-session"}');
    assert.equal(await bodyOf(asking, allowed, iam), '{"allow":true}');
    assert.equal(
      await bodyOf(asking, unavailable("store-timeout"), iam),
      '{"error":"unavailable","reason":"store-timeout"}',
    );
    assert.equal(await bodyOf(JSON.stringify(login), no, iam), '{"allow":false}');
    for (const context of [
      {},
      { authorizer: {} },
      { authorizer: { jwt: {} } },
      { authorizer: { iam: {} } },
    ]) {
      assert.equal(await bodyOf(asking, no, context), '{"allow":false}');
      assert.equal(await bodyOf(asking, unavailable("store-timeout"), context), '{"error":"unavailable"}');
    }
  });

  it("answers 503 when the inspector fails, and keeps the error's words out of the log", async () => {
    const response = await answer(JSON.stringify(login), async () => {
      throw new TypeError("user|s:7:theuser");
    });
    assert.equal(response.statusCode, 503);
    assert.doesNotMatch(response.text, /theuser/);
    assert.equal(response.log[0].kind, "TypeError");
    assert.equal(response.log[1].fault, "internal-error");
  });

  it("answers 400 and a code to a breach of the contract, and asks nobody", async () => {
    const inspect: Inspect = async () => assert.fail("asked");
    for (const [body, code] of [
      [undefined, "body-missing"],
      ["", "body-missing"],
      ["<secret>", "body-not-json"],
      [JSON.stringify({ ...login, op: "setpass" }), "op-unknown"],
      [JSON.stringify({ ...login, user: 1 }), "user-invalid"],
      ["x".repeat(MAX_REQUEST_BYTES + 1), "body-too-large"],
    ] as const) {
      const response = await answer(body, inspect);
      assert.equal(response.statusCode, 400);
      assert.equal(response.body, `{"error":"${code}"}`);
      assert.doesNotMatch(response.text, /theuser|thehost|thepassword|secret/);
    }
  });

  it("reads a body that API Gateway encoded", async () => {
    const encoded = (text: string) => Buffer.from(text).toString("base64");
    const inspect: Inspect = async (request) =>
      request.user === "theuser" ? allowed : refused("other-user");
    assert.equal((await answer(encoded(JSON.stringify(login)), inspect, true)).body, '{"allow":true}');
    const tooLarge = encoded("x".repeat(4 * MAX_REQUEST_BYTES));
    assert.equal((await answer(tooLarge, inspect, true)).body, '{"error":"body-too-large"}');
  });

  it("logs a line a login: the outcome, its code and the time, and nothing of the request", async () => {
    const response = await answer(JSON.stringify(login), async () =>
      refused("unreadable-session", "truncated"),
    );
    assert.deepEqual(response.log, [
      {
        level: "info",
        message: "login",
        requestId: "id-1",
        op: "auth",
        outcome: "refused",
        reason: "unreadable-session",
        detail: "truncated",
        durationMs: 3,
      },
    ]);
    assert.doesNotMatch(response.text, /theuser|thehost|thepassword/);
  });
});
