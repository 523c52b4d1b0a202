import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { afterEach, describe, it } from "node:test";
import { freePort } from "../../infra/local/ports.ts";
import { Api, type ApiError, type ApiOptions, loginContract, type Sign } from "../../relay/api.ts";
import { Connections } from "../../relay/connections.ts";
import { version } from "../../relay/version.ts";
import {
  allowGood,
  badSession,
  goodSession,
  type Reply,
  type StandIn,
  say,
  startStandIn,
  tell,
} from "../stand-in/api-gateway.ts";

const good = { op: "auth", user: "alice", server: "localhost", password: goodSession } as const;
const bad = { ...good, password: badSession };
const sign: Sign = async () => ({ authorization: "AWS4-HMAC-SHA256 ...", "x-amz-date": "20260101T000000Z" });

function apiAt(url: string, options: Partial<ApiOptions> = {}) {
  const { hostname, port } = new URL(url);
  return new Api({
    url: new URL(url),
    contract: loginContract,
    connections: new Connections({ hostname, port: Number(port), isSecure: false }),
    sign,
    renewCredentials: async () => false,
    now: () => new Date(),
    ...options,
  });
}

describe("a request to the API", () => {
  let server: StandIn;
  const open = async (reply: Reply, options: Parameters<typeof apiAt>[1] = {}) => {
    server = await startStandIn(reply);
    return apiAt(server.url, options);
  };
  const faultOf = (api: Api) =>
    api.begin(good, false).answer.then(
      () => assert.fail("there was a verdict"),
      ({ name, code, detail, retryAfterMs }: ApiError) => ({ name, code, detail, retryAfterMs }),
    );
  const fault = (code: string, detail: string, retryAfterMs?: number) => ({
    name: "ApiError",
    code,
    detail,
    retryAfterMs,
  });

  afterEach(() => server.stop());

  it("gives the function's verdict, over one connection", async () => {
    const api = await open(allowGood);
    assert.deepEqual(await api.begin(good, false).answer, { allow: true });
    assert.deepEqual(await api.begin(bad, false).answer, { allow: false });
    assert.equal(server.connections(), 1);
  });

  it("takes a new connection where it is asked to", async () => {
    const api = await open(allowGood);
    await api.begin(good, false).answer;
    await api.begin(good, true).answer;
    assert.equal(server.connections(), 2);
  });

  it("leaves no connection behind where it is asked to", async () => {
    const api = await open(allowGood);
    await api.begin(good, true, false).answer;
    await api.begin(good, false).answer;
    await api.begin(good, false).answer;
    assert.equal(server.connections(), 2);
  });

  it("is the body with its length, its signature and the relay's release, posted to the route", async () => {
    let head: unknown;
    const api = await open((body, response, request) => {
      const { method, url, headers } = request;
      head = { method, url, ...headers };
      allowGood(body, response, request);
    });
    await api.begin({ ...good, user: "jürgen" }, false).answer;
    assert.deepEqual(head, {
      method: "POST",
      url: "/auth",
      host: new URL(server.url).host,
      "user-agent": `inspectord-relay/${version}`,
      "content-type": "application/json",
      ...(await sign(Buffer.alloc(0))),
      "content-length": String(Buffer.byteLength(server.bodies[0] ?? "")),
    });
    const { nonce, ...body } = JSON.parse(server.bodies[0] ?? "");
    assert.deepEqual(body, { ...good, user: "jürgen", explain: true });
    assert.match(nonce, /^[\w-]{22}$/);
  });

  it("arrives as it was signed at its longest, some 18,000 bytes", async () => {
    let hash = "";
    const api = await open(allowGood, {
      sign: async (body) => {
        hash = createHash("sha256").update(body).digest("hex");
        return {};
      },
    });
    const user = "\u0001".repeat(1_023);
    const login = { op: "auth", user, server: user, password: "é\u0001".repeat(341) } as const;
    assert.deepEqual(await api.begin(login, false).answer, { allow: false });
    const [body = ""] = server.bodies;
    assert.ok(Buffer.byteLength(body) > 15_000, `${Buffer.byteLength(body)}`);
    assert.equal(createHash("sha256").update(body).digest("hex"), hash);
    const { nonce: _, explain: __, ...arrived } = JSON.parse(body);
    assert.deepEqual(arrived, login);
  });

  it("carries a nonce of its own, which is signed with the rest", async () => {
    const signed: string[] = [];
    const api = await open(allowGood, {
      sign: async (body) => {
        signed.push(String(body));
        return {};
      },
    });
    for (let asked = 0; asked < 100; asked++) await api.begin(good, false).answer;
    assert.deepEqual(server.bodies, signed);
    assert.equal(new Set(signed.map((body) => JSON.parse(body).nonce)).size, 100);
  });

  it("takes no verdict without its nonce, and the connection carries nothing more", async () => {
    const other = fault("api-answer", "answer to another question", 0);
    for (const allow of [true, false]) {
      for (const reply of [
        say(200, JSON.stringify({ allow })),
        say(200, JSON.stringify({ allow, nonce: "another" })),
      ]) {
        const api = await open(reply);
        assert.deepEqual(await faultOf(api), other);
        assert.deepEqual(await faultOf(api), other);
        assert.equal(server.connections(), 2);
        await server.stop();
      }
    }
    await open(allowGood);
  });

  it("is not made again without a nonce for a function that does not know it", async () => {
    const api = await open(say(400, '{"error":"field-unknown"}'));
    assert.deepEqual(await faultOf(api), fault("function-outdated", "deploy the function of this release"));
    assert.equal(server.bodies.length, 1);
  });

  it("tells the reason that the function gives", async () => {
    const api = await open(tell({ allow: false, reason: "no-session" }));
    assert.deepEqual(await api.begin(good, false).answer, { allow: false, reason: "no-session" });
  });

  it("has one code for each kind of fault, and no word of the request in it", async () => {
    const faults: [Reply, ReturnType<typeof fault>][] = [
      [
        say(503, '{"error":"unavailable","reason":"store-timeout"}'),
        fault("unavailable", "store-timeout", 0),
      ],
      [say(503, '{"error":"unavailable"}'), fault("unavailable", "", 0)],
      [say(503, '{"message":"Service Unavailable"}'), fault("api-throttled", "503", 500)],
      [say(503, "", { "retry-after": "3" }), fault("api-throttled", "503", 3000)],
      [say(502, ""), fault("api-status", "502", 0)],
      [say(504, ""), fault("api-status", "504", 0)],
      [say(429, '{"message":"Too Many Requests"}'), fault("api-throttled", "429", 500)],
      [say(429, "", { "retry-after": "3" }), fault("api-throttled", "429", 3000)],
      [say(429, "", { "retry-after": "soon" }), fault("api-throttled", "429", 500)],
      [say(403, '{"message":"theuser"}'), fault("api-forbidden", "403")],
      [say(400, '{"error":"user-invalid"}'), fault("api-status", "400")],
      [say(500, "x".repeat(5000)), fault("api-status", "500")],
      [say(302, '{"allow":true}'), fault("api-status", "302")],
      [tell({ allow: 1 }), fault("api-answer", "no verdict")],
      [say(200, " ".repeat(2000)), fault("api-answer", "no verdict")],
      [say(200, " ".repeat(20_000)), fault("api-answer", "body too large")],
      [
        (_, response) => {
          response.writeHead(200, { "content-length": "14" });
          response.write('{"allow":', () => response.destroy());
        },
        fault("api-unreachable", "closed", 0),
      ],
      [(_, response) => response.socket?.end("HTTP/9 nonsense\r\n\r\n"), fault("api-answer", "status line")],
    ];
    for (const [reply, expected] of faults) {
      assert.deepEqual(await faultOf(await open(reply)), expected);
      await server.stop();
    }
    server = await startStandIn(allowGood);
  });

  it("reads a date in Retry-After", async () => {
    const now = new Date("2026-01-01T00:00:00Z");
    const reply = say(503, "", { "retry-after": "Thu, 01 Jan 2026 00:00:02 GMT" });
    const api = await open(reply, { now: () => now });
    assert.equal((await faultOf(api)).retryAfterMs, 2000);
    server.reply = say(503, "", { "retry-after": "Thu, 01 Jan 2025 00:00:00 GMT" });
    assert.equal((await faultOf(api)).retryAfterMs, 0);
  });

  it("is worth a second try after a refused signature only if there are other credentials", async () => {
    let renewals = 0;
    const api = await open(say(403, ""), {
      renewCredentials: async () => ++renewals > 1,
    });
    assert.deepEqual(await faultOf(api), fault("api-forbidden", "403"));
    assert.deepEqual(await faultOf(api), fault("api-forbidden", "403", 0));
  });

  it("says so where a signature is refused for this machine's clock", async () => {
    const renewCredentials = async () => assert.fail("the credentials are not what is wrong");
    const inAnHour = () => new Date(Date.now() + 3_600_000);
    const api = await open(say(403, ""), { now: inAnHour, renewCredentials });
    const { code, detail, retryAfterMs } = await faultOf(api);
    assert.equal(code, "api-forbidden");
    assert.match(detail, /^this clock is off by (3599|3600|3601)s$/);
    assert.equal(retryAfterMs, undefined);
  });

  it("fails at once where nobody listens", async () => {
    await open(allowGood);
    const api = apiAt(`http://127.0.0.1:${await freePort()}/auth`);
    assert.deepEqual(await faultOf(api), fault("api-unreachable", "ECONNREFUSED", 0));
  });

  it("is never sent once it is abandoned", async () => {
    let signed = () => {};
    const api = await open(allowGood, {
      sign: () => new Promise((resolve) => (signed = () => resolve({}))),
    });
    const one = api.begin(good, false);
    one.abandon();
    signed();
    await assert.rejects(one.answer, { code: "api-unreachable", detail: "abandoned" });
    assert.equal(server.connections(), 0);
  });

  it("ends with its connection when it is abandoned half-way", async () => {
    const api = await open(() => {});
    const one = api.begin(good, false);
    while (server.bodies.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    one.abandon();
    await assert.rejects(one.answer, { code: "api-unreachable" });
    server.reply = allowGood;
    assert.deepEqual(await api.begin(good, false).answer, { allow: true });
    assert.equal(server.connections(), 2);
  });
});
