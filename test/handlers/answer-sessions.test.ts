import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSessionsHandler, type InspectSessions } from "../../handlers/answer-sessions.ts";
import { createLog } from "../../handlers/function-log.ts";
import { unavailable } from "../../inspector/verdict.ts";
import { MAX_SESSIONS_REQUEST_BYTES } from "../../protocol/limits.ts";

const ids = ["thefirstid", "thesecondid", "thethirdid"];

function open(inspect: InspectSessions, lines: string[]) {
  return createSessionsHandler(inspect, {
    log: createLog((line) => lines.push(line)),
    stage: "test",
    nowMs: () => 0,
    timeMs: () => 0,
  });
}

/** What a function may be invoked with that is no event of API Gateway's HTTP API. */
const malformed: readonly unknown[] = [
  ...[undefined, null, "", "event", 0, true, [], {}],
  ...[undefined, null, "x", 1, []].map((requestContext) => ({
    body: JSON.stringify({ ids }),
    requestContext,
  })),
  ...[1, true, {}, ["x"]].map((body) => ({ body, requestContext: {} })),
  ...[1, "true", {}].map((isBase64Encoded) => ({
    body: JSON.stringify({ ids }),
    isBase64Encoded,
    requestContext: {},
  })),
  { Records: [{ eventSource: "aws:sqs", body: JSON.stringify({ ids }) }] },
];

/** Answers an event with this body, and gives the response and the log. */
async function answer(body: string | undefined, inspect: InspectSessions, isBase64Encoded = false) {
  const lines: string[] = [];
  let nowMs = 0;
  const handler = createSessionsHandler(inspect, {
    log: createLog((line) => lines.push(line)),
    stage: "test",
    nowMs: () => (nowMs += 3.44),
    timeMs: () => 1_767_225_600_000,
  });
  const event = { body, isBase64Encoded, requestContext: { requestId: "id-1" } };
  const response = await handler(event);
  return { ...response, log: lines.map((line) => JSON.parse(line)), text: lines.join("\n") };
}

/** Says yes to all but the second id. */
const inspect: InspectSessions = async ({ ids }) => ({
  outcome: "answered",
  authenticated: ids.map((id) => id !== "thesecondid"),
});

describe("POST /sessions", () => {
  it("answers 200 and a boolean for each id, in the order asked", async () => {
    const response = await answer(JSON.stringify({ ids }), inspect);
    assert.equal(response.statusCode, 200);
    assert.equal(response.body, '{"authenticated":[true,false,true]}');
    assert.deepEqual(response.headers, { "content-type": "application/json", "cache-control": "no-store" });
  });

  it("logs a line a request: counts, the outcome and the time, and no id", async () => {
    const response = await answer(JSON.stringify({ ids }), inspect);
    assert.deepEqual(response.log, [
      {
        level: "info",
        message: "sessions",
        requestId: "id-1",
        coldStart: true,
        asked: 3,
        outcome: "answered",
        authenticated: 2,
        durationMs: 3.4,
        _aws: {
          Timestamp: 1_767_225_600_000,
          CloudWatchMetrics: [
            {
              Namespace: "InspectorD",
              Dimensions: [["Stage"], ["Stage", "Outcome"]],
              Metrics: [{ Name: "SessionChecks", Unit: "Count" }],
            },
          ],
        },
        Stage: "test",
        Outcome: "answered",
        SessionChecks: 1,
      },
    ]);
  });

  it("answers 503 when there is no verdict, and says why in the log only", async () => {
    const response = await answer(JSON.stringify({ ids }), async () => unavailable("store-timeout"));
    assert.equal(response.statusCode, 503);
    assert.equal(response.body, '{"error":"unavailable"}');
    const [line] = response.log;
    assert.deepEqual([line.level, line.asked, line.fault], ["error", 3, "store-timeout"]);
    assert.deepEqual([line.Outcome, line.SessionChecks], ["unavailable", 1]);
  });

  it("answers 503 when the inspector fails, and keeps the error's words out of the log", async () => {
    const response = await answer(JSON.stringify({ ids }), async () => {
      throw new TypeError("thefirstid");
    });
    assert.equal(response.statusCode, 503);
    assert.doesNotMatch(response.text, /thefirstid/);
    assert.equal(response.log[0].kind, "TypeError");
    assert.equal(response.log[1].fault, "internal-error");
  });

  it("answers 400 and a code to a breach of the contract, and asks nobody", async () => {
    const nobody: InspectSessions = async () => assert.fail("asked");
    for (const [body, code] of [
      [undefined, "body-missing"],
      ["<thefirstid>", "body-not-json"],
      [JSON.stringify(ids), "body-not-an-object"],
      [JSON.stringify({ ids, user: "theuser" }), "field-unknown"],
      [JSON.stringify({ ids: [] }), "ids-invalid"],
      [JSON.stringify({ ids: Array(101).fill("thefirstid") }), "ids-too-many"],
      ["x".repeat(MAX_SESSIONS_REQUEST_BYTES + 1), "body-too-large"],
    ] as const) {
      const response = await answer(body, nobody);
      assert.equal(response.statusCode, 400);
      assert.equal(response.body, `{"error":"${code}"}`);
      assert.doesNotMatch(response.text, /thefirstid|theuser/);
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
    assert.doesNotMatch(lines.join(), /thefirstid/);
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
      const handler = open(inspect, lines);
      const response = await handler({ body: JSON.stringify({ ids }), requestContext });
      assert.deepEqual([response.statusCode, response.body], [200, '{"authenticated":[true,false,true]}']);
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
    const response = await answer(encoded(JSON.stringify({ ids })), inspect, true);
    assert.equal(response.body, '{"authenticated":[true,false,true]}');
    const tooLarge = encoded("x".repeat(4 * MAX_SESSIONS_REQUEST_BYTES));
    assert.equal((await answer(tooLarge, inspect, true)).body, '{"error":"body-too-large"}');
  });
});
