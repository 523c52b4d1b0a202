import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLoginHandler, type Inspect } from "../../handlers/answer-login.ts";
import { createLog } from "../../handlers/function-log.ts";
import { allowed, refused, unavailable, type Verdict } from "../../inspector/verdict.ts";
import { MAX_REQUEST_BYTES } from "../../protocol/limits.ts";

const login = { op: "auth", user: "theuser", server: "thehost", password: "thepassword" };

const policyOf = (server: string) => (server === "thehost" ? "none" : undefined);

function open(inspect: Inspect, lines: string[]) {
  return createLoginHandler(inspect, policyOf, {
    log: createLog((line) => lines.push(line)),
    stage: "test",
    nowMs: () => 0,
    timeMs: () => 0,
  });
}

/** What a function may be invoked with that is no event of API Gateway's HTTP API. */
const malformed: readonly unknown[] = [
  ...[undefined, null, "", "event", 0, true, [], {}],
  ...[undefined, null, "x", 1, []].map((requestContext) => ({ body: JSON.stringify(login), requestContext })),
  ...[1, true, {}, ["x"]].map((body) => ({ body, requestContext: {} })),
  ...[1, "true", {}].map((isBase64Encoded) => ({
    body: JSON.stringify(login),
    isBase64Encoded,
    requestContext: {},
  })),
  { Records: [{ eventSource: "aws:sqs", body: JSON.stringify(login) }] },
];

/** Answers an event with this body, and gives the response and the log. */
async function answer(body: string | undefined, inspect: Inspect, isBase64Encoded = false, context = {}) {
  const lines: string[] = [];
  let nowMs = 0;
  const handler = createLoginHandler(inspect, policyOf, {
    log: createLog((line) => lines.push(line)),
    stage: "test",
    nowMs: () => (nowMs += 3.44),
    timeMs: () => 1_767_225_600_000,
  });
  const requestContext = { requestId: "id-1", ...context };
  const event = { body, isBase64Encoded, requestContext };
  const response = await handler(event);
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

  it("repeats a nonce in its verdict, and tells the policy of a host that it serves beside it", async () => {
    const asking = { ...login, nonce: '\u0001 "é' };
    const bodyOf = async (request: object, verdict: Verdict) =>
      JSON.parse((await answer(JSON.stringify(request), async () => verdict)).body);
    for (const [verdict, allow] of [
      [allowed, true],
      [refused("other-user"), false],
    ] as const) {
      const { nonce } = asking;
      assert.deepEqual(await bodyOf(asking, verdict), { allow, nonce, isuser: "none" });
      assert.deepEqual(await bodyOf({ ...asking, server: "other" }, verdict), { allow, nonce });
      assert.deepEqual(await bodyOf(login, verdict), { allow });
    }
  });

  it("repeats no nonce where there is no verdict", async () => {
    const asking = JSON.stringify({ ...login, nonce: "x" });
    assert.equal(
      (await answer(asking, async () => unavailable("store-timeout"))).body,
      '{"error":"unavailable"}',
    );
    const breach = JSON.stringify({ ...login, nonce: "x", user: 1 });
    assert.equal((await answer(breach, async () => allowed)).body, '{"error":"user-invalid"}');
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

  it("answers 400 to what is no event of API Gateway, asks nobody, and logs nothing of it", async () => {
    const lines: string[] = [];
    const handler = open(async () => assert.fail("asked"), lines);
    for (const event of malformed) {
      const response = await handler(event);
      assert.deepEqual([response.statusCode, response.body], [400, '{"error":"event-malformed"}']);
    }
    const [first, ...others] = lines.map((line) => JSON.parse(line));
    assert.deepEqual(first, {
      level: "warn",
      message: "contract-breach",
      coldStart: true,
      code: "event-malformed",
    });
    assert.ok(others.length === malformed.length - 1 && others.every((line) => !("coldStart" in line)));
    assert.doesNotMatch(lines.join(), /theuser|thehost|thepassword/);
  });

  it("answers an event whose context tells nothing of the caller", async () => {
    for (const requestContext of [
      {},
      { requestId: 1, authorizer: null },
      { requestId: {}, authorizer: "iam" },
      { authorizer: { iam: null } },
      { authorizer: { iam: "AKIA" } },
      { authorizer: { iam: { accessKey: {} } } },
    ]) {
      const lines: string[] = [];
      const handler = open(async () => refused("other-user"), lines);
      const response = await handler({ body: JSON.stringify({ ...login, explain: true }), requestContext });
      assert.deepEqual([response.statusCode, response.body], [200, '{"allow":false}']);
      assert.ok(!("requestId" in JSON.parse(lines[0] ?? "{}")));
    }
    const missing = await open(
      async () => assert.fail("asked"),
      [],
    )({ body: null, isBase64Encoded: null, requestContext: {} });
    assert.equal(missing.body, '{"error":"body-missing"}');
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
        coldStart: true,
        op: "auth",
        outcome: "refused",
        reason: "unreadable-session",
        detail: "truncated",
        durationMs: 3.4,
        _aws: {
          Timestamp: 1_767_225_600_000,
          CloudWatchMetrics: [
            {
              Namespace: "InspectorD",
              Dimensions: [["Stage"], ["Stage", "Outcome"], ["Stage", "Outcome", "Code"]],
              Metrics: [
                { Name: "Logins", Unit: "Count" },
                { Name: "LoginDuration", Unit: "Milliseconds" },
              ],
            },
          ],
        },
        Stage: "test",
        Outcome: "refused",
        Code: "unreadable-session",
        Logins: 1,
        LoginDuration: 3.4,
      },
    ]);
    assert.doesNotMatch(response.text, /theuser|thehost|thepassword/);
  });

  it("counts a login by its outcome, and by its code where it has one", async () => {
    for (const [verdict, expected] of [
      [allowed, { Outcome: "allowed" }],
      [refused("other-user"), { Outcome: "refused", Code: "other-user" }],
      [unavailable("store-timeout"), { Outcome: "unavailable", Code: "store-timeout" }],
    ] as const) {
      const [line] = (await answer(JSON.stringify(login), async () => verdict)).log;
      const [{ Dimensions }] = line._aws.CloudWatchMetrics;
      assert.deepEqual(Dimensions.at(-1), ["Stage", ...Object.keys(expected)]);
      assert.equal(line.Outcome, expected.Outcome);
      assert.equal(line.Code, "Code" in expected ? expected.Code : undefined);
    }
  });

  it("counts neither the question whether a user exists nor a breach of the contract", async () => {
    const isUser = { op: "isuser", user: "theuser", server: "thehost" };
    for (const body of [JSON.stringify(isUser), "<secret>"]) {
      const { log } = await answer(body, async () => allowed);
      assert.equal(log.length, 1);
      assert.ok(!("_aws" in log[0]));
    }
  });

  it("marks the first event of a process, whatever it is, and no other", async () => {
    const lines: string[] = [];
    const handler = createLoginHandler(async () => allowed, policyOf, {
      log: createLog((line) => lines.push(line)),
      stage: "test",
      nowMs: () => 0,
      timeMs: () => 0,
    });
    for (const body of ["<secret>", JSON.stringify(login), JSON.stringify(login)]) {
      await handler({ body, requestContext: {} });
    }
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).coldStart),
      [true, undefined, undefined],
    );
  });
});
