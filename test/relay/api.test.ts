import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { freePort } from "../../infra/local/ports.ts";
import type { LoginRequest } from "../../protocol/login-request.ts";
import { Api, type ApiFault } from "../../relay/api.ts";
import { allowGood, type Reply, type StandIn, say, startStandIn } from "../stand-in/api-gateway.ts";

const good: LoginRequest = { op: "auth", user: "alice", server: "localhost", password: "good" };

describe("an exchange with the API", () => {
  let server: StandIn;
  const open = async (reply: Reply) => {
    server = await startStandIn(reply);
    return new Api(new URL(server.url));
  };
  const faultOf = (asked: Promise<boolean>) =>
    asked.then(
      () => assert.fail("there was a verdict"),
      ({ name, code, detail }: ApiFault) => ({ name, code, detail }),
    );

  afterEach(() => server.stop());

  it("gives the API's verdict, over one connection", async () => {
    const api = await open(allowGood);
    assert.equal(await api.ask(good, 1000), true);
    assert.equal(await api.ask({ ...good, password: "bad" } as LoginRequest, 1000), false);
    assert.equal(server.connections(), 1);
  });

  it("is a JSON body with its length, posted to the route", async () => {
    let head: unknown;
    const api = await open((body, response, request) => {
      const { method, url, headers } = request;
      head = { method, url, type: headers["content-type"], length: Number(headers["content-length"]) };
      allowGood(body, response, request);
    });
    await api.ask({ ...good, user: "jürgen" }, 1000);
    const length = Buffer.byteLength(server.bodies[0] ?? "");
    assert.deepEqual(head, { method: "POST", url: "/auth", type: "application/json", length });
  });

  it("ends at its deadline, whether nothing came or half an answer", async () => {
    const silences: Reply[] = [
      () => {},
      (_, response) => {
        response.writeHead(200);
        response.write('{"allow":');
      },
    ];
    for (const silence of silences) {
      const api = await open(silence);
      const startedMs = performance.now();
      assert.deepEqual(await faultOf(api.ask(good, 150)), {
        name: "ApiFault",
        code: "deadline",
        detail: "150ms",
      });
      assert.ok(performance.now() - startedMs < 2000);
      server.reply = allowGood;
      assert.equal(await api.ask(good, 1000), true);
      await server.stop();
    }
    server = await startStandIn(allowGood);
  });

  it("is tried again when a kept-alive connection was closed meanwhile, and only then", async () => {
    const api = await open(allowGood);
    assert.equal(await api.ask(good, 1000), true);
    let asked = 0;
    server.reply = (body, response, request) => {
      if (++asked === 1) return request.socket.destroy();
      allowGood(body, response, request);
      return undefined;
    };
    assert.equal(await api.ask(good, 1000), true);
    assert.equal(asked, 2);
    server.reply = (_, response) => response.destroy();
    const before = server.bodies.length;
    assert.equal((await faultOf(api.ask(good, 1000))).code, "api-unreachable");
    assert.equal((await faultOf(api.ask(good, 1000))).code, "api-unreachable");
    assert.equal(server.bodies.length - before, 3, "the second was on a new connection: asked once");
  });

  it("has one code for each kind of fault, and no word of the request in it", async () => {
    const faults: [Reply, string, string][] = [
      [say(403, '{"message":"theuser"}'), "api-status", "403"],
      [say(200, '{"allow":1}'), "api-answer", "no verdict"],
      [say(200, " ".repeat(2000)), "api-answer", "too large"],
      [say(500, "x".repeat(5000)), "api-status", "500"],
      [
        (_, response) => {
          response.writeHead(200, { "content-length": "14" });
          response.write('{"allow":', () => response.destroy());
        },
        "api-answer",
        "cut off",
      ],
    ];
    for (const [reply, code, detail] of faults) {
      const api = await open(reply);
      assert.deepEqual(await faultOf(api.ask(good, 1000)), { name: "ApiFault", code, detail });
      await server.stop();
    }
    server = await startStandIn(allowGood);
  });

  it("fails at once where nobody listens", async () => {
    await open(allowGood);
    const api = new Api(new URL(`http://127.0.0.1:${await freePort()}/auth`));
    const fault = await faultOf(api.ask(good, 1000));
    assert.deepEqual(fault, { name: "ApiFault", code: "api-unreachable", detail: "ECONNREFUSED" });
  });
});
