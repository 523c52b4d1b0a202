import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLoginsHandler, type InspectLogins } from "../../handlers/answer-logins.ts";
import { createLog } from "../../handlers/function-log.ts";
import { unavailable, type Watched } from "../../inspector/verdict.ts";
import { MAX_LOGINS, MAX_LOGINS_REQUEST_BYTES } from "../../protocol/limits.ts";
import { parseLoginsAnswer } from "../../protocol/logins-answer.ts";

const server = "example.org";
const logins = [
  ["theuser", "thepassword1"],
  ["theuser", "thepassword2"],
  ["another", "thepassword3"],
];
const question = { server, logins };

async function answer(body: string | undefined, inspect: InspectLogins, isBase64Encoded = false) {
  const lines: string[] = [];
  let nowMs = 0;
  const handler = createLoginsHandler(inspect, {
    log: createLog((line) => lines.push(line)),
    stage: "test",
    nowMs: () => (nowMs += 3.44),
    timeMs: () => 1_767_225_600_000,
  });
  const response = await handler({ body, isBase64Encoded, requestContext: { requestId: "id-1" } });
  return { ...response, log: lines.map((line) => JSON.parse(line)), text: lines.join("\n") };
}

/** Says live of the first, ended of the second and unknown of all others. */
const inspect: InspectLogins = async ({ logins }) => ({
  outcome: "answered",
  watched: logins.map((_, at): Watched => {
    if (at === 0) return { outcome: "live" };
    if (at === 1) return { outcome: "ended", reason: "no-session" };
    return { outcome: "unknown", code: "store-unreachable", detail: "ECONNREFUSED" };
  }),
});

describe("POST /logins", () => {
  it("answers 200 and a character for each login, in the order asked", async () => {
    const response = await answer(JSON.stringify(question), inspect);
    assert.equal(response.statusCode, 200);
    assert.equal(response.body, '{"live":"10?"}');
    assert.deepEqual(response.headers, { "content-type": "application/json", "cache-control": "no-store" });
  });

  it("repeats the nonce of the question", async () => {
    const response = await answer(JSON.stringify({ ...question, nonce: "the nonce" }), inspect);
    assert.equal(response.body, '{"live":"10?","nonce":"the nonce"}');
  });

  it("is read by the relay as it was said, with as many logins as there may be", async () => {
    const many = Array.from({ length: MAX_LOGINS }, () => ["theuser", "thepassword"]);
    const { statusCode, body } = await answer(JSON.stringify({ server, logins: many, nonce: "n" }), inspect);
    assert.deepEqual(parseLoginsAnswer(statusCode, body, { nonce: "n", count: MAX_LOGINS }), {
      verdict: `10${"?".repeat(MAX_LOGINS - 2)}`,
    });
  });

  it("logs a line a request: counts, why the first unknown one is, and nothing of any login", async () => {
    const response = await answer(JSON.stringify(question), inspect);
    assert.deepEqual(response.log, [
      {
        level: "info",
        message: "logins",
        requestId: "id-1",
        coldStart: true,
        asked: 3,
        outcome: "answered",
        live: 1,
        ended: 1,
        unknown: 1,
        code: "store-unreachable",
        detail: "ECONNREFUSED",
        durationMs: 3.4,
        _aws: {
          Timestamp: 1_767_225_600_000,
          CloudWatchMetrics: [
            {
              Namespace: "InspectorD",
              Dimensions: [["Stage"], ["Stage", "Outcome"]],
              Metrics: [{ Name: "LoginWatches", Unit: "Count" }],
            },
          ],
        },
        Stage: "test",
        Outcome: "answered",
        LoginWatches: 1,
      },
    ]);
    assert.doesNotMatch(response.text, /theuser|another|thepassword|example\.org/);
  });

  it("answers 503 when nothing is known of any, and says why in the log only", async () => {
    const response = await answer(JSON.stringify(question), async () => unavailable("bad-configuration"));
    assert.equal(response.statusCode, 503);
    assert.equal(response.body, '{"error":"unavailable"}');
    const [line] = response.log;
    assert.deepEqual([line.level, line.asked, line.fault], ["error", 3, "bad-configuration"]);
    assert.deepEqual([line.Outcome, line.LoginWatches], ["unavailable", 1]);
  });

  it("answers 503 when the inspector fails, and keeps the error's words out of the log", async () => {
    const response = await answer(JSON.stringify(question), async () => {
      throw new TypeError("thepassword1");
    });
    assert.equal(response.statusCode, 503);
    assert.doesNotMatch(response.text, /thepassword/);
    assert.equal(response.log[0].kind, "TypeError");
    assert.equal(response.log[1].fault, "internal-error");
  });

  it("answers 400 and a code to a breach of the contract, and asks nobody", async () => {
    const nobody: InspectLogins = async () => assert.fail("asked");
    const tooMany = Array.from({ length: MAX_LOGINS + 1 }, () => ["theuser", "thepassword"]);
    for (const [body, code] of [
      [undefined, "body-missing"],
      ["<thepassword>", "body-not-json"],
      [JSON.stringify(logins), "body-not-an-object"],
      [JSON.stringify({ ...question, user: "theuser" }), "field-unknown"],
      [JSON.stringify({ logins }), "server-invalid"],
      [JSON.stringify({ server, logins: [] }), "logins-invalid"],
      [JSON.stringify({ server, logins: [["theuser"]] }), "logins-invalid"],
      [JSON.stringify({ server, logins: tooMany }), "logins-too-many"],
      [JSON.stringify({ ...question, nonce: "" }), "nonce-invalid"],
      ["x".repeat(MAX_LOGINS_REQUEST_BYTES + 1), "body-too-large"],
    ] as const) {
      const response = await answer(body, nobody);
      assert.equal(response.statusCode, 400);
      assert.equal(response.body, `{"error":"${code}"}`);
      assert.doesNotMatch(response.text, /thepassword|theuser/);
    }
  });

  it("reads a body that API Gateway encoded", async () => {
    const encoded = Buffer.from(JSON.stringify(question)).toString("base64");
    assert.equal((await answer(encoded, inspect, true)).body, '{"live":"10?"}');
  });
});
