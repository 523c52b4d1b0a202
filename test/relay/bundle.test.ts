// The bundle as it is deployed, under every Node it promises to run on.

import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { describe, it } from "node:test";
import { localKey } from "../../infra/local/api.ts";
import { freePort } from "../../infra/local/ports.ts";
import { frame, RelayCaller, relayPath } from "../../infra/local/relay-caller.ts";
import { type Certificate, makeCertificate } from "../real/certificate.ts";
import { temporaryDirectory } from "../real/directory.ts";
import { needing, nodePath, nodeVersions } from "../real/parts.ts";
import {
  allowGood,
  badSession,
  goodSession,
  type StandIn,
  say,
  startStandIn,
  tell,
} from "../stand-in/api-gateway.ts";

const guide = readFileSync(new URL("../../docs/relay.md", import.meta.url), "utf8");
const budgetBytes = Number(/a budget of ([\d,]+) bytes/.exec(guide)?.[1]?.replace(",", ""));

describe("the bundled relay's file", () => {
  it("is as small as docs/relay.md says", () => {
    assert.ok(statSync(relayPath).size <= budgetBytes, `${statSync(relayPath).size} bytes`);
  });

  it("imports nothing but what Node brings", () => {
    const imported = [...readFileSync(relayPath, "utf8").matchAll(/(?<!\.)(?:from|import)\s*\(?"([^"]+)"/g)];
    assert.ok(imported.length > 0);
    for (const [, name] of imported) assert.match(name ?? "", /^node:/);
  });

  it("may be run as a program by everybody", () => {
    assert.equal(statSync(relayPath).mode & 0o777, 0o755);
  });
});

for (const version of nodeVersions) {
  describe(`the bundled relay under Node ${version}`, () => {
    const { it, before, after, afterEach } = needing("nodes");
    let api: StandIn;
    let relay: RelayCaller;
    const start = (...args: string[]) => {
      relay = new RelayCaller(args, nodePath(version));
      return relay;
    };

    before(async () => {
      api = await startStandIn(allowGood, { verifies: true });
    });
    after(() => api.stop());
    afterEach(async () => {
      await relay.kill();
      api.reply = allowGood;
    });

    it("answers yes and no, over one connection", async () => {
      const before = api.connections();
      start(api.url);
      assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), true);
      assert.equal(await relay.ask(`auth:alice:localhost:${badSession}`), false);
      assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), true);
      assert.equal(api.connections() - before, 1);
      assert.equal(relay.log.split("\n").length, 2, "a line for the refusal, and none for the others");
    });

    it("sends what the contract says", async () => {
      start(api.url);
      await relay.ask(`auth:jürgen:localhost:${badSession}`);
      const { nonce, ...body } = JSON.parse(api.bodies.at(-1) ?? "");
      assert.deepEqual(body, {
        op: "auth",
        user: "jürgen",
        server: "localhost",
        password: badSession,
        explain: true,
      });
      assert.match(nonce, /^[\w-]{22}$/);
    });

    it("answers no to every operation but auth and isuser, without asking the API", async () => {
      start(api.url);
      const before = api.bodies.length;
      for (const operation of [
        "setpass",
        "tryregister",
        "removeuser",
        "removeuser3",
        "certauth",
        "nonsense",
        "",
      ]) {
        assert.equal(await relay.ask(`${operation}:alice:localhost:${goodSession}`), false);
      }
      assert.equal(api.bodies.length, before);
    });

    it("answers no to what can be no login of ejabberd's, without asking the API", async () => {
      start(api.url);
      const before = api.bodies.length;
      const logins = [
        ["auth:alice:localhost:secret", "malformed-session-id"],
        ["auth:alice:localhost:a:b:€", "malformed-session-id"],
        [`auth:alice:localhost:${goodSession}.`, "malformed-session-id"],
        [`auth:al ice:localhost:${goodSession}`, "user-invalid"],
        [`auth:${"a".repeat(1024)}:localhost:${goodSession}`, "user-invalid"],
        [`auth:alice:local\u202ehost:${goodSession}`, "server-invalid"],
        [`auth:alice:localhost:${"x".repeat(60_000)}`, "password-invalid"],
      ] as const;
      for (const [login] of logins) assert.equal(await relay.ask(login), false);
      await relay.end();
      assert.equal(api.bodies.length, before);
      assert.deepEqual(
        [...relay.log.matchAll(/code=(\S+) outcome=refused/g)].map(([, code]) => code),
        logins.map(([, code]) => code),
      );
    });

    it("answers each of many frames once and in order, however they are torn", async () => {
      start(api.url);
      const passwords = Array.from({ length: 40 }, (_, i) =>
        i % 3 === 0 ? goodSession : `${badSession}${i}`,
      );
      const stream = Buffer.concat([
        ...passwords.map((password) => frame(`auth:alice:localhost:${password}`)),
        frame(""),
        frame(Buffer.from([0xff, 0xfe, 0])),
        frame(Buffer.alloc(65_535, "x")),
        frame(`auth:alice:localhost:${goodSession}`),
      ]);
      for (let at = 0; at < 400; at++) {
        relay.send(stream.subarray(at, at + 1));
        if (at % 40 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      relay.send(stream.subarray(400));
      const expected = [...passwords.map((password) => password === goodSession), false, false, false, true];
      for (const allowed of expected) assert.equal(await relay.nextAnswer(), allowed);
      assert.equal(relay.written.length, 4 * expected.length);
    });

    it("answers the frames before the end of its input, then ends with 0", async () => {
      start(api.url);
      relay.send(frame(`auth:alice:localhost:${goodSession}`));
      relay.send(Buffer.from([0, 9, 97]));
      assert.equal(await relay.end(), 0);
      assert.equal(relay.written.toString("hex"), "00020001");
    });

    it("answers whether a user exists by the policy that the last verdict told, and asks nobody", async () => {
      start(api.url);
      const before = api.bodies.length;
      const isUser = () => relay.ask("isuser:alice:localhost");
      assert.equal(await isUser(), true);
      assert.match(relay.log, /level=warn .*code=isuser-unknown op=isuser user=[0-9a-f]{12}/);
      for (const isuser of ["none", "all", "none"] as const) {
        api.reply = tell({ allow: false, isuser });
        assert.equal(await relay.ask(`auth:bob:localhost:${badSession}`), false);
        assert.equal(await isUser(), isuser === "all");
      }
      api.reply = say(500, "");
      assert.equal(await relay.ask(`auth:bob:localhost:${badSession}`), false);
      assert.equal(await isUser(), false, "the policy is known");
      assert.equal(await relay.ask("isuser:alice:elsewhere"), true, "another host's is not");
      api.reply = tell({ allow: false, reason: "host-not-served" });
      assert.equal(await relay.ask(`auth:bob:localhost:${badSession}`), false);
      assert.equal(await isUser(), true, "the host is served no longer");
      const asked = api.bodies.slice(before).map((body) => JSON.parse(body).user);
      assert.deepEqual(new Set(asked), new Set(["bob", "inspectord-probe"]));
    });

    it("answers whether a user exists by --isuser, whatever verdicts tell and without an API", async () => {
      for (const isuser of ["all", "none"] as const) {
        start(`http://127.0.0.1:${await freePort()}/auth`, "--isuser", isuser);
        for (let i = 0; i < 10; i++) {
          assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), false);
          assert.equal(await relay.ask(`isuser:user${i}:host${i}`), isuser === "all");
        }
        await relay.end();
      }
      start(api.url, "--isuser", "none");
      api.reply = tell({ allow: true, isuser: "all" });
      assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), true);
      assert.equal(await relay.ask("isuser:alice:localhost"), false);
    });

    it("answers yes to whether a user exists while the API is dead, and no to every login", async () => {
      start(`http://127.0.0.1:${await freePort()}/auth`);
      for (let i = 0; i < 10; i++) {
        assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), false);
        assert.equal(await relay.ask("isuser:alice:localhost"), true);
      }
    });

    it("refuses with a function from before the nonce, says so, and asks it with no other words", async () => {
      start(api.url);
      const before = api.bodies.length;
      api.reply = say(400, '{"error":"field-unknown"}');
      for (let i = 0; i < 10; i++)
        assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), false);
      assert.match(relay.log, /code=function-outdated outcome=unavailable detail="deploy the function/);
      assert.equal(api.bodies.length - before, 10, "the breaker is closed, and no attempt is made again");
      assert.ok(api.bodies.slice(before).every((body) => "nonce" in JSON.parse(body)));
      api.reply = allowGood;
      assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), true);
    });

    it("takes no verdict of a function that tells none of today's nonce", async () => {
      start(api.url, "--deadline-ms", "2000");
      api.reply = say(200, '{"allow":true}');
      assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), false);
      assert.match(relay.log, /code=api-answer outcome=unavailable detail="answer to another question"/);
    });

    it("answers no in time when the API is slow, and the next login works", async () => {
      start(api.url, "--deadline-ms", "300");
      api.reply = () => {};
      const startedMs = performance.now();
      assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), false);
      const tookMs = performance.now() - startedMs;
      assert.ok(tookMs >= 250 && tookMs < 3_000, `${tookMs} ms`);
      api.reply = allowGood;
      assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), true);
      assert.match(relay.log, /code=deadline/);
      assert.equal(relay.written.length, 8);
    });

    it("answers no to whatever is no verdict, and the next login works", async () => {
      start(api.url, "--deadline-ms", "2000");
      const replies = [
        ...[say(500, ""), say(403, '{"message":"Forbidden"}'), say(404, ""), say(429, ""), say(503, "")],
        ...[say(200, '{"allow":"true"}'), say(200, "<html>"), say(200, ""), say(201, '{"allow":true}')],
        say(200, `{"allow":true}${" ".repeat(5_000)}`),
        say(302, '{"allow":true}'),
        (_: string, response: import("node:http").ServerResponse) => response.destroy(),
        (_: string, response: import("node:http").ServerResponse) => {
          response.writeHead(200, { "content-length": "14" });
          response.write('{"allow":');
          setTimeout(() => response.destroy(), 20);
        },
        (_: string, response: import("node:http").ServerResponse) => {
          response.socket?.end("HTTP/9 nonsense\r\n\r\n");
        },
      ];
      for (const reply of replies) {
        api.reply = reply;
        assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), false);
        api.reply = allowGood;
        assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), true);
      }
    });

    it("loses no login to a connection that the API closed while it was idle", async () => {
      start(api.url);
      api.reply = (body, response, request) => {
        allowGood(body, response, request);
        response.on("finish", () => setTimeout(() => request.socket.destroy(), 5));
      };
      for (let i = 0; i < 20; i++) {
        assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), true);
        await new Promise((resolve) => setTimeout(resolve, i % 12));
      }
    });

    it("answers no while nobody listens, and yes as soon as somebody does", async () => {
      const port = await freePort();
      start(`http://127.0.0.1:${port}/auth`);
      assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), false);
      assert.match(relay.log, /code=api-unreachable outcome=unavailable detail=ECONNREFUSED/);
      const late = await startStandIn(allowGood, { port });
      assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), true);
      await late.stop();
    });

    it("stays up with a wrong configuration, answers no, and says why", async () => {
      for (const args of [[], ["http://example.org/auth"], [api.url, "--nonsense"]]) {
        start(...args);
        assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), false);
        assert.equal(await relay.ask("isuser:alice:localhost"), true, "it is not known");
        assert.equal(relay.child.exitCode, null);
        assert.match(relay.log, /level=error .*code=bad-configuration detail=.*every login is refused/);
        assert.equal(await relay.end(), 0);
      }
    });

    it("never writes a user, a host or a password into its log", async () => {
      start(`http://127.0.0.1:${await freePort()}/auth`);
      for (const operation of ["auth", "setpass", "nonsense"]) {
        await relay.ask(`${operation}:theuser:thehost:thepassword0of0the0tests0`);
      }
      assert.notEqual(relay.log, "");
      assert.doesNotMatch(relay.log, /theuser|thehost|thepassword/);
    });
  });
}

describe("the bundled relay over HTTPS", () => {
  const { it, before, after } = needing("openssl");
  const directory = temporaryDirectory();
  let certificate: Certificate;
  let api: StandIn;

  before(async () => {
    certificate = makeCertificate(directory);
    api = await startStandIn(allowGood, { tls: certificate });
  });
  after(() => api.stop());

  it("speaks to an API whose certificate it can check", async () => {
    const before = api.connections();
    const relay = new RelayCaller([api.url], process.execPath, {
      ...process.env,
      ...localKey,
      NODE_EXTRA_CA_CERTS: certificate.certPath,
    });
    assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), true);
    assert.equal(await relay.ask(`auth:alice:localhost:${badSession}`), false);
    assert.equal(api.connections() - before, 1);
    await relay.end();
  });

  it("refuses every login of an API whose certificate it cannot check", async () => {
    const before = api.bodies.length;
    const relay = new RelayCaller([api.url]);
    assert.equal(await relay.ask(`auth:alice:localhost:${goodSession}`), false);
    assert.match(relay.log, /code=api-certificate outcome=unavailable detail=DEPTH_ZERO_SELF_SIGNED_CERT/);
    assert.equal(api.bodies.length, before);
    await relay.end();
  });
});
