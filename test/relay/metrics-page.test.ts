// The page of the metrics in a real browser.

import assert from "node:assert/strict";
import { describe } from "node:test";
import type { Browser, Page } from "playwright-core";
import { freePort } from "../../infra/local/ports.ts";
import { Metrics } from "../../relay/metrics.ts";
import { metricsPage, metricsPageHeaders } from "../../relay/metrics-page.ts";
import { serveMetrics } from "../../relay/metrics-server.ts";
import { startBrowser } from "../real/browser.ts";
import { needing } from "../real/parts.ts";

const withinMs = 60_000;

describe("the page of the metrics", () => {
  const { it, before, after } = needing("chromium");
  let browser: Browser;
  let page: Page;
  let url: string;
  let counted = new Metrics();
  const now = { connections: 12, members: 1, isBreakerOpen: false, inFlight: 7, queued: 3 };
  let more = "";
  const asked: string[] = [];
  const errors: string[] = [];

  before(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}/`;
    await serveMetrics(port, () => counted.text(now) + more);
    for (let i = 0; i < 1_234; i++) counted.login({ outcome: "allowed" }, 8);
    counted.login({ outcome: "refused", code: "no-session" }, 3);
    counted.login({ outcome: "unavailable", code: "store-timeout", detail: "" }, 2_000);
    browser = await startBrowser();
    page = await browser.newPage({ viewport: { width: 1024, height: 900 } });
    page.on("request", (request) => asked.push(request.url()));
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => errors.push(message.text()));
    await page.goto(url);
  });
  after(() => browser.close());

  const text = (id: string) =>
    page
      .locator(`#${id}`)
      .textContent()
      .then((found) => found ?? "");
  const until = (id: string, expected: string | RegExp) =>
    page.locator(`#${id}`, { hasText: expected }).waitFor({ timeout: withinMs });

  it("shows logins by outcome and reason, latency, breaker and what is in flight", async () => {
    await until("allowed", "1,234");
    assert.equal(await text("refused"), "1");
    assert.equal(await text("unavailable"), "1");
    assert.equal(await text("breaker"), "closed");
    assert.equal(await text("in-flight"), "7");
    assert.match(await text("queued"), /^3 waiting, 12 connections to the API, 1 from the chat server$/);
    assert.equal(await text("p50"), "7.5 ms");
    const reasons = await page.locator("#reasons tr").allInnerTexts();
    const rows = reasons.map((row) => row.split(/\s+/));
    assert.deepEqual(
      rows.map(([outcome, code, , total]) => [outcome, code, total]),
      [
        ["allowed", "-", "1,234"],
        ["refused", "no-session", "1"],
        ["unavailable", "store-timeout", "1"],
      ],
    );
    assert.equal(await page.locator("#watch").isVisible(), false);
  });

  it("refreshes itself, and shows the rate of what came meanwhile", async () => {
    for (let i = 0; i < 100; i++) counted.login({ outcome: "refused", code: "other-user" }, 40);
    Object.assign(now, { isBreakerOpen: true, inFlight: 0 });
    more = 'inspectord_watched_total{answer="live"} 41\ninspectord_watched_total{answer="ended"} 1\n';
    await until("breaker", "open");
    assert.match(await text("breaker-meaning"), /refused at once/);
    assert.equal(await text("refused"), "101");
    assert.match(await text("rate"), /^\d+\.\d$/);
    assert.match(
      (await page.locator("#watched tr").allInnerTexts()).join("\n"),
      /live\s+\d+\s+41\n+ended\s+\d+\s+1/,
    );
    assert.ok((await page.locator("#chart rect.refused").count()) >= 1);
  });

  it("is a picture without anything cut off, on a screen and on a telephone", async () => {
    for (const width of [1024, 390]) {
      await page.setViewportSize({ width, height: 900 });
      const picture = await page.screenshot({ fullPage: true });
      assert.ok(picture.length > 10_000, `${picture.length} bytes`);
      const cut = await page.evaluate(
        "[...document.querySelectorAll('body *')].filter((one) => one.scrollWidth > one.clientWidth + 1 && " +
          "one.clientWidth > 0 && getComputedStyle(one).display !== 'inline').map((one) => one.outerHTML)",
      );
      assert.deepEqual(cut, [], `${width} wide`);
      assert.equal(await page.evaluate("document.documentElement.scrollWidth"), width);
    }
  });

  it("starts its history anew with a relay that was restarted", async () => {
    counted = new Metrics();
    counted.login({ outcome: "allowed" }, 8);
    await until("allowed", /^1$/);
    const numbers = await page.locator("#reasons .number").allTextContents();
    assert.deepEqual(numbers, ["0", "1"]);
  });

  it("asks nobody but its own server, and breaks no rule of its own", () => {
    assert.ok(asked.length > 2);
    assert.deepEqual(
      asked.filter((one) => one !== url && one !== `${url}metrics`),
      [],
    );
    assert.deepEqual(errors, []);
    assert.match(
      metricsPageHeaders["content-security-policy"] ?? "",
      /^default-src 'none'; script-src 'sha256-/,
    );
    assert.doesNotMatch(metricsPage, /https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  });

  it("says that the relay does not answer", async () => {
    await page.route("**/metrics", (route) => route.abort());
    await until("state", "the relay does not answer");
    await page.unroute("**/metrics");
    await until("state", /^refreshed/);
  });
});
