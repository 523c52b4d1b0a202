// The local API's address: what passes through it as it came, and what it shows.

import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, type RequestListener, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import type { Answered, FunctionLine } from "../../../infra/local/function-lines.ts";
import { freePort } from "../../../infra/local/ports.ts";
import { loginLine, type ShownLogin, showApi } from "../../../infra/local/shown-api.ts";
import { until } from "../../relay/peer.ts";

const secret = "a0session0id0of0somebody00";

describe("the shown API", () => {
  let api: Server;
  let shown: Server;
  let port: number;
  let answer: RequestListener;
  let line: FunctionLine | undefined;
  const asked: Answered[] = [];
  const said: string[] = [];
  const shownLogins: ShownLogin[] = [];
  const agent = new Agent({ keepAlive: true });

  before(async () => {
    api = createServer((incoming, response) => answer(incoming, response)).listen(0, "127.0.0.1");
    await once(api, "listening");
    port = await freePort();
    let nowMs = 0;
    shown = await showApi({
      ...{ port, agent, apiPort: (api.address() as AddressInfo).port },
      functionLine: async (answered) => {
        asked.push(answered);
        return line;
      },
      show: (login) => {
        shownLogins.push(login);
        said.push(loginLine(login));
      },
      nowMs: () => (nowMs += 1.5),
      timeMs: () => 0,
    });
  });
  after(() => {
    agent.destroy();
    for (const server of [shown, api]) server.close().closeAllConnections();
  });

  /** Sends a body, and returns the answer and what was shown of it. */
  async function post(body: string, path = "/auth") {
    said.length = 0;
    const sent = request({ port, host: "127.0.0.1", method: "POST", path, headers: { "x-own": "Aa" } });
    sent.end(body);
    const [response] = await once(sent, "response");
    let text = "";
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode, headers: response.headers, text };
  }
  const login = (user: string) =>
    JSON.stringify({ op: "auth", user, server: "localhost", password: secret, explain: true });
  const answering =
    (status: number, body: object): RequestListener =>
    (incoming, response) => {
      incoming.resume().on("end", () => response.writeHead(status).end(JSON.stringify(body)));
    };

  it("passes a request and its answer on as they came", async () => {
    answer = (incoming, response) => {
      let body = "";
      incoming.on("data", (chunk) => {
        body += chunk;
      });
      incoming.on("end", () => {
        const { url, headers } = incoming;
        response.writeHead(418, { "x-theirs": "Bb" });
        response.end(JSON.stringify({ url, own: headers["x-own"], host: headers.host, body }));
      });
    };
    const { status, headers, text } = await post("{}", "/auth?x=1");
    assert.equal(status, 418);
    assert.equal(headers["x-theirs"], "Bb");
    const expected = { url: "/auth?x=1", own: "Aa", host: `127.0.0.1:${port}`, body: "{}" };
    assert.deepEqual(JSON.parse(text), expected);
  });

  it("shows who was let in, and how long the function took", async () => {
    answer = answering(200, { allow: true });
    line = { outcome: "allowed", LoginDuration: 0.7 };
    await post(login("alice"));
    await until(() => said.length > 0, "a line");
    assert.deepEqual(said, ["1970-01-01T00:00:00.000Z  alice@localhost  allowed  1.5 ms"]);
    assert.deepEqual(asked.splice(0), [{ outcome: "allowed" }]);
    assert.equal(shownLogins.at(-1)?.functionMs, 0.7);
  });

  it("shows why somebody was refused, with the function's detail", async () => {
    answer = answering(200, { allow: false, reason: "unreadable-session" });
    line = { outcome: "refused", reason: "unreadable-session", detail: "looks-like-gzip" };
    await post(login("bob"));
    await until(() => said.length > 0, "a line");
    assert.match(
      said[0] ?? "",
      / {2}bob@localhost {2}refused {2}unreadable-session {2}looks-like-gzip {2}1\.5 ms$/,
    );
    assert.deepEqual(asked.splice(0), [{ outcome: "refused", code: "unreadable-session" }]);
  });

  it("takes the reason from the function where the caller did not ask for it", async () => {
    answer = answering(503, { error: "unavailable" });
    line = { outcome: "unavailable", fault: "store-unreachable", detail: "ECONNREFUSED" };
    await post(login("bob"));
    await until(() => said.length > 0, "a line");
    assert.match(said[0] ?? "", / {2}unavailable {2}store-unreachable {2}ECONNREFUSED {2}/);
  });

  it("shows a login that the API did not let in", async () => {
    answer = answering(403, { message: "Forbidden" });
    await post(login("bob"));
    await until(() => said.length > 0, "a line");
    assert.match(said[0] ?? "", /bob@localhost {2}not-asked {2}HTTP 403 {2}not signed/);
  });

  it("shows no password, and nothing that moves a terminal's cursor", async () => {
    answer = answering(200, { allow: false, reason: "no-session" });
    line = undefined;
    await post(login("b\u001b[2Job"));
    await until(() => said.length > 0, "a line");
    assert.ok(said[0]?.includes("b\\u001b[2Job@localhost"), said[0]);
    assert.ok(!said[0]?.includes(secret));
  });

  it("shows nothing of what is no login, and of a body that is too long", async () => {
    answer = answering(200, { allow: false });
    const isUser = JSON.stringify({ op: "isuser", user: "alice", server: "localhost" });
    for (const body of [isUser, "no JSON", "", login("a".repeat(500_000))]) await post(body);
    await post(login("alice"), "/sessions");
    answer = answering(200, { allow: true });
    line = undefined;
    await post(login("last"));
    await until(() => said.length > 0, "a line");
    assert.equal(said.length, 1);
    assert.match(said[0] ?? "", /last@localhost/);
  });

  it("cuts the caller off where the API does", async () => {
    answer = (incoming) => incoming.socket.destroy();
    await assert.rejects(post(login("alice")), /socket hang up|ECONNRESET/);
  });
});
