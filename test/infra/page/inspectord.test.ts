// The page's module with a connection and a clock of the test's own; test/end-to-end has it in a real browser.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ReceivedElement, StropheConnection } from "../../../infra/page/inspectord.d.ts";
import { keepConnected, waitBeforeAttemptMs } from "../../../infra/page/inspectord.js";

const [ERROR, CONNFAIL, AUTHFAIL, CONNECTED, DISCONNECTED] = [0, 2, 4, 5, 6];

type Say = (status: number, condition?: unknown) => unknown;

/** A page whose site answers requests for tickets with these, one after another, the last one again and again. */
function pageOf(...answers: (number | object | Error)[]) {
  const attempts: { jid: string; password: string; say: Say }[] = [];
  const waits: { ms: number; run: () => void }[] = [];
  const seen: string[] = [];
  /** How many attempts there had been at each reset. */
  const resets: number[] = [];
  let asked = 0;
  /** What arrived, as the page's own code would hear it. */
  const heard: ReceivedElement[] = [];
  const connection: StropheConnection = {
    connect: (jid, password, say) => attempts.push({ jid, password, say }),
    disconnect: () => seen.push("disconnected"),
    reset: () => {
      resets.push(attempts.length);
    },
    xmlInput: (element) => heard.push(element),
  };
  const chat = keepConnected(connection, {
    ticketUrl: "/chat-ticket",
    onLoggedOut: () => seen.push("logged out"),
    random: () => 0.5,
    fetch: async () => {
      const answer = answers[Math.min(asked++, answers.length - 1)];
      if (answer instanceof Error) throw answer;
      if (typeof answer === "number") return new Response("", { status: answer });
      return Response.json(answer);
    },
    setTimer: (run, ms) => waits.push({ ms, run }),
    clearTimer: () => {},
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    attempts,
    waits,
    seen,
    resets,
    chat,
    heard,
    arrives: (element: ReceivedElement) => connection.xmlInput?.(element),
    settle,
    asked: () => asked,
    /** Lets the last wait pass. */
    pass: async () => {
      waits.at(-1)?.run();
      await settle();
    },
  };
}

const ticket = { jid: "alice@example.org", password: "a.ticket", spreadSeconds: 100 };

/** The end of a BOSH session by this error, as it arrives. */
function ended(condition: string, type: string | null = "terminate"): ReceivedElement {
  return {
    namespaceURI: "http://jabber.org/protocol/httpbind",
    getAttribute: (name) => (name === "type" ? type : null),
    getElementsByTagNameNS: (namespace, name) => ({
      length: namespace === "urn:ietf:params:xml:ns:xmpp-streams" && name === condition ? 1 : 0,
    }),
  };
}

describe("a page that keeps its visitor connected", () => {
  it("fetches a ticket before each connect", async () => {
    const page = pageOf(ticket, { ...ticket, password: "another.ticket" });
    await page.settle();
    page.attempts[0]?.say(CONNECTED);
    page.attempts[0]?.say(DISCONNECTED);
    await page.pass();
    assert.deepEqual(
      page.attempts.map(({ jid, password }) => [jid, password]),
      [
        ["alice@example.org", "a.ticket"],
        ["alice@example.org", "another.ticket"],
      ],
    );
  });

  it("resets the connection before each connect but the first", async () => {
    const page = pageOf(ticket);
    await page.settle();
    assert.deepEqual(page.resets, []);
    for (let refusal = 0; refusal < 2; refusal++) {
      page.attempts.at(-1)?.say(AUTHFAIL);
      await page.pass();
    }
    assert.deepEqual(page.resets, [1, 2]);
  });

  it("spreads over the site's own span once a connection was lost", async () => {
    const page = pageOf(ticket);
    await page.settle();
    page.attempts[0]?.say(CONNECTED);
    page.attempts[0]?.say(DISCONNECTED);
    assert.deepEqual(
      page.waits.map(({ ms }) => ms),
      [50_000],
    );
  });

  it("waits longer after each refusal, and asks the site each time", async () => {
    const page = pageOf(ticket);
    await page.settle();
    for (let refusal = 0; refusal < 7; refusal++) {
      page.attempts.at(-1)?.say(AUTHFAIL);
      page.attempts.at(-1)?.say(DISCONNECTED);
      await page.pass();
    }
    assert.deepEqual(
      page.waits.map(({ ms }) => ms),
      [2_500, 5_000, 10_000, 20_000, 40_000, 60_000, 60_000],
    );
    assert.equal(page.asked(), 8);
  });

  it("starts with short waits again after a success", async () => {
    const page = pageOf(ticket);
    await page.settle();
    for (let refusal = 0; refusal < 3; refusal++) {
      page.attempts.at(-1)?.say(AUTHFAIL);
      await page.pass();
    }
    page.attempts.at(-1)?.say(CONNECTED);
    page.attempts.at(-1)?.say(DISCONNECTED);
    await page.pass();
    page.attempts.at(-1)?.say(AUTHFAIL);
    assert.deepEqual(page.waits.map(({ ms }) => ms).slice(3), [50_000, 2_500]);
  });

  it("ends for good where the site knows of no login", async () => {
    const page = pageOf(ticket, 401);
    await page.settle();
    page.attempts[0]?.say(AUTHFAIL);
    await page.pass();
    assert.deepEqual(page.seen, ["logged out"]);
    assert.equal(page.attempts.length, 1);
    await page.pass();
    assert.equal(page.asked(), 2);
  });

  it("asks the site at once where the chat host says that the session has ended", async () => {
    for (const [status, condition, ...arrived] of [
      [ERROR, "reset"],
      [CONNFAIL, "remote-stream-error", ended("reset")],
    ] as const) {
      const page = pageOf(ticket, 401);
      await page.settle();
      page.attempts[0]?.say(CONNECTED);
      for (const element of arrived) page.arrives(element);
      assert.deepEqual(page.heard, arrived);
      page.attempts[0]?.say(status, condition);
      page.attempts[0]?.say(DISCONNECTED);
      assert.deepEqual(
        page.waits.map(({ ms }) => ms),
        [500],
        String(condition),
      );
      await page.pass();
      assert.deepEqual(page.seen, ["logged out"]);
    }
  });

  it("spreads where the chat host restarts, which Strophe names in the same way over BOSH", async () => {
    // Others than the host can put such an element into a message only.
    const fromUser = { ...ended("reset"), namespaceURI: "jabber:client" };
    for (const element of [ended("system-shutdown"), fromUser, ended("reset", null)]) {
      const page = pageOf(ticket);
      await page.settle();
      page.attempts[0]?.say(CONNECTED);
      page.arrives(element);
      page.attempts[0]?.say(CONNFAIL, "remote-stream-error");
      page.attempts[0]?.say(DISCONNECTED, "remote-stream-error");
      assert.deepEqual(
        page.waits.map(({ ms }) => ms),
        [50_000],
      );
    }
  });

  it("takes the end of one session for no end of the next", async () => {
    const page = pageOf(ticket);
    await page.settle();
    page.attempts[0]?.say(CONNECTED);
    page.arrives(ended("reset"));
    page.attempts[0]?.say(CONNFAIL, "remote-stream-error");
    await page.pass();
    page.attempts[1]?.say(CONNECTED);
    page.attempts[1]?.say(CONNFAIL, "remote-stream-error");
    page.attempts[1]?.say(DISCONNECTED);
    assert.deepEqual(
      page.waits.map(({ ms }) => ms),
      [500, 50_000],
    );
  });

  it("tries on while the site cannot be asked, whatever comes in place of a ticket", async () => {
    const page = pageOf(503, new Error("offline"), { no: "ticket" }, 404, { jid: 1, password: 2 }, ticket);
    await page.settle();
    for (let answer = 0; answer < 5; answer++) await page.pass();
    assert.equal(page.attempts.length, 1);
    assert.deepEqual(page.seen, []);
  });

  it("hears nothing of an attempt that is over, and stops when told to", async () => {
    const page = pageOf(ticket);
    await page.settle();
    page.attempts[0]?.say(AUTHFAIL);
    await page.pass();
    page.attempts[0]?.say(DISCONNECTED);
    assert.equal(page.waits.length, 1);
    page.chat.stop();
    page.attempts[1]?.say(DISCONNECTED);
    assert.equal(page.waits.length, 1);
    assert.deepEqual(page.seen, ["disconnected"]);
  });
});

describe("the wait before an attempt", () => {
  it("is a random part of the span: none at 0, all of it below 1", () => {
    assert.equal(waitBeforeAttemptMs("lost", 0, 600, 0), 0);
    assert.equal(waitBeforeAttemptMs("lost", 0, 600, 0.999), 599_400);
    assert.equal(waitBeforeAttemptMs("refused", 1, 600, 0.999), 4_995);
    assert.equal(waitBeforeAttemptMs("refused", 50, 600, 0.999), 119_880);
  });

  it("after a loss spreads only the first attempt: the next ones failed", () => {
    assert.equal(waitBeforeAttemptMs("lost", 2, 600, 0.5), 5_000);
  });
});
