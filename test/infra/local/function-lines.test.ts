// The function's log lines, and the answer that each belongs to.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FunctionLines, readFunctionLine } from "../../../infra/local/function-lines.ts";

const line = (fields: object) => JSON.stringify({ level: "info", message: "login", ...fields });
const soonMs = 5;
const longMs = 10_000;

describe("readFunctionLine", () => {
  it("returns a login, whatever stands before it", () => {
    assert.equal(readFunctionLine(`x ${line({ outcome: "allowed" })}`)?.outcome, "allowed");
  });

  it("returns undefined for everything else", () => {
    for (const text of ["", "no JSON", '{"level":"info","message":"other"}', '{"level":'])
      assert.equal(readFunctionLine(text), undefined);
  });
});

describe("the function's lines", () => {
  it("are each taken once, the oldest first, by the answer with their outcome and code", async () => {
    const lines = new FunctionLines();
    const refusal = (reason: string, detail: string) => line({ outcome: "refused", reason, detail });
    lines.add(
      `${refusal("no-session", "a")}\n${refusal("other-user", "b")}\n${refusal("other-user", "c")}\n`,
    );
    const answered = { outcome: "refused", code: "other-user" } as const;
    assert.equal((await lines.take(answered, soonMs))?.detail, "b");
    assert.equal((await lines.take({ outcome: "refused" }, soonMs))?.detail, "a");
    assert.equal((await lines.take(answered, soonMs))?.detail, "c");
    assert.equal(await lines.take(answered, soonMs), undefined);
  });

  it("are waited for by an answer that came first, and may come in pieces", async () => {
    const lines = new FunctionLines();
    const taken = lines.take({ outcome: "unavailable", code: "store-timeout" }, longMs);
    const text = `${line({ outcome: "unavailable", fault: "store-timeout", detail: "x" })}\n`;
    lines.add(text.slice(0, 30));
    lines.add(text.slice(30));
    assert.equal((await taken)?.detail, "x");
  });

  it("are kept up to a number: those that no answer takes would fill the memory", async () => {
    const lines = new FunctionLines();
    const many = Array.from({ length: 101 }, (_, at) => line({ outcome: "refused", detail: String(at) }));
    lines.add(`${many.join("\n")}\n`);
    assert.equal((await lines.take({ outcome: "refused" }, soonMs))?.detail, "1");
  });
});
