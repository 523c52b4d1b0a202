// infra/README.md: that what it names is there, and that its tables are what its formulas give.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { createLoginHandler } from "../../handlers/answer-login.ts";
import { createLog } from "../../handlers/function-log.ts";
import settings from "../../infra/settings.ts";
import { allowed } from "../../inspector/verdict.ts";
import { plain } from "./deployments.ts";
import { loginEvent } from "./login-event.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const guide = readFileSync(`${root}infra/README.md`, "utf8");

/** The cells of the table whose head begins like this, row by row. */
function table(head: string): string[][] {
  const lines = guide.split("\n").map((line) => line.trim());
  const start = lines.findIndex((line) => line.startsWith(head));
  assert.ok(start >= 0, head);
  const end = lines.findIndex((line, i) => i > start && !line.startsWith("|"));
  return lines.slice(start + 2, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function numberOf(text = ""): number {
  return Number(/[\d.]+/.exec(text)?.[0]);
}

describe("the deploy guide", () => {
  it("names parameters and outputs that there are", () => {
    const example = readFileSync(`${root}params/example.yml`, "utf8");
    const named = [...guide.matchAll(/`(vpc|throttle|reservedConcurrency|alarms)\.(\w+)[:`]/g)];
    assert.ok(named.length >= 5, `${named.length}`);
    for (const [, , name] of named) assert.match(example, new RegExp(`#?${name}: `));
    const outputs = readFileSync(`${root}infra/outputs.yml`, "utf8");
    const rows = table("| output |").flatMap(([names = ""]) => [...names.matchAll(/`(\w+)`/g)]);
    const known = [...outputs.matchAll(/^ {2}(\w+):$/gm)].map(([, name]) => name);
    assert.deepEqual(rows.map(([, name]) => name).toSorted(), known.toSorted());
  });

  it("counts the metrics that the functions and the API's log can make", () => {
    const [verdict = ""] = readFileSync(`${root}inspector/verdict.ts`, "utf8").split("export type Verdict");
    const codes = new Set(verdict.match(/(?<=\| ")[a-z-]+(?=")|(?<=Fault = StoreFault \| ")[a-z-]+(?=")/g));
    const ticketCodes = [...codes].filter((code) => code.startsWith("ticket-")).length;
    // A question whether a user exists is no login, and has no metric.
    assert.ok(codes.delete("isuser-policy"));
    const filters = readFileSync(`${root}infra/http-api.yml`, "utf8").match(/MetricName:/g)?.length ?? 0;
    assert.ok(filters > 0);
    // Each of a login's two by stage, by three outcomes and by code; those of session checks and of watches by stage and
    // two outcomes; those of the API's log by stage.
    const metricsOf = (count: number) => 2 * (1 + 3 + count) + 2 * 3 + filters;
    const [metrics] = table("| | | $ |");
    const [all, withoutTickets] = [...(metrics?.[1] ?? "").matchAll(/\d+/g)].map(Number);
    assert.deepEqual([all, withoutTickets], [metricsOf(codes.size), metricsOf(codes.size - ticketCodes)]);
    assert.equal(numberOf(metrics?.at(-1)), Number(((all ?? 0) * 0.3).toFixed(2)));
  });

  it("adds its costs up", () => {
    const [requests, duration, logs, together] = table("| a million logins |");
    const [T, M] = [...(duration?.[1] ?? "").matchAll(/= ([\d.]+)/g)].map(([, value]) => Number(value));
    const dollars = (row: readonly string[] | undefined) => numberOf(row?.at(-1));
    assert.equal(dollars(requests), 1 + 0.2);
    assert.equal(dollars(duration), Number((1e6 * (T ?? 0) * (M ?? 0) * 0.0000133334).toFixed(2)));
    assert.equal(dollars(logs), numberOf(logs?.[1]) * 0.5);
    const sum = dollars(requests) + dollars(duration) + dollars(logs);
    assert.equal(dollars(together), Number(sum.toFixed(2)));
    const [, , , endpoint] = table("| | | $ |");
    const [zones, hours, price] = [...(endpoint?.[1] ?? "").matchAll(/[\d.]+/g)].map(Number);
    assert.equal(dollars(endpoint), Number(((zones ?? 0) * (hours ?? 0) * (price ?? 0)).toFixed(2)));
  });

  it("counts the bytes that an allowed login writes to each log", async () => {
    const lines: string[] = [];
    const handler = createLoginHandler(
      async () => allowed,
      () => undefined,
      {
        log: createLog((line) => lines.push(line)),
        stage: "prod",
        nowMs: () => 0.1,
        timeMs: () => 1_795_656_452_007,
      },
    );
    const event = loginEvent("alice", "alice0session0of0the0samples");
    await handler(event);
    await handler(event);
    const [, warm = ""] = lines;
    const { accessLog } = await settings(
      { resolveVariable: async (name) => (name === "sls:stage" ? "prod" : plain) },
      () => "x",
    );
    const values = {
      status: "200",
      "error.responseType": "-",
      "identity.sourceIp": "203.0.113.207",
      "integration.status": "200",
    };
    const written = Object.entries(values).reduce(
      (text, [name, value]) => text.replace(`$context.${name}`, value),
      accessLog,
    );
    assert.doesNotMatch(written, /\$context/);
    const [, , logs] = table("| a million logins |");
    const [gigabytes, ofApi, ofFunction, ofEach] = [...(logs?.[1] ?? "").matchAll(/[\d.]+/g)].map(Number);
    assert.deepEqual([ofApi, ofFunction, ofEach], [written.length, warm.length, 26]);
    const total = (written.length + warm.length + 2 * 26) / 1000;
    assert.equal(gigabytes, Math.ceil(total * 100) / 100);
  });

  it("divides the pool by the time of an answer", () => {
    const rows = table("| programs |");
    assert.equal(rows.length, 3);
    for (const [programs, ...cells] of rows) {
      const perSecond = [10, 20, 50, 100].map((ms) => (numberOf(programs) * 1000) / ms);
      assert.deepEqual(cells.map(Number), perSecond);
    }
  });

  it("multiplies 2.5 million logins in ten minutes by the time that one takes", () => {
    const rows = table("| the function takes |");
    assert.equal(rows.length, 5);
    for (const [takes, ...cells] of rows) {
      const ms = numberOf(takes);
      const atOnce = (time: number) => Math.ceil((2_500_000 * time) / 600_000);
      assert.deepEqual(cells.map(Number), [atOnce(ms), 3 * atOnce(ms), atOnce(ms + 10)]);
    }
  });
});
